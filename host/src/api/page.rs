//! Lists on the wire: `limit`, `marker`, order, `fields`, and the `next` link.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::{error::ApiError, extract::QueryArgs};
use crate::domain::Order;

/// The longest page; a larger or absent `limit` means this.
pub(crate) const MAX_LIMIT: usize = 1000;

/// What a list can be asked for, by resource.
pub(crate) struct Listable {
    /// The path below the host's URL.
    pub(crate) path: &'static str,
    /// What it is sorted by when nothing is said.
    pub(crate) default_sort: &'static str,
    /// What it can be sorted by.
    pub(crate) sort_keys: &'static [&'static str],
    /// What can be chosen by `fields`.
    pub(crate) fields: &'static [&'static str],
}

/// Which page of a list is asked for, in which order, with which fields.
#[derive(Debug, Clone)]
pub(crate) struct PageArgs {
    /// At most so many items, 1 to [`MAX_LIMIT`].
    pub(crate) limit: usize,
    /// The last item of the page before.
    pub(crate) marker: Option<String>,
    /// What it is sorted by first.
    pub(crate) sort_key: String,
    /// In which direction.
    pub(crate) order: Order,
    /// The fields to show; all when none.
    pub(crate) fields: Option<Vec<String>>,
    sort_keys: String,
    sort_dirs: String,
}

impl PageArgs {
    /// Takes the arguments of paging out of `args`.
    ///
    /// # Errors
    /// When one of them is wrong.
    pub(crate) fn take(args: &mut QueryArgs, listable: &Listable) -> Result<Self, ApiError> {
        let limit = match args.take("limit") {
            None => MAX_LIMIT,
            Some(text) => limit(&text)?,
        };
        let mut keys = split(args.take("sort_keys"));
        if keys.is_empty() {
            keys.push(listable.default_sort.to_owned());
        }
        for key in &keys {
            if key != "id" && !listable.sort_keys.contains(&key.as_str()) {
                return Err(ApiError::bad_request(format!(
                    "sort_keys: cannot sort by \"{key}\"; choose from {}, id.",
                    listable.sort_keys.join(", ")
                )));
            }
        }
        let mut dirs = split(args.take("sort_dirs"));
        if dirs.len() > keys.len() {
            return Err(ApiError::bad_request(
                "Length of sort_keys must be equal or greater than sort_dirs.",
            ));
        }
        if dirs.iter().any(|dir| dir != "asc" && dir != "desc") {
            return Err(ApiError::bad_request(
                "Unknown sort direction, must be 'desc' or 'asc'.",
            ));
        }
        dirs.resize(keys.len(), "asc".to_owned());
        let order = match dirs.first().map(String::as_str) {
            Some("desc") => Order::Descending,
            Some(_) | None => Order::Ascending,
        };
        let sort_key = keys.first().cloned().unwrap_or_default();
        if !keys.iter().any(|key| key == "id") {
            keys.push("id".to_owned());
            dirs.push("asc".to_owned());
        }
        Ok(Self {
            limit,
            marker: args.take("marker").filter(|marker| !marker.is_empty()),
            sort_key,
            order,
            fields: fields(args.take("fields"), listable)?,
            sort_keys: keys.join(","),
            sort_dirs: dirs.join(","),
        })
    }

    /// The link to the next page, after the item `marker`. `repeated` are the list's other arguments.
    pub(crate) fn next(
        &self,
        base_url: &str,
        listable: &Listable,
        repeated: &[(Cow<'_, str>, Cow<'_, str>)],
        marker: &str,
    ) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("sort_keys", &self.sort_keys);
        query.append_pair("sort_dirs", &self.sort_dirs);
        query.extend_pairs(repeated);
        query.append_pair("limit", &self.limit.to_string());
        query.append_pair("marker", marker);
        if let Some(fields) = &self.fields {
            query.append_pair("fields", &fields.join(","));
        }
        format!(
            "{}{}?{}",
            base_url.trim_end_matches('/'),
            listable.path,
            query.finish()
        )
    }
}

