//! JSON Schemas of inputs and results: checks of values, and Mistral's `input` text.

use std::fmt;

use jsonschema::{PatternOptions, Retrieve, Uri, Validator, error::ValidationErrorKind};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use self::work::{APPLICATIONS, DEPTH, PATTERNS, STEPS, Work};
use super::JsonText;

mod work;

/// Bytes that the program of one regular expression may take.
const PATTERN_BYTES: usize = 1 << 20;
/// Faults that are told of one value.
const FAULTS: usize = 10;

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
    /// One of its references leads out of the document, or nowhere.
    #[error(
        "`$ref` `{0}` is not within the document: it must be `#` or `#/…` and lead to something"
    )]
    Reference(String),
    /// Something in it changes what references mean.
    #[error("it must not have `{0}` inside: a `$ref` is `#` or `#/…` of this very document")]
    Base(&'static str),
    /// Compiling its regular expressions would take long.
    #[error("it has more than {PATTERNS} patterns")]
    Patterns,
    /// Compiling it would take a deep stack.
    #[error("its schemas lead into each other more than {DEPTH} deep")]
    TooDeep,
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
    work: Work,
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
        let work = work::survey(document)?;
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
            work,
        })
    }

    /// Checks `value`.
    ///
    /// # Errors
    /// What is wrong with it: the first faults, each with its place; or that finding out would take too long.
    pub fn check(&self, value: &Value) -> Result<(), Vec<Fault>> {
        if !self.is_affordable(value) {
            return Err(vec![Fault {
                path: String::new(),
                message: format!(
                    "checking it against the schema takes more than {STEPS} steps, or leads more than {DEPTH} deep"
                ),
            }]);
        }
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

    fn is_affordable(&self, value: &Value) -> bool {
        if let Work::PerPart(steps) = self.work
            && steps.saturating_mul(work::parts(value)) <= STEPS
        {
            return true;
        }
        let mut left = STEPS;
        self.text
            .to::<Value>()
            .is_ok_and(|root| work::spend(&root, &root, value, &mut left, 0).is_ok())
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
    fn what_changes_the_meaning_of_references_is_refused() {
        for (text, keyword) in [
            (r##"{"$ref": "#a", "$anchor": "a"}"##, "$anchor"),
            (
                r##"{"$dynamicRef": "#a", "$dynamicAnchor": "a"}"##,
                "$dynamicAnchor",
            ),
            (r##"{"allOf": [{"$dynamicRef": "#"}]}"##, "$dynamicRef"),
            (r##"{"allOf": [{"$recursiveRef": "#"}]}"##, "$recursiveRef"),
            (
                r##"{"$defs": {"a": {"$id": "http://a/b", "$ref": "#"}}}"##,
                "$id",
            ),
            (
                r##"{"$defs": {"a": {"$schema": "http://json-schema.org/draft-07/schema#"}}}"##,
                "$schema",
            ),
        ] {
            assert_eq!(
                schema(text).unwrap_err(),
                BadSchema::Base(keyword),
                "{text}"
            );
        }
        // A circle that a pointer does not show.
        for target in ["http://a/b", "#/%24defs/a", "#a", "#/$defs/none"] {
            let text = format!(
                r##"{{"$id": "http://a/b", "$ref": "{target}", "$defs": {{"a": {{"$ref": "#"}}}}}}"##
            );
            assert!(
                matches!(schema(&text), Err(BadSchema::Reference(_))),
                "{target}"
            );
        }
        assert!(schema(r#"{"$id": "http://a/b", "properties": {"$anchor": {}}}"#).is_ok());
    }

    /// A value of `depth` objects, each the member `a` of the one before.
    fn nested(depth: usize) -> Value {
        (0..depth).fold(Value::Null, |inner, _| serde_json::json!({ "a": inner }))
    }

    #[test]
    fn work_that_doubles_with_every_level_of_the_value_is_not_done() {
        let twice = r##"{"allOf": [{"$ref": "#/$defs/d"}, {"$ref": "#/$defs/d"}]}"##;
        let recursive = format!(
            r##"{{"type": "object", "$ref": "#/$defs/d", "$defs": {{"d": {{"properties": {{"a": {twice}}}}}}}}}"##
        );
        let mut chain = r#"{"$defs": {"d0": {}"#.to_owned();
        for n in 1..40 {
            let twice = twice.replace("/d\"", &format!("/d{}\"", n - 1));
            chain += &format!(r#", "d{n}": {{"properties": {{"a": {twice}}}}}"#);
        }
        chain += r##"}, "$ref": "#/$defs/d39"}"##;
        for text in [recursive, chain] {
            let schema = schema(&text).unwrap();
            assert!(schema.check(&nested(5)).is_ok());
            let faults = schema.check(&nested(60)).unwrap_err();
            assert!(faults[0].message.contains("steps"), "{}", faults[0]);
        }
    }

    #[test]
    fn a_recursive_schema_checks_large_and_deep_values() {
        let tree = r##"{"type": ["object", "null"], "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}},
            "additionalProperties": {"$ref": "#"}}"##;
        let tree = schema(tree).unwrap();
        assert!(tree.check(&nested(100)).is_ok());
        let mut wide = serde_json::json!({});
        for n in 0..10_000 {
            wide[format!("n{n}")] = serde_json::json!({"a": null, "b": {"b": null}});
        }
        assert!(tree.check(&wide).is_ok());
    }

    #[test]
    fn a_long_list_against_many_choices_is_not_compared() {
        let choices: Vec<usize> = (0..5000).collect();
        let text = serde_json::json!({"items": {"enum": choices}}).to_string();
        let schema = schema(&text).unwrap();
        assert!(schema.check(&serde_json::json!([1, 2])).is_ok());
        let long = Value::Array(vec![1.into(); 100_000]);
        assert!(schema.check(&long).is_err());
    }

    #[test]
    fn a_long_chain_of_schemas_is_refused_before_it_takes_the_stack() {
        let chain = |length: usize, last: &str| {
            let mut text = format!(r#"{{"$defs": {{"d0": {last}"#);
            for n in 1..length {
                let under = n - 1;
                text += &format!(r##", "d{n}": {{"items": {{"$ref": "#/$defs/d{under}"}}}}"##);
            }
            let top = length - 1;
            text + &format!(r##"}}, "$ref": "#/$defs/d{top}"}}"##)
        };
        let circle = r##"{"items": {"$ref": "#"}}"##;
        // The stack of the threads that serve.
        let checked = std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(move || {
                let deep: Value = (0..120).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
                assert!(schema(&chain(100, "{}")).unwrap().check(&deep).is_ok());
                assert!(schema(&chain(60, circle)).unwrap().check(&deep).is_ok());
                for last in ["{}", circle] {
                    assert_eq!(schema(&chain(2000, last)).unwrap_err(), BadSchema::TooDeep);
                }
            });
        checked.unwrap().join().unwrap();
    }

    #[test]
    fn patterns_run_in_linear_time_and_do_not_grow_large() {
        assert!(schema(r#"{"pattern": "^[a-z]+$"}"#).is_ok());
        for pattern in [
            r"(a)\\1",
            "(?=a)",
            "(?<!a)b",
            "(?>a+)b",
            "a{1000}{1000}{100}",
        ] {
            for text in [
                format!(r#"{{"pattern": "{pattern}"}}"#),
                format!(r#"{{"patternProperties": {{"{pattern}": {{}}}}}}"#),
            ] {
                assert!(schema(&text).is_err(), "{text}");
            }
        }
        let many: serde_json::Map<String, Value> = (0..300)
            .map(|n| (n.to_string(), serde_json::json!({"pattern": "a"})))
            .collect();
        let many = serde_json::json!({"properties": many}).to_string();
        assert_eq!(schema(&many).unwrap_err(), BadSchema::Patterns);
        let slow_elsewhere = schema(r#"{"pattern": "^(a+)+$"}"#).unwrap();
        let text = Value::from("a".repeat(100_000) + "b");
        assert!(slow_elsewhere.check(&text).is_err());
    }

    #[test]
    fn numbers_of_any_size_are_bearable() {
        for text in [
            r#"{"multipleOf": 1e-308}"#,
            r#"{"multipleOf": 0.0000000001}"#,
            r#"{"minimum": -1e308, "maximum": 1e308}"#,
            r#"{"maxLength": 18446744073709551615, "minItems": 4294967296}"#,
        ] {
            let schema = schema(text).unwrap();
            for value in ["1e308", "-1e-308", "18446744073709551615", "0.3"] {
                let _ = schema.check(&serde_json::from_str(value).unwrap());
            }
        }
        assert!(schema(r#"{"multipleOf": 0}"#).is_err());
        assert!(schema(r#"{"maxLength": -1}"#).is_err());
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
