//! A service catalog that came with the request.

use serde_json::Value;

use super::{
    super::error::ApiError,
    catalog_text,
    fields::{Given, from_base64},
    wrong,
};
use crate::domain::JsonText;

/// Reads a catalog: base64 of JSON, or in `os.auth` the JSON itself.
///
/// A token body (`{"token": {"catalog": […]}}`, or what stands in it), an object with a `catalog` alone, the bare list
/// and Keystone v2's `serviceCatalog` are all taken.
pub(super) fn parse(given: &Given) -> Result<JsonText, ApiError> {
    let text = given.as_text();
    let decoded;
    let json = if text.trim_start().starts_with(['{', '[']) {
        text
    } else {
        decoded = from_base64(text)
            .ok_or_else(|| wrong(given.name(), "must be base64 of a token body in JSON."))?;
        &decoded
    };
    let value: Value = serde_json::from_str(json).map_err(|_| {
        wrong(
            given.name(),
            "must be base64 of a token body, and what it holds is not JSON.",
        )
    })?;
    let services = services(&value).ok_or_else(|| {
        wrong(
            given.name(),
            "has no catalog; it must be a token body of Keystone v3 with its `catalog` list.",
        )
    })?;
    if let Some(at) = services.iter().position(|service| !is_service(service)) {
        return Err(wrong(
            given.name(),
            &format!("entry {at} of the catalog is no service with `type` and `endpoints`."),
        ));
    }
    Ok(catalog_text(&value))
}

fn services(value: &Value) -> Option<&Vec<Value>> {
    let is_v2 = value.get("serviceCatalog").is_some();
    let wrapped = value.get("access").or_else(|| value.get("token"));
    let body = wrapped.filter(|_| !is_v2).unwrap_or(value);
    body.get("catalog")
        .or_else(|| body.get("serviceCatalog"))
        .unwrap_or(body)
        .as_array()
}

fn is_service(service: &Value) -> bool {
    service.get("type").is_some_and(Value::is_string)
        && service
            .get("endpoints")
            .and_then(Value::as_array)
            .is_some_and(|endpoints| endpoints.iter().all(Value::is_object))
}
