//! The little that `std.http` has to know about URLs: adding a query, following a `Location`, comparing origins.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

/// `url` with more names and values in its query, encoded.
pub(crate) fn with_query(url: &str, params: &BTreeMap<String, Value>) -> String {
    let (mut url, fragment) = match url.split_once('#') {
        Some((url, fragment)) => (url.to_owned(), Some(fragment)),
        None => (url.to_owned(), None),
    };
    let mut add = |name: &str, value: &Value| {
        let separator = if url.contains('?') { '&' } else { '?' };
        url.push(separator);
        encode(name, &mut url);
        url.push('=');
        encode(&text_of(value), &mut url);
    };
    for (name, value) in params {
        match value {
            Value::Array(values) => values.iter().for_each(|value| add(name, value)),
            Value::Null => {}
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                add(name, value);
            }
        }
    }
    match fragment {
        Some(fragment) => format!("{url}#{fragment}"),
        None => url,
    }
}

/// A text as it is, anything else as JSON.
pub(crate) fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Where a `Location` leads that came from `base`.
pub(crate) fn join(base: &str, location: &str) -> String {
    let location = location.trim();
    if location.contains("://") {
        return location.into();
    }
    let base = base.split(['?', '#']).next().unwrap_or_default();
    let origin = origin(base);
    if let Some(rest) = location.strip_prefix("//") {
        let scheme = base.split_once("://").map_or("https", |(scheme, _)| scheme);
        format!("{scheme}://{rest}")
    } else if location.starts_with('/') {
        format!("{origin}{location}")
    } else if location.starts_with('?') {
        format!("{base}{location}")
    } else {
        let path = base.strip_prefix(origin).unwrap_or_default();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{origin}{folder}/{location}")
    }
}

/// Scheme, host and port of a URL.
pub(crate) fn origin(url: &str) -> &str {
    let host_at = url.find("://").map_or(0, |at| at + 3);
    let length = url
        .get(host_at..)
        .and_then(|rest| rest.find(['/', '?', '#']));
    length
        .and_then(|length| url.get(..host_at + length))
        .unwrap_or(url)
}

fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(byte.into());
        } else {
            // Writing into a string cannot fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_relative_to_where_it_came_from() {
        let base = "https://a.example:8443/x/y?q=/z#f";
        for (location, url) in [
            ("http://b.example/", "http://b.example/"),
            ("//b.example/z", "https://b.example/z"),
            ("/z?q=1", "https://a.example:8443/z?q=1"),
            ("z", "https://a.example:8443/x/z"),
            ("?q=2", "https://a.example:8443/x/y?q=2"),
        ] {
            assert_eq!(join(base, location), url);
        }
    }

    #[test]
    fn an_origin_ends_where_the_path_or_the_query_begins() {
        assert_eq!(origin("https://a.example/x"), "https://a.example");
        assert_eq!(origin("https://a.example?x"), "https://a.example");
        assert_eq!(origin("https://a.example"), "https://a.example");
    }
}
