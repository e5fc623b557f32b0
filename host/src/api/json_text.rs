//! JSON inside a JSON string: taken as an object or as text, shown as text.

use std::fmt;

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serializer,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Map, Value};

use crate::domain::Timestamp;

/// What Mistral says of anything else than an object.
pub(crate) const NOT_A_DICTIONARY: &str = "JsonType field value must be a dictionary";

/// A JSON object, or a string that holds one. Its refusals never repeat the value.
#[derive(Default)]
pub(crate) struct JsonObject(pub(crate) Map<String, Value>);

impl JsonSchema for JsonObject {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "JsonObject".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["object", "string"] })
    }
}

struct ObjectVisitor;

macro_rules! refuse {
    ($($method:ident: $type:ty),*) => {
        $(fn $method<E: serde::de::Error>(self, _: $type) -> Result<JsonObject, E> {
            Err(E::custom(NOT_A_DICTIONARY))
        })*
    };
}

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = JsonObject;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, or a string that holds one")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<JsonObject, A::Error> {
        Map::deserialize(MapAccessDeserializer::new(map)).map(JsonObject)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<JsonObject, E> {
        serde_json::from_str::<Map<String, Value>>(text)
            .map(JsonObject)
            .map_err(|_| E::custom(NOT_A_DICTIONARY))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<JsonObject, A::Error> {
        Err(serde::de::Error::custom(NOT_A_DICTIONARY))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<JsonObject, E> {
        Err(E::custom(NOT_A_DICTIONARY))
    }

    refuse!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64);
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectVisitor)
    }
}

/// Shows a time in Mistral's form, and none as null.
pub(crate) fn time<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Map<String, Value>, String> {
        serde_json::from_str::<JsonObject>(json)
            .map(|object| object.0)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_object_and_a_text_that_holds_one_are_the_same() {
        assert_eq!(
            read(r#"{"output": "hi"}"#),
            read(r#""{\"output\": \"hi\"}""#)
        );
    }

    #[test]
    fn anything_else_is_refused_without_repeating_it() {
        for json in [
            r#""s3cret""#,
            r#""[\"s3cret\"]""#,
            r#"["s3cret"]"#,
            "5",
            "1.5",
            "true",
            "null",
            "-1",
        ] {
            let refusal = read(json).unwrap_err();
            assert!(refusal.starts_with(NOT_A_DICTIONARY), "{json}: {refusal}");
            assert!(!refusal.contains("s3cret"));
        }
    }
}
