//! What an operation is refused with: a status and Mistral's fault body.

use std::{borrow::Cow, time::Duration};

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
use tracing::error;

use super::origin::Refusal;
use crate::{engine, policy, telemetry::Chain};

/// The body of every refusal.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FaultView {
    /// `Client` for what the caller can mend, `Server` for the rest.
    pub faultcode: &'static str,
    /// What is wrong, and what would be right.
    pub faultstring: Cow<'static, str>,
    /// Always null.
    pub debuginfo: Option<()>,
}

/// Why a request was refused.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: Cow<'static, str>,
    retry_after: Option<Duration>,
    /// The policy rule that refuses it.
    rule: Option<&'static str>,
}

impl ApiError {
    fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            message: message.into(),
            retry_after: None,
            rule: None,
        }
    }

    /// 400: the request is wrong in itself.
    pub(crate) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401: the message is not signed by who may send it.
    pub(crate) fn unsigned(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    /// 403: the caller may not do this.
    pub(crate) fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 404: there is no such thing, or it is another project's.
    pub(crate) fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 405: the path is known, the method is not.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "This method is not allowed here.",
        )
    }

    /// 408: the request did not come in time.
    pub(crate) fn request_timeout(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, message)
    }

    /// 413: the body is longer than `max_bytes`, which the operator sets by `setting`.
    pub(crate) fn too_large(max_bytes: u64, setting: &str) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("The body is longer than {max_bytes} bytes, the host's {setting}."),
        )
    }

    /// 415: the body is of another type than the route takes.
    pub(crate) fn wrong_type(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    }

    /// 429: too much waits already; it says when to come again.
    pub(crate) fn busy(message: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, message)
        }
    }

    /// 503: a service that the host depends on does not answer.
    pub(crate) fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// 503, as [`Self::unavailable`]; it says when to come again.
    pub(crate) fn away(message: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::unavailable(message)
        }
    }

    /// 500: logs `source` with its chain and tells the caller nothing of it.
    pub(crate) fn internal(source: &(dyn std::error::Error + 'static)) -> Self {
        error!(error = %Chain(source), "a request failed inside the host");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error")
    }

    /// The HTTP status.
    #[cfg(test)]
    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// The `faultstring`.
    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl From<policy::Forbidden> for ApiError {
    fn from(policy::Forbidden(rule): policy::Forbidden) -> Self {
        Self {
            rule: Some(rule),
            ..Self::forbidden("Operation forbidden (insufficient permissions)")
        }
    }
}

impl From<engine::Error> for ApiError {
    fn from(source: engine::Error) -> Self {
        match source {
            engine::Error::NotFound(what) => Self::not_found(what),
            engine::Error::BadInput(fault) => Self::bad_request(fault),
            engine::Error::Forbidden(why) | engine::Error::OverQuota(why) => Self::forbidden(why),
            engine::Error::Conflict(what) => Self::new(StatusCode::CONFLICT, what),
            engine::Error::Refused(why) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, why),
            engine::Error::Busy(why) => Self::busy(why, engine::Error::RETRY_AFTER),
            engine::Error::Store(_) if source.is_store_unavailable() => {
                error!(error = %Chain(&source), "the store cannot be reached");
                Self::unavailable("The store cannot be reached; try again later.")
            }
            engine::Error::Store(_) | engine::Error::Host(_) => Self::internal(&source),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let faultcode = if self.status.is_server_error() {
            "Server"
        } else {
            "Client"
        };
        let refusal = Refusal {
            rule: self.rule,
            reason: self.message.clone(),
        };
        let body = FaultView {
            faultcode,
            faultstring: self.message,
            debuginfo: None,
        };
        let mut response = (self.status, Json(body)).into_response();
        response.extensions_mut().insert(refusal);
        if let Some(after) = self.retry_after {
            let secs = HeaderValue::from(after.as_secs());
            response.headers_mut().insert(header::RETRY_AFTER, secs);
        }
        response
    }
}

/// A 401 in the shape that Keystone's middleware gives it, which the stock client reads; `challenge` says where tokens
/// come from.
pub(crate) fn unauthorized(challenge: &str, why: &str) -> Response {
    const MESSAGE: HeaderName = HeaderName::from_static("server-error-message");
    // A header holds visible ASCII only.
    let line: String = why
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '?'
            }
        })
        .collect();
    let escaped = line
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let page = format!(
        "<html>\n <head>\n  <title>401 Unauthorized</title>\n </head>\n <body>\n  <h1>401 Unauthorized</h1>\n  \
         {escaped}<br /><br />\n </body>\n</html>"
    );
    let mut response = (
        StatusCode::UNAUTHORIZED,
        [(header::CONTENT_TYPE, "text/html; charset=UTF-8")],
        page,
    )
        .into_response();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&line) {
        headers.insert(MESSAGE, value);
    }
    if let Ok(value) = HeaderValue::from_str(challenge) {
        headers.insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(response: Response) -> serde_json::Value {
        let bytes = axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn a_refusal_has_mistrals_shape() {
        let response = ApiError::not_found("Action not found [name=std.ecoh]").into_response();
        assert_eq!(response.status(), 404);
        assert_eq!(
            body(response).await,
            serde_json::json!({
                "faultcode": "Client",
                "faultstring": "Action not found [name=std.ecoh]",
                "debuginfo": null
            })
        );
    }

    #[tokio::test]
    async fn a_full_line_is_429_and_says_when_to_come_again() {
        let busy = engine::Error::Busy("runtime.waiting_runs = 2".to_owned());
        let response = ApiError::from(busy).into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "5");
        let body = body(response).await;
        assert_eq!(body["faultcode"], "Client");
        assert_eq!(body["faultstring"], "runtime.waiting_runs = 2");
    }

    #[tokio::test]
    async fn a_fault_of_the_host_says_nothing_of_its_inside() {
        let source = std::io::Error::other("/var/lib/zonda is full");
        let response = ApiError::internal(&source).into_response();
        assert_eq!(response.status(), 500);
        let body = body(response).await;
        assert_eq!(body["faultcode"], "Server");
        assert_eq!(body["faultstring"], "internal error");
    }

    #[test]
    fn a_401_names_keystone_and_stays_on_one_line() {
        let response = unauthorized("Keystone uri=\"http://k:5000/v3\"", "Failed\r\nto validate");
        assert_eq!(
            response.headers()["www-authenticate"],
            "Keystone uri=\"http://k:5000/v3\""
        );
        assert_eq!(
            response.headers()["server-error-message"],
            "Failed??to validate"
        );
    }
}
