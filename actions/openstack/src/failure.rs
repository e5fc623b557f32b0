//! Failures as Mistral words them: `nova.servers_get failed: Instance 1 could not be found. (HTTP 404)`.

use serde_json::{Value, json};
use zonda_sdk::Failure;

/// A failure of an action, in the service's own words if it comes from a service.
pub(crate) fn in_the_name_of(action: &str, mut failure: Failure) -> Failure {
    failure.message = match status(&failure) {
        Some(status) => format!(
            "{action} failed: {} (HTTP {status})",
            words(&failure, status)
        ),
        None => format!("{action} failed: {}", failure.message),
    };
    if let Some(Value::Object(detail)) = &mut failure.detail {
        detail.insert("message".into(), json!(failure.message));
    }
    failure
}

/// The highest microversion of a service that refused ours.
pub(crate) fn highest_microversion(failure: &Failure) -> Option<String> {
    if status(failure) != Some(406) {
        return None;
    }
    let body = failure.detail.as_ref()?.get("body")?;
    if let Some(highest) = body
        .pointer("/errors/0/max_version")
        .and_then(Value::as_str)
    {
        return Some(highest.into());
    }
    // `Version 2.96 is not supported by the API. Minimum is 2.1 and maximum is 2.79.`
    let text = body.to_string();
    let (_, after) = text.split_once("maximum is ")?;
    let end = after
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(after.len());
    let highest = after.get(..end)?.trim_end_matches('.');
    (!highest.is_empty()).then(|| highest.into())
}

fn status(failure: &Failure) -> Option<u64> {
    failure.detail.as_ref()?.get("status")?.as_u64()
}

fn words(failure: &Failure, status: u64) -> String {
    let request = failure
        .detail
        .as_ref()
        .and_then(|detail| detail.get("request"))
        .and_then(Value::as_str);
    let preface = format!("{} answered {status}", request.unwrap_or_default());
    match failure.message.strip_prefix(&preface) {
        Some("") => preface,
        Some(words) => words.trim_start_matches(": ").into(),
        None => failure.message.clone(),
    }
}
