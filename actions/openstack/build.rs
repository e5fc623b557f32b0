//! Turns the catalogue's YAML into static Rust data, so that no run parses any YAML.

#[path = "build/row.rs"]
mod row;
#[path = "build/write.rs"]
mod write;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::{env, fs};

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script in its environment where to write"
)]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=catalogue");
    println!("cargo::rerun-if-changed=build");
    let mut services = String::new();
    let mut rows = BTreeMap::new();
    let mut files: Vec<_> = fs::read_dir("catalogue")?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    for path in files
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
    {
        let file: row::File = serde_saphyr::from_str(&fs::read_to_string(path)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        services.push_str(&write::service(&file));
        for (verb, columns) in &file.actions {
            let name = format!("{}.{verb}", file.prefix);
            let text = row::Row::read(&file, &name, columns)
                .map(|row| write::row(&file, &row))
                .map_err(|fault| format!("{}: {name}: {fault}", path.display()))?;
            if rows.insert(name.clone(), text).is_some() {
                return Err(format!("{}: {name} is there twice", path.display()).into());
            }
        }
    }
    let rows: Vec<String> = rows.into_values().collect();
    let table = format!(
        "{services}pub(crate) static ROWS: &[Row] = &[\n{}];\n",
        rows.concat()
    );
    fs::write(Path::new(&env::var("OUT_DIR")?).join("rows.rs"), table)?;
    Ok(())
}
