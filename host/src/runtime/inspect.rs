//! Reads an upload before anything compiles it: that it is a component of our world, and of bearable size.

mod tally;

use wasmparser::{BinaryReaderError, Encoding, Parser, Payload};

use self::tally::Tally;
use super::{error::Error, log::cut};

/// Imports and exports of the component itself.
const NAMES: usize = 256;
/// How much of a name that the uploader chose is repeated to him.
const SHOWN_BYTES: usize = 200;

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
///
/// Whether they are valid in every other way is for the compiling child: wasmtime validates there with the features of
/// the engine that serves, and a validator of our own here could only differ from it.
pub(super) fn inspect(bytes: &[u8]) -> Result<(), Error> {
    check_header(bytes)?;
    let mut seen = Seen::default();
    for payload in Parser::new(0).parse_all(bytes) {
        seen.look_at(&payload.map_err(broken)?)?;
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

fn broken(err: BinaryReaderError) -> Error {
    Error::refused(format!("this is not a valid component: {err}"))
}

#[derive(Default)]
struct Seen {
    tally: Tally,
    names: usize,
    exports_actions: bool,
}

impl Seen {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the world shows in the imports and exports alone"
    )]
    fn look_at(&mut self, payload: &Payload<'_>) -> Result<(), Error> {
        let is_outermost = self.tally.depth == 0;
        self.tally.count(payload)?;
        match payload {
            Payload::Version { encoding, .. } if is_outermost => {
                debug_assert_eq!(*encoding, Encoding::Component, "the header was checked");
                Ok(())
            }
            Payload::ComponentImportSection(section) if is_outermost => {
                self.count_names(section.count())?;
                for import in section.clone() {
                    check_import(import.map_err(broken)?.name.name)?;
                }
                Ok(())
            }
            Payload::ComponentExportSection(section) if is_outermost => {
                self.count_names(section.count())?;
                for export in section.clone() {
                    let name = export.map_err(broken)?.name.name;
                    self.exports_actions |= is_actions(name)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn count_names(&mut self, more: u32) -> Result<(), Error> {
        self.names = self.names.saturating_add(more as usize);
        if self.names > NAMES {
            return Err(Error::refused(format!(
                "the component itself has more than {NAMES} imports and exports"
            )));
        }
        Ok(())
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

/// An interface's name without version, and the version.
fn split(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

fn shown(name: &str) -> String {
    cut(name.to_owned(), SHOWN_BYTES).escape_debug().to_string()
}

fn check_version(interface: &str, version: &str) -> Result<(), Error> {
    let is_ours = interface
        .strip_prefix(PACKAGE)
        .is_some_and(|rest| rest.starts_with('/'));
    if is_ours && !version.starts_with(VERSION) {
        return Err(Error::refused(format!(
            "the component is built for {PACKAGE}@{}; this host supports {SPOKEN}",
            shown(version)
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
        "the component imports `{}`, which actions do not get{remedy}",
        shown(name)
    )))
}

fn is_actions(name: &str) -> Result<bool, Error> {
    let (interface, version) = split(name);
    check_version(interface, version)?;
    Ok(interface.strip_prefix(PACKAGE) == Some("/actions"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let bytes = wat::parse_str(text).unwrap();
        inspect(&bytes).unwrap_err().to_string()
    }

    fn many(count: usize, item: &str) -> String {
        item.repeat(count)
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table, one row a cap")]
    fn each_cap_is_named_when_it_is_passed() {
        let nested = |depth: usize| many(depth, "(component ") + &many(depth, ")");
        let blocks = many(10_001, "block ") + &many(10_001, "end ");
        let long = "n".repeat(20_000);
        for (inner, cap) in [
            (many(300, "(core module)"), "256 nested parts"),
            (nested(9), "8 levels of nesting"),
            (
                many(20_001, "(core module) ").replace("(core module) ", "(@custom \"a\" \"\")"),
                "1000 custom sections",
            ),
            (
                format!("(@custom \"{}\" \"\")", "c".repeat(2000)),
                "1024 bytes in the name of a custom section",
            ),
            (many(50_001, "(type string)"), "50000 types"),
            (
                many(50_001, "(alias export 0 \"a\" (func))"),
                "50000 instances, aliases",
            ),
            (
                format!("(core module {})", many(50_001, "(type (func))")),
                "50000 types",
            ),
            (
                format!(
                    "(core module {})",
                    many(200_001, "(import \"\" \"\" (func))")
                ),
                "200000 imports and exports",
            ),
            (
                format!("(core module (import \"{long}\" \"\" (func)))"),
                "16384 bytes in the name",
            ),
            (
                format!("(core module (func (export \"{long}\")))"),
                "16384 bytes in the name",
            ),
            (
                format!("(core module {})", many(200_001, "(func)")),
                "200000 functions",
            ),
            (
                format!("(core module (func (local {})))", many(10_001, "i32 ")),
                "10000 locals",
            ),
            (
                format!("(core module (func {blocks}))"),
                "10000 levels of blocks",
            ),
            (
                format!(
                    "(core module (func i32.const 0 br_table {}))",
                    many(50_002, "0 ")
                ),
                "50000 targets",
            ),
            (
                format!(
                    "(core module (func {}))",
                    many(1 << 20, "i32.const 1 drop ")
                ),
                "2097152 bytes in one function",
            ),
            (
                format!("(core module {})", many(65, "(memory 0)")),
                "64 memories",
            ),
            (
                format!("(core module {})", many(33, "(memory 512)")),
                "1024 MiB in its initial memories",
            ),
            (
                format!("(core module {})", many(257, "(table 0 funcref)")),
                "256 tables",
            ),
            (
                format!("(core module {})", many(11, "(table 100000 funcref)")),
                "1000000 elements in its initial tables",
            ),
            (
                format!(
                    "(core module {})",
                    many(100_001, "(global i32 i32.const 0)")
                ),
                "100000 globals",
            ),
            (
                format!("(core module {})", many(20_001, "(elem func)")),
                "20000 element segments",
            ),
            (
                format!("(core module (func) (elem func {}))", many(2_000_001, "0 ")),
                "2000000 elements in its element segments",
            ),
            (
                format!("(core module {})", many(50_001, "(data)")),
                "50000 data segments",
            ),
            (
                many(20_001, "(core module) (type string)")
                    .replace("(core module) ", "(core type (func)) "),
                "20000 sections",
            ),
        ] {
            let said = refusal(&format!("(component {inner})"));
            assert!(said.contains(cap), "{cap}: {said}");
        }
    }

    #[test]
    fn locals_of_all_functions_are_counted_together() {
        // 10,000 locals are two bytes of a declaration.
        let function = format!("(func (local {}))", many(10_000, "i32 "));
        let said = refusal(&format!(
            "(component (core module {}))",
            many(501, &function)
        ));
        assert!(said.contains("5000000 locals in its functions"), "{said}");
    }

    #[test]
    fn types_are_weighed_but_not_read() {
        // A nest of types without an end, which a reader that recurses would not survive.
        let mut types = vec![1];
        for _ in 0..(2 << 20) {
            types.extend([0x42, 1, 1]);
        }
        let mut bytes = b"\0asm\x0d\0\x01\0\x07".to_vec();
        let mut length = types.len();
        while length > 0x7f {
            bytes.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend(types);
        let said = inspect(&bytes).unwrap_err().to_string();
        assert!(said.contains("4194304 bytes of types"), "{said}");
    }

    #[test]
    fn a_long_name_is_not_repeated_in_full() {
        let name = format!("wasi:{}/x", "n".repeat(5000));
        let said = refusal(&format!("(component (import \"{name}\" (instance)))"));
        assert!(
            said.contains("imports `wasi:nnn") && said.len() < 500,
            "{said}"
        );
    }

    #[test]
    fn what_actions_do_not_get_is_refused_by_name() {
        for (name, word) in [
            ("wasi:http/outgoing-handler@0.2.0", "zonda:action/http"),
            ("wasi:sockets/tcp-create-socket@0.2.0", "tcp-create-socket"),
            ("wasi:sockets/ip-name-lookup@0.2.0", "ip-name-lookup"),
            ("wasi:keyvalue/store@0.2.0", "keyvalue"),
            ("zonda:action/cloud@0.2.0", "0.1.x"),
            ("evil", "`evil`"),
        ] {
            let said = refusal(&format!("(component (import \"{name}\" (instance)))"));
            assert!(said.contains(word), "{name}: {said}");
        }
    }
}
