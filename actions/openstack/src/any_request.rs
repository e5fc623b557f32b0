//! `openstack.request`: any request to any service of the target cloud, for what the table leaves out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use zonda_sdk::{Action, Context, JsonSchema, Request, Result};

use crate::request::{text, texts};
use crate::{failure, result};

/// The action's name.
pub(crate) const NAME: &str = "openstack.request";

/// What to ask of which service.
#[derive(Deserialize, JsonSchema)]
#[schemars(crate = "zonda_sdk::schemars")]
#[serde(deny_unknown_fields)]
struct Input {
    /// As in the catalog, such as `compute`, or an alias.
    service_type: String,
    /// GET if left out.
    method: Option<String>,
    /// Below the service's endpoint, beginning with `/`, percent-encoded.
    path: Option<String>,
    /// Parameters; a list repeats its parameter.
    query: Option<BTreeMap<String, Value>>,
    /// Text is sent as it is, anything else as JSON.
    body: Option<Value>,
    /// Further headers; those for authentication are the host's.
    headers: Option<BTreeMap<String, Value>>,
    /// The region, if not the target's own.
    action_region: Option<String>,
    /// The same as `action_region`.
    region: Option<String>,
}

/// The action.
pub(crate) fn action() -> Action {
    Action::new(NAME, |context: &Context, input: Input| {
        run(context, input).map_err(|failure| failure::in_the_name_of(NAME, failure))
    })
    .describe(
        "Sends any request to any service of the target cloud; answers status, headers and body.",
    )
    .access("*", "*", "/**")
}

fn run(context: &Context, input: Input) -> Result<Value> {
    let method = input
        .method
        .unwrap_or_else(|| "GET".into())
        .to_ascii_uppercase();
    let path = input.path.unwrap_or_else(|| "/".into());
    let mut request = Request::new(input.service_type, method, path);
    if let Some(region) = input
        .action_region
        .or(input.region)
        .filter(|region| !region.is_empty())
    {
        request = request.region(region);
    }
    for (name, value) in input.query.unwrap_or_default() {
        for value in texts(&value) {
            request = request.query(name.as_str(), value);
        }
    }
    for (name, value) in input.headers.unwrap_or_default() {
        request = request.header(name, text(&value));
    }
    request = match input.body {
        None | Some(Value::Null) => request,
        Some(Value::String(text)) => request.bytes(text),
        Some(body) => request.json(&body),
    };
    let response = context.cloud()?.send(request)?;
    let answer = json!({
        "status": response.status(),
        "headers": result::headers(&response),
        "body": result::body(&response),
    });
    if response.is_ok() {
        return Ok(answer);
    }
    let mut failure = response.failure();
    if let (Some(Value::Object(detail)), Value::Object(answer)) = (&mut failure.detail, answer) {
        detail.extend(answer);
    }
    Err(failure)
}
