//! Counts what a component holds, in all of its parts together, against caps.
//!
//! Everything is linear in the bytes of the upload and nothing recurses, since this runs in the process that serves.
//! Types are counted and weighed, not read: they nest, and only the compiling child may run out of stack over them.

use wasmparser::{
    BinaryReaderError, Element, ElementItems, FromReader, FunctionBody, MemoryType, Operator,
    Payload, SectionLimited, Table,
};

use super::broken;
use crate::runtime::error::Error;

/// Core modules and components in a component, and how deep they nest.
const PARTS: Cap = Cap(256, "nested parts");
const DEPTH: Cap = Cap(8, "levels of nesting");
/// Sections of all parts; wit-component writes a few hundred.
const SECTIONS: Cap = Cap(20_000, "sections");
/// Custom sections and the bytes of the name of one; their contents are not looked at, here or later.
const CUSTOM_SECTIONS: Cap = Cap(1_000, "custom sections");
const CUSTOM_NAME_BYTES: Cap = Cap(1 << 10, "bytes in the name of a custom section");
/// Types that are not inside another one, and the bytes of all: a type takes a byte or more for each level it nests.
const TYPES: Cap = Cap(50_000, "types");
const TYPE_BYTES: Cap = Cap(4 << 20, "bytes of types");
/// Instances, aliases and canonical functions: what wires a component's parts together.
const WIRES: Cap = Cap(50_000, "instances, aliases and canonical functions");
/// Imports and exports of all parts, and the bytes of one of their names.
const NAMES: Cap = Cap(200_000, "imports and exports in its parts");
const NAME_BYTES: Cap = Cap(16 << 10, "bytes in the name of an import or export");
/// Core functions; CPython has about 30,000.
const FUNCTIONS: Cap = Cap(200_000, "functions");
/// Of one function.
const BODY_BYTES: Cap = Cap(2 << 20, "bytes in one function");
const LOCALS: Cap = Cap(10_000, "locals in one function");
const BLOCKS: Cap = Cap(10_000, "levels of blocks in one function");
const BRANCHES: Cap = Cap(50_000, "targets in one br_table");
/// Of all functions: a declaration of thousands of locals takes two bytes.
const ALL_LOCALS: Cap = Cap(5_000_000, "locals in its functions");
const MEMORIES: Cap = Cap(64, "memories");
/// What memories and tables have before anything runs.
const MEMORY_MIB: Cap = Cap(1 << 10, "MiB in its initial memories");
const TABLES: Cap = Cap(256, "tables");
const TABLE_ELEMENTS: Cap = Cap(1_000_000, "elements in its initial tables");
const GLOBALS: Cap = Cap(100_000, "globals");
const ELEMENT_SEGMENTS: Cap = Cap(20_000, "element segments");
const SEGMENT_ELEMENTS: Cap = Cap(2_000_000, "elements in its element segments");
const DATA_SEGMENTS: Cap = Cap(50_000, "data segments");

