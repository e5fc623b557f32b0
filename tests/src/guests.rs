//! The components that `scripts/build-actions` has built.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// One of the modules that Zonda ships.
pub fn action(name: &str) -> Result<Vec<u8>> {
    read("actions", name)
}

/// The file of one of the modules that Zonda ships.
pub fn action_file(name: &str) -> PathBuf {
    file("actions", name)
}

/// A guest made for these tests.
pub fn guest(name: &str) -> Result<Vec<u8>> {
    read("guests", name)
}

/// The guest `faulty` with another mode than `good`; an unknown one is harmless and answered by `faulty.mode`.
pub fn faulty(mode: &str) -> Result<Vec<u8>> {
    let patch = format!("faulty-mode:{mode:-<16}");
    replace(
        guest("faulty")?,
        b"faulty-mode:good------------",
        patch.as_bytes(),
    )
}

/// A guest made for a version of the WIT package that does not exist yet.
pub fn of_the_future() -> Result<Vec<u8>> {
    replace(guest("faulty")?, b"@0.1.0", b"@0.9.0")
}

/// A component written by hand: `tests/guests/evil/wat/NAME.wat`, in the frame that lies beside it; its action is `NAME.run`.
pub fn wat(name: &str) -> Result<Vec<u8>> {
    let text = wat_text(name)?;
    if text.contains("\n(component") {
        return Ok(wat::parse_str(text)?);
    }
    let frame = wat_text("frame")?;
    let parts = frame.split("\n\n").filter(|part| !is_defined(&text, part));
    let (main, component) = text
        .split_once(";; in the component\n")
        .unwrap_or((&text, ""));
    let length = name.len() + ".run".len();
    let component = parts
        .collect::<Vec<_>>()
        .join("\n\n")
        .replace("{name}", name)
        .replace("{length}", &format!("\\{length:02x}"))
        .replace(";; {main}", main)
        .replace(";; {component}", component);
    wat::parse_str(component).with_context(|| format!("{name}.wat is no WebAssembly"))
}

fn wat_text(name: &str) -> Result<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/guests/evil/wat");
    let path = format!("{folder}/{name}.wat");
    std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))
}

/// Whether `text` defines what this part of the frame does.
fn is_defined(text: &str, part: &str) -> bool {
    part.split_once(";; part: ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .is_some_and(|name| {
            let mut defined = text.split("(func ").skip(1);
            defined.any(|rest| rest.split_whitespace().next() == Some(name))
        })
}

/// Replaces every occurrence of a text by one of the same length.
fn replace(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Result<Vec<u8>> {
    ensure!(from.len() == to.len(), "the texts differ in length");
    let places: Vec<_> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, w)| *w == from)
        .map(|(at, _)| at)
        .collect();
    ensure!(
        !places.is_empty(),
        "the guest does not hold {}",
        String::from_utf8_lossy(from)
    );
    for at in places {
        if let Some(place) = bytes.get_mut(at..at + to.len()) {
            place.copy_from_slice(to);
        }
    }
    Ok(bytes)
}

/// An example of the SDK.
pub fn example(name: &str) -> Result<Vec<u8>> {
    read("examples", name)
}

fn read(folder: &str, name: &str) -> Result<Vec<u8>> {
    let path = file(folder, name);
    std::fs::read(&path)
        .with_context(|| format!("{} is missing: run scripts/build-actions", path.display()))
}

fn file(folder: &str, name: &str) -> PathBuf {
    crate::target_folder()
        .join(folder)
        .join(format!("{name}.wasm"))
}
