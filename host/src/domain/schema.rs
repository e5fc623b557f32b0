//! JSON Schemas of inputs and results: checks of values, and Mistral's `input` text.

use std::fmt;

use jsonschema::{PatternOptions, Retrieve, Uri, Validator, error::ValidationErrorKind};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use super::JsonText;

/// Bytes that the program of one regular expression may take.
const PATTERN_BYTES: usize = 1 << 20;
/// Faults that are told of one value.
const FAULTS: usize = 10;
/// How often schemas may be applied to one value, all references followed, so that a small schema cannot cost much.
const APPLICATIONS: usize = 10_000;
/// The same for all parts of a document together, which bounds what finding out costs.
const ALL_APPLICATIONS: usize = 1_000_000;

/// Why a document is not a schema that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSchema {
    /// It breaks the rules of JSON Schema 2020-12, or one of its patterns or references is none.
    #[error("{0}")]
    Invalid(String),
    /// An input is an object.
    #[error("it must be the schema of an object: `\"type\": \"object\"`")]
    NotAnObject,
    /// It is written for another version.
    #[error("it must be of JSON Schema 2020-12, not of `{0}`")]
    Draft(String),
    /// Its references lead back to themselves or multiply.
    #[error("its references lead in a circle or multiply beyond {APPLICATIONS} schemas")]
    Endless,
}

/// What is wrong with a value, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A JSON Pointer into the value; empty for the whole.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// A compiled JSON Schema 2020-12. Its references stay within the document and its patterns run in linear time.
#[derive(Debug)]
pub struct Schema {
    validator: Validator,
    text: JsonText,
}

impl Schema {
    /// The schema that `text` holds.
    ///
    /// # Errors
    /// When it is none.
    pub fn compile(text: &JsonText) -> Result<Self, BadSchema> {
        let document: Value = text
            .to()
            .map_err(|err| BadSchema::Invalid(err.to_string()))?;
        Self::compile_document(text, &document)
    }

    /// The schema of an object that `text` holds, as every input has one.
    ///
    /// # Errors
    /// When it is none.
    pub fn compile_object(text: &JsonText) -> Result<Self, BadSchema> {
        let document: Value = text
            .to()
            .map_err(|err| BadSchema::Invalid(err.to_string()))?;
        if document.get("type").and_then(Value::as_str) != Some("object") {
            return Err(match document.get("type") {
                Some(Value::String(kind)) if !is_type(kind) => {
                    BadSchema::Invalid(format!("`{}` is not a type", kind.escape_debug()))
                }
                _ => BadSchema::NotAnObject,
            });
        }
        Self::compile_document(text, &document)
    }

    fn compile_document(text: &JsonText, document: &Value) -> Result<Self, BadSchema> {
        if let Some(draft) = document.get("$schema").and_then(Value::as_str)
            && draft.trim_end_matches('#') != "https://json-schema.org/draft/2020-12/schema"
        {
            return Err(BadSchema::Draft(draft.to_owned()));
        }
        let mut left = ALL_APPLICATIONS;
        check_all(document, document, &mut left)?;
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .with_pattern_options(
                PatternOptions::regex()
                    .size_limit(PATTERN_BYTES)
                    .dfa_size_limit(PATTERN_BYTES),
            )
            .with_retriever(Nowhere)
            .build(document)
            .map_err(|err| {
                let place = err.instance_path();
                BadSchema::Invalid(format!("{place}: {}", fault_text(&err)))
            })?;
        Ok(Self {
            validator,
            text: text.clone(),
        })
    }

    /// Checks `value`.
    ///
    /// # Errors
    /// What is wrong with it: the first faults, each with its place.
    pub fn check(&self, value: &Value) -> Result<(), Vec<Fault>> {
        if self.validator.is_valid(value) {
            return Ok(());
        }
        let faults = self.validator.iter_errors(value).take(FAULTS);
        Err(faults
            .map(|err| Fault {
                path: err.instance_path().to_string(),
                message: fault_text(&err),
            })
            .collect())
    }

    /// Mistral's `input` text, such as `output, delay=0`: what is required first, the rest with its defaults in JSON.
    #[must_use]
    pub fn mistral_input(&self) -> String {
        let Ok(object) = serde_json::from_str::<ObjectSchema<'_>>(self.text.as_str()) else {
            return String::new();
        };
        let (required, optional): (Vec<_>, Vec<_>) = object
            .properties
            .0
            .iter()
            .partition(|(name, _)| object.required.contains(name));
        let required = required.into_iter().map(|(name, _)| name.clone());
        let optional = optional.into_iter().map(|(name, property)| {
            let default = property.default.map_or("null", RawValue::get);
            format!("{name}={default}")
        });
        required.chain(optional).collect::<Vec<_>>().join(", ")
    }
}

fn is_type(kind: &str) -> bool {
    [
        "null", "boolean", "object", "array", "number", "integer", "string",
    ]
    .contains(&kind)
}

/// The library's text, without the value where that is long.
fn fault_text(err: &jsonschema::ValidationError<'_>) -> String {
    if let ValidationErrorKind::Required { property } = err.kind() {
        return format!("{property} is required");
    }
    let text = if err.instance().to_string().len() > 100 {
        err.masked_with("this value").to_string()
    } else {
        err.to_string()
    };
    text.chars().take(500).collect()
}

/// Fetches nothing: neither files nor anything on the network.
struct Nowhere;

impl Retrieve for Nowhere {
    fn retrieve(
        &self,
        _uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err("a `$ref` stays within the document (`#/…`)".into())
    }
}