/// The most that there may be of something.
struct Cap(u64, &'static str);

impl Cap {
    fn check(&self, count: u64) -> Result<(), Error> {
        let Self(most, what) = self;
        if count > *most {
            return Err(Error::refused(format!(
                "the component has more than {most} {what}"
            )));
        }
        Ok(())
    }

    /// Adds to a count of all parts.
    fn add(&self, count: &mut u64, more: impl Into<u64>) -> Result<(), Error> {
        *count = count.saturating_add(more.into());
        self.check(*count)
    }
}

/// What was counted so far.
#[derive(Default)]
pub(super) struct Tally {
    /// How many parts are open around what comes next; 0 in the component itself.
    pub(super) depth: u64,
    parts: u64,
    sections: u64,
    custom_sections: u64,
    types: u64,
    type_bytes: u64,
    wires: u64,
    names: u64,
    functions: u64,
    locals: u64,
    memories: u64,
    memory_bytes: u64,
    tables: u64,
    table_elements: u64,
    globals: u64,
    element_segments: u64,
    segment_elements: u64,
    data_segments: u64,
}

impl Tally {
    /// Counts `payload` in.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is not counted has no size of its own; the compiling child validates every part"
    )]
    pub(super) fn count(&mut self, payload: &Payload<'_>) -> Result<(), Error> {
        if payload.as_section().is_some() {
            SECTIONS.add(&mut self.sections, 1_u64)?;
        }
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                PARTS.add(&mut self.parts, 1_u64)?;
                DEPTH.add(&mut self.depth, 1_u64)
            }
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::CustomSection(section) => {
                CUSTOM_NAME_BYTES.check(section.name().len() as u64)?;
                CUSTOM_SECTIONS.add(&mut self.custom_sections, 1_u64)
            }
            Payload::TypeSection(section) => self.types(section),
            Payload::CoreTypeSection(section) => self.types(section),
            Payload::ComponentTypeSection(section) => self.types(section),
            Payload::InstanceSection(section) => self.wires(section),
            Payload::ComponentInstanceSection(section) => self.wires(section),
            Payload::ComponentAliasSection(section) => self.wires(section),
            Payload::ComponentCanonicalSection(section) => self.wires(section),
            Payload::ImportSection(section) => {
                self.named(section.count())?;
                for import in section.clone().into_imports() {
                    let import = import.map_err(broken)?;
                    NAME_BYTES.check(import.module.len() as u64)?;
                    NAME_BYTES.check(import.name.len() as u64)?;
                }
                Ok(())
            }
            Payload::ExportSection(section) => {
                self.named(section.count())?;
                each(section, |export| NAME_BYTES.check(export.name.len() as u64))
            }
            Payload::ComponentImportSection(section) => {
                self.named(section.count())?;
                each(section, |import| {
                    NAME_BYTES.check(import.name.name.len() as u64)
                })
            }
            Payload::ComponentExportSection(section) => {
                self.named(section.count())?;
                each(section, |export| {
                    NAME_BYTES.check(export.name.name.len() as u64)
                })
            }
            Payload::FunctionSection(section) => {
                FUNCTIONS.add(&mut self.functions, section.count())
            }
            Payload::CodeSectionEntry(body) => self.body(body),
            Payload::MemorySection(section) => {
                MEMORIES.add(&mut self.memories, section.count())?;
                each(section, |memory| self.memory(&memory))
            }
            Payload::TableSection(section) => {
                TABLES.add(&mut self.tables, section.count())?;
                each(section, |table: Table<'_>| {
                    TABLE_ELEMENTS.add(&mut self.table_elements, table.ty.initial)
                })
            }
            Payload::GlobalSection(section) => GLOBALS.add(&mut self.globals, section.count()),
            Payload::ElementSection(section) => {
                ELEMENT_SEGMENTS.add(&mut self.element_segments, section.count())?;
                each(section, |segment: Element<'_>| {
                    let elements = match segment.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    };
                    SEGMENT_ELEMENTS.add(&mut self.segment_elements, elements)
                })
            }
            Payload::DataSection(section) => {
                DATA_SEGMENTS.add(&mut self.data_segments, section.count())
            }
            _ => Ok(()),
        }
    }

    fn types<T>(&mut self, section: &SectionLimited<'_, T>) -> Result<(), Error> {
        TYPES.add(&mut self.types, section.count())?;
        TYPE_BYTES.add(&mut self.type_bytes, section.range().len() as u64)
    }

    fn wires<T>(&mut self, section: &SectionLimited<'_, T>) -> Result<(), Error> {
        WIRES.add(&mut self.wires, section.count())
    }

    fn named(&mut self, count: u32) -> Result<(), Error> {
        NAMES.add(&mut self.names, count)
    }

    fn memory(&mut self, memory: &MemoryType) -> Result<(), Error> {
        // A page of 64 KiB, whatever the memory says of its own: smaller pages are refused later.
        let bytes = memory.initial.saturating_mul(1 << 16);
        self.memory_bytes = self.memory_bytes.saturating_add(bytes);
        MEMORY_MIB.check(self.memory_bytes.div_ceil(1 << 20))
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> Result<(), Error> {
        BODY_BYTES.check(body.range().len() as u64)?;
        let mut locals = 0;
        for local in body.get_locals_reader().map_err(broken)? {
            let (count, _) = local.map_err(broken)?;
            LOCALS.add(&mut locals, count)?;
        }
        ALL_LOCALS.add(&mut self.locals, locals)?;
        let mut blocks = 0_u64;
        for operator in body.get_operators_reader().map_err(broken)? {
            #[expect(
                clippy::wildcard_enum_match_arm,
                reason = "no other operator opens a block or has a list of its own"
            )]
            match operator.map_err(broken)? {
                Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::TryTable { .. }
                | Operator::Try { .. } => BLOCKS.add(&mut blocks, 1_u64)?,
                Operator::End => blocks = blocks.saturating_sub(1),
                Operator::BrTable { targets } => BRANCHES.check(targets.len().into())?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Looks at every item of a section whose items do not nest.
fn each<'a, T: FromReader<'a>>(
    section: &SectionLimited<'a, T>,
    mut look: impl FnMut(T) -> Result<(), Error>,
) -> Result<(), Error> {
    section
        .clone()
        .into_iter()
        .try_for_each(|item: Result<T, BinaryReaderError>| look(item.map_err(broken)?))
}
