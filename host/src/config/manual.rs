//! `docs/configure.md` is made of the settings' own comments and defaults, and must be up to date.

use std::{fmt::Write as _, path::Path};

use serde_json::Value;

use super::Config;

const HEAD: &str = "\
# Configuration

This page is made from the comments and defaults in the code: after a change of a setting, run the tests with \
`ZONDA_WRITE_DOCS=1`.

`zonda serve` reads one TOML file: the one named by `--config`, else `zonda/zonda.toml` in the user's configuration \
folder (`~/.config` on Linux), else `/etc/zonda/zonda.toml`; without any, every setting has its default.
A variable of the environment overrides the file: `[openstack] ca_files` is `ZONDA__OPENSTACK__CA_FILES`, and \
`[auth.keystone] password` is `ZONDA__AUTH__KEYSTONE__PASSWORD`.
A value is written as in TOML, a text also without quotes, a list of texts also with commas alone.
`zonda config check` prints every fault of file and environment at once; an unknown setting is one.
";

/// The page.
fn page() -> String {
    let schema = schemars::schema_for!(Config).to_value();
    let defaults = serde_json::to_value(Config::default()).expect("settings are plain data");
    let mut page = HEAD.to_owned();
    let sections = schema["properties"]
        .as_object()
        .expect("a configuration has sections");
    for (name, section) in sections {
        write_section(&mut page, &schema, name, section, &defaults[name]);
    }
    page
}

/// The entries of a list of tables.
fn entries<'a>(root: &'a Value, list: &'a Value) -> Option<&'a Value> {
    let entry = resolve(root, &list["items"]);
    entry["properties"].is_object().then_some(entry)
}

fn write_section(page: &mut String, root: &Value, name: &str, section: &Value, defaults: &Value) {
    let whole = resolve(root, section);
    let list = entries(root, whole);
    let resolved = list.unwrap_or(whole);
    let description = section["description"]
        .as_str()
        .or(resolved["description"].as_str());
    let head = if list.is_some() {
        format!("[[{name}]]")
    } else {
        format!("[{name}]")
    };
    let _ = writeln!(
        page,
        "\n## `{head}`\n\n{}\n",
        one_line(description.unwrap_or_default())
    );
    page.push_str("| setting | type | default | meaning |\n|---|---|---|---|\n");
    let mut inner = Vec::new();
    for (key, property) in resolved["properties"].as_object().into_iter().flatten() {
        let target = resolve(root, property);
        if target["properties"].is_object() || entries(root, target).is_some() {
            inner.push((key, property, target));
            continue;
        }
        let description = property["description"]
            .as_str()
            .or(target["description"].as_str());
        let _ = writeln!(
            page,
            "| `{key}` | {} | {} | {} |",
            type_of(root, property),
            default_of(&defaults[key]),
            one_line(description.unwrap_or_default()),
        );
    }
    for (key, property, _) in inner {
        write_section(
            page,
            root,
            &format!("{name}.{key}"),
            property,
            &defaults[key],
        );
    }
}

/// What a property refers to, past `$ref` and the `anyOf` of something optional.
fn resolve<'a>(root: &'a Value, property: &'a Value) -> &'a Value {
    if let Some(reference) = property["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return resolve(root, &root["$defs"][name]);
    }
    for choices in [&property["anyOf"], &property["allOf"]] {
        let choice = choices
            .as_array()
            .into_iter()
            .flatten()
            .find(|choice| choice["type"] != "null");
        if let Some(choice) = choice {
            return resolve(root, choice);
        }
    }
    property
}

fn type_of(root: &Value, property: &Value) -> String {
    let target = resolve(root, property);
    let choices: Vec<&str> = target["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .chain(
            target["oneOf"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|choice| &choice["const"]),
        )
        .filter_map(Value::as_str)
        .collect();
    if !choices.is_empty() {
        let quoted: Vec<String> = choices
            .iter()
            .map(|choice| format!("`\"{choice}\"`"))
            .collect();
        return quoted.join(", ");
    }
    let name = target["type"].as_str().or_else(|| {
        let types = target["type"].as_array()?;
        types
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
    });
    match name {
        Some("array") if resolve(root, &target["items"])["properties"].is_object() => {
            "list of tables".to_owned()
        }
        Some("array") => "list of strings".to_owned(),
        Some(name) => name.to_owned(),
        None => "string".to_owned(),
    }
}

fn default_of(value: &Value) -> String {
    if value.is_null() {
        "–".to_owned()
    } else {
        format!("`{value}`")
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

#[test]
fn the_page_on_configuration_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configure.md");
    let page = page();
    if std::env::var_os("ZONDA_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/configure.md is out of date: run this test with ZONDA_WRITE_DOCS=1"
    );
}
