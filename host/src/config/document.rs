//! The configuration as TOML: read, overridden, and tried setting by setting.

use std::path::Path;

use serde::Deserialize as _;
use toml::{Table, Value};

use super::{Config, Error, Fault};

/// What every variable of the environment begins with that is a setting.
const PREFIX: &str = "ZONDA__";

/// The settings that somebody made.
#[derive(Debug, Default)]
pub(super) struct Document(Table);

impl Document {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text).map_err(|error| Error::NotToml {
            path: path.to_owned(),
            // Without the line itself, which may hold a password.
            reason: match error.span() {
                Some(span) => {
                    let before = text.get(..span.start).unwrap_or_default();
                    format!(
                        "line {}: {}",
                        before.matches('\n').count() + 1,
                        error.message()
                    )
                }
                None => error.message().to_owned(),
            },
        })
    }

    pub(super) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        text.parse().map(Self)
    }

    /// The configuration as a whole.
    pub(super) fn config(self) -> Result<Config, Fault> {
        read(self.0).map_err(|reason| Fault {
            key: "configuration".to_owned(),
            reason,
        })
    }

    /// Every setting that is wrong by itself.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut path = Vec::new();
        each_setting(&self.0, &mut path, &mut |path, place, value| {
            if let Err(reason) = read(alone(path, value)) {
                let mut key = path.join(".") + place;
                // A section that is unknown as a whole is one fault.
                if let Some(first) = path.first()
                    && reason.starts_with(&format!("unknown field `{first}`"))
                    && path.len() > 1
                {
                    first.clone_into(&mut key);
                }
                let fault = Fault { key, reason };
                if !faults.contains(&fault) {
                    faults.push(fault);
                }
            }
        });
        faults
    }

    /// Takes over the settings of the environment; answers those that are wrong.
    pub(super) fn override_by(&mut self, environment: &[(String, String)]) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (name, text) in environment {
            let Some(rest) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let path: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
            let mut refusal = None;
            let value = readings(text).into_iter().find(|value| {
                let read = read(alone(&path, value.clone()));
                let is_right = read.is_ok();
                // The last reading is the plainest: what is wrong with that one is what to tell.
                refusal = read.err().or(refusal.take());
                is_right
            });
            match (value, refusal) {
                (Some(value), _) => put(&mut self.0, &path, value),
                (None, refusal) => faults.push(Fault {
                    key: name.clone(),
                    reason: refusal.unwrap_or_else(|| "is no setting".to_owned()),
                }),
            }
        }
        faults
    }
}

/// What a text of the environment may mean: TOML, the text itself, a list of texts.
fn readings(text: &str) -> Vec<Value> {
    let toml = format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"));
    let items = text
        .split(',')
        .map(|item| Value::String(item.trim().to_owned()))
        .collect();
    let readings = [
        toml,
        Some(Value::Array(items)),
        Some(Value::String(text.to_owned())),
    ];
    readings.into_iter().flatten().collect()
}

/// A configuration of which only one setting is made.
fn alone(path: &[String], value: Value) -> Table {
    let mut table = Table::new();
    put(&mut table, path, value);
    table
}

fn put(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [key] => {
            table.insert(key.clone(), value);
        }
        [section, rest @ ..] => {
            let inner = table
                .entry(section.clone())
                .or_insert_with(|| Value::Table(Table::new()));
            if !inner.is_table() {
                *inner = Value::Table(Table::new());
            }
            if let Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// Visits every setting, and of a list of tables every entry, as a list of its own with its place in the whole one.
fn each_setting(
    table: &Table,
    path: &mut Vec<String>,
    visit: &mut impl FnMut(&[String], &str, Value),
) {
    for (key, value) in table {
        path.push(key.clone());
        match value.as_table().filter(|inner| !inner.is_empty()) {
            Some(inner) => each_setting(inner, path, visit),
            None => match value.as_array().filter(|list| is_of_tables(list)) {
                Some(list) => {
                    for (at, entry) in list.iter().enumerate() {
                        let alone = Value::Array(vec![entry.clone()]);
                        visit(path, &format!("[{at}]"), alone);
                    }
                }
                None => visit(path, "", value.clone()),
            },
        }
        path.pop();
    }
}

fn is_of_tables(list: &[Value]) -> bool {
    !list.is_empty() && list.iter().all(Value::is_table)
}

/// Reads a configuration. What is wrong is told without the value, which may be a secret.
fn read(table: Table) -> Result<Config, String> {
    Config::deserialize(table).map_err(|error| {
        let message = error.message();
        match message.split_once(", expected ") {
            Some((wrong, expected)) if wrong.starts_with("invalid type: string") => {
                format!("invalid type: string, expected {expected}")
            }
            Some((wrong, expected))
                if wrong.starts_with("invalid value: string")
                    || wrong.starts_with("unknown variant") =>
            {
                format!("invalid value, expected {expected}")
            }
            Some(_) | None => message.to_owned(),
        }
    })
}
