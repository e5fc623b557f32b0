//! A page on the wire: `{"<collection>": […], "next": …}`.

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value};

use crate::api::error::ApiError;

/// A page of a list.
pub struct ListView<V> {
    pub(super) collection: &'static str,
    pub(super) items: Vec<Shown<V>>,
    /// The next page, when this one is full.
    pub(super) next: Option<String>,
}

impl<V: Serialize> Serialize for ListView<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.collection, &self.items)?;
        if let Some(next) = &self.next {
            map.serialize_entry("next", next)?;
        }
        map.end()
    }
}

/// An item of a list: whole, or the fields that were asked for.
#[derive(Debug)]
pub enum Shown<V> {
    /// Every field.
    Whole(V),
    /// Some fields.
    Part(Map<String, Value>),
}

impl<V: Serialize> Shown<V> {
    /// `view` with `fields` alone.
    ///
    /// # Errors
    /// When the view does not serialize.
    pub(crate) fn new(view: V, fields: Option<&[String]>) -> Result<Self, ApiError> {
        let Some(fields) = fields else {
            return Ok(Self::Whole(view));
        };
        match serde_json::to_value(&view) {
            Ok(Value::Object(mut members)) => {
                members.retain(|name, _| fields.iter().any(|field| field == name));
                Ok(Self::Part(members))
            }
            Ok(_) => Ok(Self::Whole(view)),
            Err(source) => Err(ApiError::internal(&source)),
        }
    }
}

impl<V: Serialize> Serialize for Shown<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(view) => view.serialize(serializer),
            Self::Part(members) => members.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_fields_are_all_that_is_shown() {
        let view = serde_json::json!({ "id": 1, "name": "a", "state": "b" });
        let fields = ["id".to_owned(), "name".to_owned()];
        let page = ListView {
            collection: "things",
            items: vec![Shown::new(view, Some(&fields)).unwrap()],
            next: None,
        };
        let json = serde_json::to_string(&page).unwrap();
        assert_eq!(json, r#"{"things":[{"id":1,"name":"a"}]}"#);
    }
}
