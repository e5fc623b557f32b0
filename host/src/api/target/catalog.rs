//! A service catalog that came with the request.

use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    super::error::ApiError,
    fields::{Given, from_base64},
    wrong,
};
use crate::domain::{Secret, wipe};

/// Reads a catalog: base64 of JSON, or in `os.auth` the JSON itself.
///
/// A token body (`{"token": {"catalog": […]}}`, or what stands in it), an object with a `catalog` alone, the bare list
/// and Keystone v2's `serviceCatalog` are all taken.
pub(super) fn parse(given: &Given) -> Result<Secret, ApiError> {
    let text = given.as_text();
    let json = if text.trim_start().starts_with(['{', '[']) {
        Zeroizing::new(text.to_owned())
    } else {
        from_base64(text)
            .ok_or_else(|| wrong(given.name(), "must be base64 of a token body in JSON."))?
    };
    let value: Value = serde_json::from_str(&json).map_err(|_| {
        wrong(
            given.name(),
            "must be base64 of a token body, and what it holds is not JSON.",
        )
    })?;
    let checked = check(given.name(), &value);
    wipe(value);
    checked.map(|()| Secret::from(json))
}

fn check(name: &str, value: &Value) -> Result<(), ApiError> {
    let services = services(value).ok_or_else(|| {
        wrong(
            name,
            "has no catalog; it must be a token body of Keystone v3 with its `catalog` list.",
        )
    })?;
    match services.iter().position(|service| !is_service(service)) {
        None => Ok(()),
        Some(at) => Err(wrong(
            name,
            &format!("entry {at} of the catalog is no service with `type` and `endpoints`."),
        )),
    }
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
