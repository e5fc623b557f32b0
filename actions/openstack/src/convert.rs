//! What the Python clients do to a value before they send it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use crate::request::text;
use crate::table::Convert;

/// The value to send, or none if nothing is to be sent. A value of another shape than expected is left to the service.
pub(crate) fn convert(convert: Convert, value: Value) -> Option<Value> {
    Some(match (convert, value) {
        (Convert::Flag, Value::Bool(false)) => return None,
        (Convert::Flag, Value::Bool(true)) => json!("1"),
        (Convert::Base64, Value::String(text)) => json!(BASE64_STANDARD.encode(text)),
        (Convert::Csv, Value::Array(items)) => {
            json!(items.iter().map(text).collect::<Vec<_>>().join(","))
        }
        (Convert::Names, Value::Array(items)) => references("name", items),
        (Convert::Ids, Value::Array(items)) => references("id", items),
        (Convert::Ips, Value::String(address)) => json!([{ "ip_address": address }]),
        (Convert::Files, Value::Object(files)) => files
            .into_iter()
            .map(|(path, contents)| {
                json!({"path": path, "contents": BASE64_STANDARD.encode(text(&contents))})
            })
            .collect(),
        (Convert::Nics, Value::Array(nics)) => nics.into_iter().map(nic).collect(),
        (Convert::Devices, Value::Object(devices)) => {
            devices.into_iter().map(|(name, mapping)| device(&name, &text(&mapping))).collect()
        }
        (Convert::Regex, Value::String(text)) => json!(literal(&text)),
        (Convert::Revision, value) => json!(format!("revision_number={}", text(&value))),
        (_, value) => value,
    })
}

fn references(member: &str, items: Vec<Value>) -> Value {
    items
        .into_iter()
        .map(|item| {
            if item.is_object() {
                item
            } else {
                json!({ member: item })
            }
        })
        .collect()
}

/// `{"net-id": …, "v4-fixed-ip": …, "port-id": …}` in the words of the API.
fn nic(nic: Value) -> Value {
    let Value::Object(nic) = nic else { return nic };
    let renamed: Map<_, _> = nic
        .into_iter()
        .map(|(name, value)| match name.as_str() {
            "net-id" => ("uuid".into(), value),
            "port-id" => ("port".into(), value),
            "v4-fixed-ip" | "v6-fixed-ip" => ("fixed_ip".into(), value),
            _ => (name, value),
        })
        .collect();
    Value::Object(renamed)
}

/// `{"vda": "ID[:TYPE[:SIZE[:DELETE_ON_TERMINATION]]]"}`.
fn device(name: &str, mapping: &str) -> Value {
    let mut parts = mapping.split(':');
    let id = parts.next().unwrap_or_default();
    let source = if parts.next().is_some_and(|kind| kind.starts_with("snap")) {
        "snapshot_id"
    } else {
        "volume_id"
    };
    let mut device = Map::new();
    device.insert("device_name".into(), json!(name));
    device.insert(source.into(), json!(id));
    if let Some(size) = parts.next().and_then(|size| size.parse::<u64>().ok()) {
        device.insert("volume_size".into(), json!(size));
    }
    if let Some(delete) = parts.next() {
        let delete = matches!(delete, "1" | "true" | "True");
        device.insert("delete_on_termination".into(), json!(delete));
    }
    Value::Object(device)
}

/// A regular expression that matches the text itself: Nova searches names by expression.
fn literal(text: &str) -> String {
    let mut expression = String::with_capacity(text.len());
    for character in text.chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            expression.push('\\');
        }
        expression.push(character);
    }
    expression
}
