//! Prints what commands found: as a table, JSON, YAML or bare values, safe for a terminal.

use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::Value;

use super::{
    api_client::Object,
    error::Error,
    options::{Form, Format, OutputArgs},
    sanitize::sanitize,
};

/// Members that hold JSON as text.
const JSON_TEXTS: [&str; 11] = [
    "published",
    "published_global",
    "result",
    "runtime_context",
    "input",
    "output",
    "params",
    "custom_context",
    "input_schema",
    "output_schema",
    "variables",
];

/// Where results go: standard output, or a test's buffer.
pub struct Output<'a> {
    to: &'a mut dyn Write,
    format: Option<Format>,
    columns: Vec<String>,
    width: Option<u16>,
}

/// Some members of an object, in their order.
struct Record<'a>(Vec<(&'a str, Value)>);

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'a> Output<'a> {
    /// Prints to `to` as `args` say; tables are as wide as the terminal, if there is one.
    pub(super) fn new(to: &'a mut dyn Write, args: &OutputArgs) -> Self {
        let width = console::Term::stdout()
            .size_checked()
            .map(|(_, width)| width);
        Self {
            to,
            format: args.format.and_then(Form::of_results),
            columns: args.columns.clone(),
            width,
        }
    }

    /// The form that the user asked for.
    pub const fn format(&self) -> Option<Format> {
        self.format
    }

    /// Whether the user chose columns.
    pub(super) const fn has_columns(&self) -> bool {
        !self.columns.is_empty()
    }

    /// Whether the user chose `column`.
    pub(super) fn has_column(&self, column: &str) -> bool {
        self.columns.iter().any(|chosen| chosen == column)
    }

    /// Prints a list with `columns`, unless the user chose others.
    ///
    /// # Errors
    /// When a chosen column is in none of the objects, or the output cannot be written.
    pub fn list(&mut self, objects: &[Object], columns: &[&str]) -> Result<(), Error> {
        let chosen = self.columns.clone();
        let columns: Vec<&str> = if chosen.is_empty() {
            columns.to_vec()
        } else {
            for column in &chosen {
                let is_known = columns.contains(&column.as_str())
                    || objects.iter().any(|object| object.contains_key(column));
                if !is_known {
                    return Err(unknown_column(column, columns));
                }
            }
            chosen.iter().map(String::as_str).collect()
        };
        let records: Vec<Record<'_>> = objects
            .iter()
            .map(|object| record(object, &columns))
            .collect();
        match self.format.unwrap_or(Format::Table) {
            Format::Json => self.json(&records),
            Format::Yaml => self.yaml(&records),
            Format::Value => {
                for record in &records {
                    let cells: Vec<String> = record.0.iter().map(|(_, it)| line(it)).collect();
                    self.print(&cells.join(" "))?;
                }
                Ok(())
            }
            Format::Table => {
                let rows = records
                    .iter()
                    .map(|record| record.0.iter().map(|(_, value)| cell(value)).collect())
                    .collect();
                self.table(&columns, rows)
            }
        }
    }

    /// Prints one object: the members of `order` first, then the others.
    ///
    /// # Errors
    /// When it has no such column as the user chose, or the output cannot be written.
    pub(super) fn show(&mut self, object: &Object, order: &[&str]) -> Result<(), Error> {
        let known = order
            .iter()
            .copied()
            .filter(|member| object.contains_key(*member));
        let rest = object
            .keys()
            .map(String::as_str)
            .filter(|member| !order.contains(member));
        let members: Vec<&str> = known.chain(rest).collect();
        let chosen = self.columns.clone();
        let columns: Vec<&str> = if chosen.is_empty() {
            members
        } else {
            if let Some(column) = chosen.iter().find(|it| !object.contains_key(*it)) {
                return Err(unknown_column(column, &members));
            }
            chosen.iter().map(String::as_str).collect()
        };
        let record = record(object, &columns);
        match self.format.unwrap_or(Format::Table) {
            Format::Json => self.json(&record),
            Format::Yaml => self.yaml(&record),
            Format::Value => {
                for (_, value) in &record.0 {
                    self.print(&line(value))?;
                }
                Ok(())
            }
            Format::Table => {
                let rows = record
                    .0
                    .iter()
                    .map(|(name, value)| vec![(*name).to_owned(), cell(value)])
                    .collect();
                self.table(&["field", "value"], rows)
            }
        }
    }

    /// Prints one JSON value: indented JSON unless YAML or the bare value is asked for.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn value(&mut self, value: &Value) -> Result<(), Error> {
        match self.format {
            Some(Format::Yaml) => self.yaml(value),
            Some(Format::Value) => self.print(&line(value)),
            Some(Format::Json | Format::Table) | None => self.json(value),
        }
    }

    /// Prints a line of text.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn print(&mut self, text: &str) -> Result<(), Error> {
        writeln!(self.to, "{}", sanitize(text))?;
        Ok(())
    }

    /// Prints bytes as they are.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.to.write_all(bytes)?;
        self.to.flush()?;
        Ok(())
    }

    fn json(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(value).map_err(std::io::Error::other)?;
        self.print(&text)
    }

    fn yaml(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let text = serde_saphyr::to_string(value).map_err(std::io::Error::other)?;
        self.print(text.trim_end())
    }

    fn table(&mut self, head: &[&str], rows: Vec<Vec<String>>) -> Result<(), Error> {
        self.print(&table(head, rows, self.width))
    }
}

