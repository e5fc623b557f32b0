//! What handlers take in: bodies, query arguments and the acting caller, whose refusals are [`ApiError`]s.

use std::{borrow::Cow, sync::Arc};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request, rejection::BytesRejection},
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;

use super::{App, error::ApiError, patience::broken_off};
use crate::{auth::Caller, domain::Operation};

/// A type that is read from a JSON body.
pub(crate) trait JsonBody: DeserializeOwned {
    /// What Mistral calls this body in its refusals.
    const ARGUMENT: &'static str;
}

/// A JSON body, whatever its `Content-Type` says: some clients send none.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: JsonBody> FromRequest<App> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, app)
            .await
            .map_err(|rejection| unread(&rejection, app))?;
        from_json(&bytes).map(Self)
    }
}

fn unread(rejection: &BytesRejection, app: &App) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        ApiError::too_large(
            app.settings.max_body_bytes as u64,
            "[listen] max_body_bytes",
        )
    } else {
        broken_off(rejection)
    }
}

fn from_json<T: JsonBody>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|fault| {
        let place = format!(" at line {} column {}", fault.line(), fault.column());
        let text = fault.to_string();
        if !fault.is_data() {
            return ApiError::bad_request(format!("Request is not in valid JSON format: {text}"));
        }
        let text = without_value(text.strip_suffix(&place).unwrap_or(&text));
        let unknown = text
            .strip_prefix("unknown field `")
            .and_then(|rest| rest.split('`').next());
        ApiError::bad_request(unknown.map_or_else(
            || format!("{}{text}", field_of::<T>(bytes)),
            |name| format!("Unknown attribute for argument {}: {name}", T::ARGUMENT),
        ))
    })
}

/// `text` without the string that serde repeats when it does not like one: it may be a secret in the wrong place.
fn without_value(text: &str) -> Cow<'_, str> {
    for fault in ["invalid type: string", "invalid value: string"] {
        if text.starts_with(fault)
            && let Some((_, expected)) = text.rsplit_once(", expected ")
        {
            return format!("{fault}, expected {expected}").into();
        }
    }
    text.into()
}

/// Where in the body the first fault is, as `field.member: `; nothing for the body itself.
fn field_of<T: JsonBody>(bytes: &[u8]) -> String {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(fault) if fault.path().iter().len() > 0 => format!("{}: ", fault.path()),
        Ok(_) | Err(_) => String::new(),
    }
}

/// A body of text, whatever its `Content-Type` says.
pub(crate) struct Text(pub(crate) Arc<str>);

impl FromRequest<App> for Text {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, app)
            .await
            .map_err(|rejection| unread(&rejection, app))?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| ApiError::bad_request("The document is not valid UTF-8."))?;
        Ok(Self(text.into()))
    }
}

/// The arguments of the query. Take those that are known, then [`finish`](Self::finish).
#[derive(Debug, Default)]
pub(crate) struct QueryArgs(Vec<(String, String)>);

impl QueryArgs {
    /// The arguments that `query` holds.
    pub(crate) fn parse(query: &str) -> Self {
        Self(
            url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// Takes `name` out; the last one where it comes several times.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let mut found = None;
        self.0.retain_mut(|(key, value)| {
            let is_it = key == name;
            if is_it {
                found = Some(std::mem::take(value));
            }
            !is_it
        });
        found
    }

    /// Takes the flag `name` out; absent and empty are false.
    pub(crate) fn take_flag(&mut self, name: &str) -> Result<bool, ApiError> {
        let Some(text) = self.take(name) else {
            return Ok(false);
        };
        match text.to_ascii_lowercase().as_str() {
            "" | "false" | "0" | "no" | "off" => Ok(false),
            "true" | "1" | "yes" | "on" => Ok(true),
            _ => Err(ApiError::bad_request(format!(
                "{name}: must be true or false, not \"{text}\"."
            ))),
        }
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(ApiError::bad_request(format!(
                "Unknown argument: \"{name}\""
            ))),
        }
    }
}

impl FromRequestParts<App> for QueryArgs {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        Ok(parts.uri.query().map(Self::parse).unwrap_or_default())
    }
}

/// The first variable part of a path, decoded.
pub(crate) struct Path(pub(crate) String);

impl FromRequestParts<App> for Path {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let [first] = variable_parts(parts).await?;
        Ok(Self(first))
    }
}

/// The first two variable parts of a path, decoded.
pub(crate) struct PathPair(pub(crate) String, pub(crate) String);

impl FromRequestParts<App> for PathPair {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let [first, second] = variable_parts(parts).await?;
        Ok(Self(first, second))
    }
}

async fn variable_parts<const N: usize>(parts: &mut Parts) -> Result<[String; N], ApiError> {
    let params = RawPathParams::from_request_parts(parts, &())
        .await
        .map_err(|_| ApiError::not_found("The path is not valid UTF-8."))?;
    let values = params.iter().map(|(_, value)| value.to_owned());
    let first: Vec<String> = values.take(N).collect();
    first
        .try_into()
        .map_err(|_| ApiError::not_found("Not found"))
}

/// Who acts, for the engine, and the caller whom the guard let in.
pub(crate) struct Acting {
    /// The caller's side of the operation.
    pub(crate) op: Operation,
    /// The caller.
    pub(crate) caller: Arc<Caller>,
}

impl FromRequestParts<App> for Acting {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Arc<Caller>>().cloned();
        let op = parts.extensions.get::<Operation>().cloned();
        match (op, caller) {
            (Some(op), Some(caller)) => Ok(Self { op, caller }),
            _ => Err(ApiError::internal(&NoGuard)),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a handler that needs a caller is on an open route")]
struct NoGuard;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "only its presence matters")]
        name: String,
    }

    impl JsonBody for Body {
        const ARGUMENT: &'static str = "action_ex";
    }

    #[test]
    fn an_unknown_member_is_named_as_mistral_does() {
        let refusal = from_json::<Body>(br#"{"nam": 1}"#).unwrap_err();
        assert_eq!(
            refusal.message(),
            "Unknown attribute for argument action_ex: nam"
        );
    }

    #[test]
    fn a_string_in_the_wrong_place_is_not_repeated() {
        for body in [r#""gAAAAA, expected \" too""#, r#"{"name": "a"} "gAAAAA""#] {
            let refusal = from_json::<Body>(body.as_bytes()).unwrap_err();
            assert!(
                !refusal.message().contains("gAAAAA"),
                "{}",
                refusal.message()
            );
        }
    }

    #[test]
    fn broken_json_is_a_400_that_says_where() {
        let refusal = from_json::<Body>(b"{").unwrap_err();
        assert_eq!(refusal.status(), 400);
        assert!(refusal.message().contains("line 1"));
    }

    #[test]
    fn flags_are_parsed_and_not_just_there() {
        let mut args = QueryArgs::parse("a=True&b=false&c=&d=maybe");
        assert!(args.take_flag("a").unwrap());
        assert!(!args.take_flag("b").unwrap());
        assert!(!args.take_flag("c").unwrap());
        assert!(args.take_flag("d").is_err());
        assert!(!args.take_flag("e").unwrap());
    }

    #[test]
    fn an_unknown_argument_is_named_as_mistral_does() {
        let mut args = QueryArgs::parse("limit=1&lmit=2");
        assert_eq!(args.take("limit").as_deref(), Some("1"));
        assert_eq!(
            args.finish().unwrap_err().message(),
            "Unknown argument: \"lmit\""
        );
    }
}
