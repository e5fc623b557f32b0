//! From a Rust type to the JSON Schema that the host wants, and from the host's input to the type.

use std::any::TypeId;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The schema of an action's input: always that of an object.
///
/// # Panics
/// If the type is neither a struct, a map nor `()`. The host then refuses the module and shows the message.
pub(crate) fn of_input<I: JsonSchema + 'static>() -> Value {
    if is_unit::<I>() {
        return json!({"type": "object", "properties": {}, "additionalProperties": false});
    }
    let schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<I>();
    // A bare `true`, where anything fits, is the empty schema.
    let mut schema = schema.as_object().cloned().unwrap_or_default();
    schema.remove("title");
    let type_name = schema.entry("type").or_insert_with(|| "object".into());
    assert!(
        type_name == "object",
        "the input of an action is a struct, a map or (), but the schema of `{}` has type {type_name}",
        I::schema_name(),
    );
    Value::Object(schema)
}

/// The schema of an action's result; none if the result may be anything.
pub(crate) fn of_output<T: JsonSchema>() -> Option<Value> {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    let object = schema.as_object_mut()?;
    object.remove("title");
    let says_something = object.keys().any(|key| key != "$schema");
    says_something.then_some(schema)
}

/// Reads an action's input; `()` takes any object, which the host has already found to be empty.
pub(crate) fn read_input<I: DeserializeOwned + 'static>(input: &str) -> serde_json::Result<I> {
    serde_json::from_str(if is_unit::<I>() { "null" } else { input })
}

fn is_unit<I: 'static>() -> bool {
    TypeId::of::<I>() == TypeId::of::<()>()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        /// Which one.
        #[serde(rename = "id")]
        _id: String,
        #[serde(default, rename = "tags")]
        _tags: Vec<Tag>,
    }

    #[derive(Deserialize, Serialize, JsonSchema)]
    struct Tag {
        name: String,
    }

    #[test]
    fn a_strict_struct_allows_no_further_inputs_and_keeps_its_documentation() {
        let schema = of_input::<Strict>();
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["required"], json!(["id"]));
        assert_eq!(schema["properties"]["id"]["description"], "Which one.");
        assert_eq!(schema["properties"]["tags"]["items"]["$ref"], "#/$defs/Tag");
        assert!(schema.get("title").is_none());
    }

    #[test]
    fn no_input_is_an_empty_object_and_reads_from_one() {
        assert_eq!(of_input::<()>()["additionalProperties"], false);
        assert!(read_input::<()>("{}").is_ok());
    }

    #[test]
    fn free_form_inputs_are_objects_too() {
        assert_eq!(of_input::<Value>()["type"], "object");
        assert_eq!(of_input::<HashMap<String, u32>>()["type"], "object");
    }

    #[test]
    #[should_panic = "the input of an action is a struct, a map or ()"]
    fn an_input_that_cannot_be_an_object_is_an_author_mistake() {
        of_input::<Vec<String>>();
    }

    #[test]
    fn a_result_of_any_kind_has_no_schema() {
        assert_eq!(of_output::<Value>(), None);
        assert_eq!(of_output::<Tag>().unwrap()["required"], json!(["name"]));
    }
}
