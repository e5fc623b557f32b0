//! Stacks by name: most requests about a stack need its `name/id`.

use serde_json::Value;
use zonda_sdk::{Cloud, Failure, Request, Result};

/// The requests that a lookup makes: the service answers the first with a redirect to the second.
pub(crate) const LOOKUP: [(&str, &str); 2] =
    [("GET", "/stacks/{stack}"), ("GET", "/stacks/{name}/{id}")];

/// A stack's `name/id`, ready for a path; what has a slash already is one.
pub(crate) fn identity(given: String, region: Option<&str>, cloud: &Cloud) -> Result<String> {
    if given.contains('/') {
        return Ok(given);
    }
    let mut request =
        Request::get("orchestration", format!("/stacks/{given}")).query("resolve_outputs", false);
    if let Some(region) = region {
        request = request.region(region);
    }
    let answer: Value = cloud.send(request)?.json()?;
    let member = |name| answer.pointer(name).and_then(Value::as_str);
    match (member("/stack/stack_name"), member("/stack/id")) {
        (Some(name), Some(id)) => crate::request::segments("stack_id", &format!("{name}/{id}"), 2),
        _ => Err(Failure::new(format!(
            "the answer about stack {given} has no name and id"
        ))),
    }
}