/// Applies every schema of the document once, so that circles and multiplication show before a value is checked.
fn check_all(root: &Value, part: &Value, left: &mut usize) -> Result<(), BadSchema> {
    match part {
        Value::Object(members) => {
            let mut here = APPLICATIONS.min(*left);
            let before = here;
            apply(root, part, &mut here, 0)?;
            *left -= before - here;
            for member in members.values() {
                check_all(root, member, left)?;
            }
            Ok(())
        }
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| check_all(root, item, left)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// Counts the schemas that `schema` applies to the same value.
fn apply(root: &Value, schema: &Value, left: &mut usize, depth: usize) -> Result<(), BadSchema> {
    *left = left.checked_sub(1).ok_or(BadSchema::Endless)?;
    if depth > 100 {
        return Err(BadSchema::Endless);
    }
    let Value::Object(members) = schema else {
        return Ok(());
    };
    for keyword in ["$ref", "$dynamicRef"] {
        if let Some(pointer) = members.get(keyword).and_then(Value::as_str)
            && let Some(target) = pointer.strip_prefix('#').and_then(|at| root.pointer(at))
        {
            apply(root, target, left, depth + 1)?;
        }
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        if let Some(Value::Array(schemas)) = members.get(keyword) {
            for schema in schemas {
                apply(root, schema, left, depth + 1)?;
            }
        }
    }
    for keyword in ["not", "if", "then", "else"] {
        if let Some(schema) = members.get(keyword) {
            apply(root, schema, left, depth + 1)?;
        }
    }
    if let Some(Value::Object(schemas)) = members.get("dependentSchemas") {
        for schema in schemas.values() {
            apply(root, schema, left, depth + 1)?;
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct ObjectSchema<'a> {
    #[serde(borrow, default)]
    properties: Properties<'a>,
    #[serde(default)]
    required: Vec<String>,
}

#[derive(Deserialize)]
struct Property<'a> {
    #[serde(borrow, default)]
    default: Option<&'a RawValue>,
}

/// Properties in the order in which the author wrote them.
#[derive(Default)]
struct Properties<'a>(Vec<(String, Property<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Properties<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Properties<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut properties = Vec::new();
                while let Some(name) = map.next_key()? {
                    let schema: &'de RawValue = map.next_value()?;
                    // A property's schema may be `true` as well.
                    let property =
                        serde_json::from_str(schema.get()).unwrap_or(Property { default: None });
                    properties.push((name, property));
                }
                Ok(Properties(properties))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(text: &str) -> Result<Schema, BadSchema> {
        Schema::compile(&JsonText::parse(text).unwrap())
    }

    #[test]
    fn a_fault_says_where_it_is() {
        let schema = schema(
            r#"{"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}, "required": ["b"]}"#,
        )
        .unwrap();
        let faults = schema
            .check(&serde_json::json!({"a": [1, "x"], "b": 0}))
            .unwrap_err();
        assert_eq!(faults[0].path, "/a/1");
        let faults = schema.check(&serde_json::json!({})).unwrap_err();
        assert!(
            faults[0].to_string().contains("\"b\" is required"),
            "{}",
            faults[0]
        );
        assert!(schema.check(&serde_json::json!({"b": 1})).is_ok());
    }

    #[test]
    fn references_stay_in_the_document() {
        assert!(schema(r##"{"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}"##).is_ok());
        for target in ["https://example.com/s", "file:///etc/passwd", "other.json"] {
            assert!(
                schema(&format!(r#"{{"$ref": "{target}"}}"#)).is_err(),
                "{target}"
            );
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_is_refused_unless_the_value_gets_smaller() {
        assert_eq!(
            schema(r##"{"$ref": "#"}"##).unwrap_err(),
            BadSchema::Endless
        );
        let circle = r##"{"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}}"##;
        assert_eq!(schema(circle).unwrap_err(), BadSchema::Endless);
        let list =
            schema(r##"{"type": "object", "properties": {"next": {"$ref": "#"}}}"##).unwrap();
        assert!(
            list.check(&serde_json::json!({"next": {"next": {}}}))
                .is_ok()
        );
        assert!(
            list.check(&serde_json::json!({"next": {"next": 1}}))
                .is_err()
        );
    }

    #[test]
    fn a_schema_that_multiplies_is_refused() {
        let mut text = r#"{"$defs": {"d0": {"type": "string"}"#.to_owned();
        for n in 1..40 {
            let under = n - 1;
            text += &format!(
                r##", "d{n}": {{"allOf": [{{"$ref": "#/$defs/d{under}"}}, {{"$ref": "#/$defs/d{under}"}}]}}"##
            );
        }
        text += r##"}, "$ref": "#/$defs/d39"}"##;
        assert_eq!(schema(&text).unwrap_err(), BadSchema::Endless);
    }

    #[test]
    fn patterns_that_backtrack_are_refused() {
        assert!(schema(r#"{"pattern": "^[a-z]+$"}"#).is_ok());
        assert!(schema(r#"{"pattern": "(a)\\1"}"#).is_err());
    }

    #[test]
    fn another_draft_is_refused() {
        let old = r#"{"$schema": "http://json-schema.org/draft-07/schema#"}"#;
        assert!(matches!(schema(old), Err(BadSchema::Draft(_))));
    }

    #[test]
    fn mistrals_input_names_what_is_required_first() {
        let schema = schema(
            r#"{"type": "object", "properties": {"url": {"type": "string"}, "method": {"default": "GET"},
                "delay": {"default": 0}, "any": true, "body": {"type": "object"}, "output": {}}, "required": ["output", "url"]}"#,
        )
        .unwrap();
        assert_eq!(
            schema.mistral_input(),
            r#"url, output, method="GET", delay=0, any=null, body=null"#
        );
    }
}
