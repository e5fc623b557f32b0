//! Reads an upload before anything compiles it: that it is a component of our world, and of bearable size.

use wasmparser::{Encoding, Parser, Payload};

use super::error::Error;

/// Core functions in all modules of a component; CPython has about 30,000.
const FUNCTIONS: usize = 200_000;
/// Bytes of one function's body.
const BODY_BYTES: usize = 2 << 20;
/// Memories and tables that all modules of a component define.
const MEMORIES: usize = 64;
const TABLES: usize = 256;
/// Core modules and components in a component, and how deep they nest.
const PARTS: usize = 256;
const DEPTH: usize = 8;
/// Imports and exports of the component itself.
const NAMES: usize = 256;

const PACKAGE: &str = "zonda:action";
/// The package version that this host speaks; patch versions only add.
const VERSION: &str = "0.1.";
const SPOKEN: &str = "0.1.x";

/// Interfaces that an action module may import: our own, and what languages need in order to start.
const IMPORTS: [&str; 27] = [
    "zonda:action/types",
    "zonda:action/execution",
    "zonda:action/cloud",
    "zonda:action/http",
    "zonda:action/log",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
];

/// Refuses `bytes` unless they are a component of the world `action-module` within the caps.
pub(super) fn inspect(bytes: &[u8]) -> Result<(), Error> {
    check_header(bytes)?;
    let mut seen = Seen::default();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|err| broken(&err))?;
        seen.look_at(payload)?;
    }
    seen.check_exports()
}

fn check_header(bytes: &[u8]) -> Result<(), Error> {
    if !bytes.starts_with(b"\0asm") {
        return Err(Error::refused(
            "this is not WebAssembly: upload the component in its binary form (`.wasm`)",
        ));
    }
    match bytes.get(4..8) {
        Some([0x0d, 0, 1, 0]) => Ok(()),
        Some([1, 0, 0, 0]) => Err(Error::refused(
            "this is a core module, not a component: build it for wasm32-wasip2, or wrap it with `wasm-tools component new`",
        )),
        _ => Err(Error::refused(
            "this WebAssembly binary has a version that the host does not know",
        )),
    }
}

fn broken(err: &wasmparser::BinaryReaderError) -> Error {
    Error::refused(format!("this is not a valid component: {err}"))
}

#[derive(Default)]
struct Seen {
    depth: usize,
    parts: usize,
    functions: usize,
    memories: usize,
    tables: usize,
    names: usize,
    exports_actions: bool,
}

impl Seen {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the compiling child validates every other part"
    )]
    fn look_at(&mut self, payload: Payload<'_>) -> Result<(), Error> {
        match payload {
            Payload::Version { encoding, .. } if self.depth == 0 => {
                debug_assert_eq!(encoding, Encoding::Component, "the header was checked");
                Ok(())
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                self.depth += 1;
                self.parts += 1;
                cap("nested parts", self.parts, PARTS)?;
                cap("levels of nesting", self.depth, DEPTH)
            }
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::FunctionSection(section) => {
                self.functions += section.count() as usize;
                cap("functions", self.functions, FUNCTIONS)
            }
            Payload::CodeSectionEntry(body) => {
                cap("bytes in one function", body.range().len(), BODY_BYTES)
            }
            Payload::MemorySection(section) => {
                self.memories += section.count() as usize;
                cap("memories", self.memories, MEMORIES)
            }
            Payload::TableSection(section) => {
                self.tables += section.count() as usize;
                cap("tables", self.tables, TABLES)
            }
            Payload::ComponentImportSection(section) if self.depth == 0 => {
                self.names += section.count() as usize;
                cap("imports and exports", self.names, NAMES)?;
                for import in section {
                    check_import(import.map_err(|err| broken(&err))?.name.name)?;
                }
                Ok(())
            }
            Payload::ComponentExportSection(section) if self.depth == 0 => {
                self.names += section.count() as usize;
                cap("imports and exports", self.names, NAMES)?;
                for export in section {
                    let name = export.map_err(|err| broken(&err))?.name.name;
                    self.exports_actions |= is_actions(name)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn check_exports(&self) -> Result<(), Error> {
        if self.exports_actions {
            Ok(())
        } else {
            Err(Error::refused(format!(
                "the component does not export `{PACKAGE}/actions@{SPOKEN}`: it is not of the world `action-module`"
            )))
        }
    }
}

fn cap(what: &str, count: usize, most: usize) -> Result<(), Error> {
    if count > most {
        return Err(Error::refused(format!(
            "the component has more than {most} {what}"
        )));
    }
    Ok(())
}

/// An interface's name without version, and the version.
fn split(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

fn check_version(interface: &str, version: &str) -> Result<(), Error> {
    let is_ours = interface
        .strip_prefix(PACKAGE)
        .is_some_and(|rest| rest.starts_with('/'));
    if is_ours && !version.starts_with(VERSION) {
        return Err(Error::refused(format!(
            "the component is built for {PACKAGE}@{version}; this host supports {SPOKEN}"
        )));
    }
    Ok(())
}

fn check_import(name: &str) -> Result<(), Error> {
    let (interface, version) = split(name);
    check_version(interface, version)?;
    if IMPORTS.contains(&interface) || interface == "wasi:sockets/udp" {
        return Ok(());
    }
    let remedy = if interface.starts_with("wasi:http/") {
        "; requests go through `zonda:action/cloud` and `zonda:action/http`"
    } else if interface.starts_with("wasi:") {
        "; build with stubs for WASI where the tool has them (`--stub-wasi`)"
    } else {
        ""
    };
    Err(Error::refused(format!(
        "the component imports `{name}`, which actions do not get{remedy}"
    )))
}

fn is_actions(name: &str) -> Result<bool, Error> {
    let (interface, version) = split(name);
    check_version(interface, version)?;
    Ok(interface.strip_prefix(PACKAGE) == Some("/actions"))
}