fn limit(text: &str) -> Result<usize, ApiError> {
    let number: i64 = text.parse().map_err(|_| {
        ApiError::bad_request(format!(
            "Invalid input for field/attribute limit. Value: '{text}'. unable to convert to int"
        ))
    })?;
    match usize::try_from(number) {
        Ok(limit) if limit > 0 => Ok(limit.min(MAX_LIMIT)),
        Ok(_) | Err(_) => Err(ApiError::bad_request("Limit must be positive.")),
    }
}

fn fields(text: Option<String>, listable: &Listable) -> Result<Option<Vec<String>>, ApiError> {
    let mut fields = split(text);
    if fields.is_empty() {
        return Ok(None);
    }
    let unknown: Vec<&String> = fields
        .iter()
        .filter(|field| !listable.fields.contains(&field.as_str()))
        .collect();
    if !unknown.is_empty() {
        return Err(ApiError::bad_request(format!(
            "Some fields do not exist  {}, please choose from {}",
            python_list(&unknown),
            python_list(listable.fields),
        )));
    }
    if !fields.iter().any(|field| field == "id") {
        fields.insert(0, "id".to_owned());
    }
    Ok(Some(fields))
}

/// `['a', 'b']`, as Mistral's refusals show lists.
pub(crate) fn python_list<S: AsRef<str>>(items: &[S]) -> String {
    let quoted: Vec<String> = items
        .iter()
        .map(|item| format!("'{}'", item.as_ref()))
        .collect();
    format!("[{}]", quoted.join(", "))
}

fn split(text: Option<String>) -> Vec<String> {
    text.unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// An item of a list: whole, or the fields that were asked for.
#[derive(Debug)]
pub(crate) enum Shown<V> {
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

impl<V: JsonSchema> JsonSchema for Shown<V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        V::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<V>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTABLE: Listable = Listable {
        path: "/v2/action_executions",
        default_sort: "created_at",
        sort_keys: &["created_at"],
        fields: &["id", "name", "state"],
    };

    fn take(query: &str) -> Result<PageArgs, String> {
        PageArgs::take(&mut QueryArgs::parse(query), &LISTABLE)
            .map_err(|refusal| refusal.message().to_owned())
    }

    #[test]
    fn limits_are_positive_and_clamped() {
        assert_eq!(take("").unwrap().limit, 1000);
        assert_eq!(take("limit=5000").unwrap().limit, 1000);
        assert_eq!(take("limit=7").unwrap().limit, 7);
        assert_eq!(take("limit=0").unwrap_err(), "Limit must be positive.");
        assert_eq!(take("limit=-1").unwrap_err(), "Limit must be positive.");
        assert!(
            take("limit=x")
                .unwrap_err()
                .contains("field/attribute limit")
        );
    }

    #[test]
    fn wrong_order_and_fields_have_mistrals_words() {
        assert_eq!(
            take("sort_dirs=up").unwrap_err(),
            "Unknown sort direction, must be 'desc' or 'asc'."
        );
        assert_eq!(
            take("fields=id,colour").unwrap_err(),
            "Some fields do not exist  ['colour'], please choose from ['id', 'name', 'state']"
        );
        assert!(take("sort_keys=name").unwrap_err().contains("created_at"));
    }

    #[test]
    fn the_next_link_repeats_what_was_asked_for() {
        let page = take("limit=2&sort_keys=created_at&sort_dirs=desc&fields=name").unwrap();
        assert_eq!(page.order, Order::Descending);
        let repeated = [("state".into(), "eq:SUCCESS".into())];
        assert_eq!(
            page.next("http://h:8989/", &LISTABLE, &repeated, "m"),
            "http://h:8989/v2/action_executions?sort_keys=created_at%2Cid&sort_dirs=desc%2Casc&state=eq%3ASUCCESS\
             &limit=2&marker=m&fields=id%2Cname"
        );
    }

    #[test]
    fn chosen_fields_are_all_that_is_shown() {
        let view = serde_json::json!({ "id": 1, "name": "a", "state": "b" });
        let shown = Shown::new(view, take("fields=name").unwrap().fields.as_deref()).unwrap();
        assert_eq!(
            serde_json::to_string(&shown).unwrap(),
            r#"{"id":1,"name":"a"}"#
        );
    }
}
