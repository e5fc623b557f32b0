//! The components that `scripts/build-actions` has built.

use anyhow::{Context, Result};

/// One of the modules that Zonda ships.
pub fn action(name: &str) -> Result<Vec<u8>> {
    read("actions", name)
}

/// A guest made for these tests.
pub fn guest(name: &str) -> Result<Vec<u8>> {
    read("guests", name)
}

/// An example of the SDK.
pub fn example(name: &str) -> Result<Vec<u8>> {
    read("examples", name)
}

fn read(folder: &str, name: &str) -> Result<Vec<u8>> {
    let path = crate::target_folder()
        .join(folder)
        .join(format!("{name}.wasm"));
    std::fs::read(&path)
        .with_context(|| format!("{} is missing: run scripts/build-actions", path.display()))
}