/// A table in the OpenStack clients' style, no wider than `width` columns.
pub(super) fn table(head: &[&str], rows: Vec<Vec<String>>, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_FULL_CONDENSED);
    if let Some(width) = width {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
    }
    table.set_header(head.to_vec()).add_rows(rows);
    table.to_string()
}

fn record<'a>(object: &Object, columns: &[&'a str]) -> Record<'a> {
    let members = columns.iter().map(|column| {
        let value = object.get(*column).cloned().unwrap_or(Value::Null);
        (*column, decoded(column, value))
    });
    Record(members.collect())
}

/// `value` as the document that it holds, if it is a member that holds JSON as text.
pub(super) fn decoded(member: &str, value: Value) -> Value {
    if !JSON_TEXTS.contains(&member) {
        return value;
    }
    value
        .as_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok())
        .filter(|document| document.is_object() || document.is_array())
        .unwrap_or(value)
}

/// A value in a table: text as it is, documents indented, nothing for null. Sanitized here: the table measures it.
pub(super) fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => items
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(", "),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => {
            serde_json::to_string_pretty(value).unwrap_or_default()
        }
    };
    sanitize(&text).replace('\t', " ")
}

/// A value for scripts: text as it is, documents in one line.
fn line(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn unknown_column(column: &str, known: &[&str]) -> Error {
    Error::usage(format!(
        "there is no column `{column}`; there are {}",
        known.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn objects() -> Vec<Object> {
        let list = json!([
            {"id": "1", "name": "std.echo", "output": "{\"result\": [1, 2]}", "extra": "\u{1b}[2J"},
            {"id": "2", "name": "std.noop", "output": null},
        ]);
        serde_json::from_value(list).unwrap()
    }

    fn printed(format: Format, columns: &[&str], print: impl Fn(&mut Output<'_>)) -> String {
        let mut bytes = Vec::new();
        let mut output = Output {
            to: &mut bytes,
            format: Some(format),
            columns: columns.iter().map(|it| (*it).to_owned()).collect(),
            width: None,
        };
        print(&mut output);
        String::from_utf8(bytes).unwrap()
    }

    fn list(format: Format, columns: &[&str]) -> String {
        printed(format, columns, |output| {
            output.list(&objects(), &["id", "name"]).unwrap();
        })
    }

    #[test]
    fn a_list_is_a_table_of_its_columns() {
        let expected = "+----+----------+\n| id | name     |\n+===============+\n\
                        | 1  | std.echo |\n| 2  | std.noop |\n+----+----------+\n";
        assert_eq!(list(Format::Table, &[]), expected);
    }

    #[test]
    fn a_list_is_json_in_the_columns_order_with_json_texts_decoded() {
        let text = list(Format::Json, &["name", "output"]);
        assert!(text.find("name") < text.find("output"));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value[0],
            json!({"name": "std.echo", "output": {"result": [1, 2]}})
        );
        assert_eq!(value[1], json!({"name": "std.noop", "output": null}));
    }

    #[test]
    fn a_list_is_yaml_that_reads_back() {
        let text = list(Format::Yaml, &["id", "name", "extra"]);
        let value: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(value[0]["id"], "1");
        assert_eq!(value[1]["name"], "std.noop");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn a_list_is_bare_values_for_scripts() {
        assert_eq!(
            list(Format::Value, &["id", "output"]),
            "1 {\"result\":[1,2]}\n2 \n"
        );
    }

    #[test]
    fn escapes_in_every_form_are_shown_and_not_obeyed() {
        for format in [Format::Table, Format::Json, Format::Yaml, Format::Value] {
            assert!(!list(format, &["extra"]).contains('\u{1b}'), "{format:?}");
        }
    }

    #[test]
    fn an_unknown_column_is_refused_by_naming_the_known_ones() {
        printed(Format::Table, &["colour"], |output| {
            let error = output.list(&objects(), &["id", "name"]).unwrap_err();
            assert_eq!(
                error.to_string(),
                "there is no column `colour`; there are id, name"
            );
            assert_eq!(error.exit_code(), 2);
        });
    }

    #[test]
    fn a_shown_object_has_its_known_members_first_and_all_of_them() {
        let text = printed(Format::Json, &[], |output| {
            output
                .show(&objects()[0], &["name", "id", "absent"])
                .unwrap();
        });
        let at = |member: &str| text.find(&format!("\"{member}\"")).unwrap();
        assert!(at("name") < at("id") && at("id") < at("extra"));
        assert!(!text.contains("absent"));
    }

    #[test]
    fn a_value_is_indented_json_or_bare_text() {
        let value = |format| printed(format, &[], |output| output.value(&json!("hi")).unwrap());
        assert_eq!(value(Format::Json), "\"hi\"\n");
        assert_eq!(value(Format::Value), "hi\n");
        assert_eq!(value(Format::Yaml), "hi\n");
    }
}
