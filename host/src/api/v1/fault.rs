//! Refusals below `/v1/`, in the form that Murano's fault middleware gives them.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::origin::Refusal;

/// The body of Murano's refusals.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MuranoFaultView {
    /// The HTTP status.
    code: u16,
    title: &'static str,
    explanation: String,
    error: MuranoErrorView,
}

/// What went wrong.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MuranoErrorView {
    message: String,
    /// `HTTPForbidden` and its like.
    #[serde(rename = "type")]
    kind: String,
    /// Always null.
    traceback: Option<()>,
}

/// Puts the refusals of Murano's routes into Murano's form.
pub(crate) async fn in_muranos_words(request: Request, next: Next) -> Response {
    let is_murano = request.uri().path().starts_with("/v1/");
    let response = next.run(request).await;
    match response.extensions().get::<Refusal>() {
        Some(refusal) if is_murano => {
            let fault = fault(response.status(), &refusal.reason);
            rewrite(response, &fault)
        }
        Some(_) | None => response,
    }
}

fn fault(status: StatusCode, message: &str) -> MuranoFaultView {
    let title = status.canonical_reason().unwrap_or("Error");
    let words = match status {
        StatusCode::FORBIDDEN => "Access was denied to this resource.",
        _ => message,
    };
    MuranoFaultView {
        code: status.as_u16(),
        title,
        explanation: words.to_owned(),
        error: MuranoErrorView {
            message: words.to_owned(),
            kind: format!("HTTP{}", title.replace(' ', "")),
            traceback: None,
        },
    }
}

fn rewrite(response: Response, fault: &MuranoFaultView) -> Response {
    // Murano says text/html of it, and its clients fail on `code` where it is said to be JSON. So nothing may look like
    // a tag.
    let json = serde_json::to_string(fault).unwrap_or_default();
    let body = json
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026");
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=UTF-8"),
    );
    Response::from_parts(parts, Body::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_has_muranos_words_and_no_traceback() {
        let forbidden = serde_json::to_value(fault(StatusCode::FORBIDDEN, "ours")).unwrap();
        assert_eq!(
            forbidden,
            serde_json::json!({
                "code": 403,
                "title": "Forbidden",
                "explanation": "Access was denied to this resource.",
                "error": { "message": "Access was denied to this resource.",
                           "type": "HTTPForbidden", "traceback": null }
            })
        );
    }

    #[tokio::test]
    async fn nothing_in_a_fault_is_a_tag() {
        let fault = fault(StatusCode::NOT_FOUND, "<script>&");
        let response = rewrite(Response::new(Body::empty()), &fault);
        let bytes = axum::body::to_bytes(response.into_body(), 1000)
            .await
            .unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(!text.contains(['<', '>', '&']), "{text}");
        let read: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(read["explanation"], "<script>&");
    }
}
