//! What every request passes through: its ids, its span, its line in the log, its metrics.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Uri, header, uri::PathAndQuery},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use futures::FutureExt as _;
use tracing::{Instrument, field::Empty, info, info_span};
use uuid::Uuid;

use super::{App, error::ApiError, patience::patient};
use crate::domain::RequestContext;

/// Headers that hold a credential.
const CREDENTIALS: [&str; 5] = [
    "x-auth-token",
    "x-subject-token",
    "x-target-auth-token",
    "x-target-service-catalog",
    "authorization",
];

#[derive(Debug, thiserror::Error)]
#[error("a handler panicked")]
struct Panicked;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");
const TRACEPARENT: &str = "traceparent";

/// Gives the request its ids and its span, and tells of it when it is answered. Never of its query, headers or body.
pub(super) async fn request(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    for name in CREDENTIALS {
        if let Some(value) = request.headers_mut().get_mut(name) {
            value.set_sensitive(true);
        }
    }
    let context = context(request.headers());
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("none", MatchedPath::as_str);
    let span = info_span!("request", request.id = %context.request_id, project.id = Empty);
    let header = HeaderValue::from_str(&context.request_id);
    request.extensions_mut().insert(context);
    let _in_flight = app.metrics.request_began();
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let patience = Duration::from_secs(app.settings.body_timeout_secs);
    let request = request.map(|body| patient(body, patience));
    // Where and why is in the log already, from the panic hook.
    let answered = AssertUnwindSafe(next.run(request).instrument(span.clone()));
    let mut response = answered
        .catch_unwind()
        .await
        .unwrap_or_else(|_| ApiError::internal(&Panicked).into_response());
    if is_chunked {
        // A proxy that went by a Content-Length beside it took what follows for a part of this request.
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Ok(header) = header {
        response.headers_mut().insert(REQUEST_ID, header);
    }
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    app.metrics.request_ended(route, &method, status, elapsed);
    info!(
        parent: &span, http.method = %method, http.route = route, http.status = status,
        duration_ms = elapsed.as_secs_f64() * 1000.0, "{method} {route} {status}"
    );
    response
}

/// A path with a trailing slash means the same as without, as the stock client sends it.
pub(super) fn without_trailing_slash(mut request: Request) -> Request {
    let path = request.uri().path();
    if path.len() > 1 && path.ends_with('/') && path != "/v2/" {
        let trimmed = path.trim_end_matches('/');
        let target = match request.uri().query() {
            Some(query) => format!("{trimmed}?{query}"),
            None => trimmed.to_owned(),
        };
        if let Ok(target) = target.parse::<PathAndQuery>() {
            let mut parts = request.uri().clone().into_parts();
            parts.path_and_query = Some(target);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
    }
    request
}

fn context(headers: &HeaderMap) -> RequestContext {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let request_id = match text(REQUEST_ID.as_str()).filter(|id| is_request_id(id)) {
        Some(id) => Arc::from(id),
        None => Arc::from(format!("req-{}", Uuid::now_v7())),
    };
    let traceparent = text(TRACEPARENT).and_then(continued);
    RequestContext {
        traceparent: traceparent.unwrap_or_else(begun).into(),
        request_id,
    }
}

fn is_request_id(text: &str) -> bool {
    text.len() == 40
        && text
            .strip_prefix("req-")
            .is_some_and(|id| Uuid::try_parse(id).is_ok())
}

/// The same trace with a span of this host's own; none when `text` is not a valid `traceparent`.
fn continued(text: &str) -> Option<String> {
    let mut parts = text.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let is_zero = |text: &str| text.bytes().all(|b| b == b'0');
    let is_valid = is_hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && is_hex(trace, 32)
        && !is_zero(trace)
        && is_hex(parent, 16)
        && !is_zero(parent)
        && is_hex(flags, 2);
    is_valid.then(|| format!("00-{trace}-{:016x}-{flags}", span_id()))
}

/// A trace that begins here; nobody has asked for it to be sampled.
fn begun() -> String {
    format!(
        "00-{:032x}-{:016x}-00",
        rand::random::<u128>().max(1),
        span_id()
    )
}

fn span_id() -> u64 {
    rand::random::<u64>().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_request_id_is_kept_and_another_is_replaced() {
        let id = "req-0196a1b2-0000-7000-8000-000000000001";
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static(id));
        assert_eq!(&*context(&headers).request_id, id);
        for wrong in ["x", "req-", "req-0196a1b2-0000-7000-8000-00000000000g"] {
            headers.insert(REQUEST_ID, HeaderValue::from_static(wrong));
            let made = context(&headers).request_id;
            assert!(is_request_id(&made) && &*made != wrong);
        }
    }

    #[test]
    fn a_trace_goes_on_under_a_span_of_its_own() {
        let incoming = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let outgoing = continued(incoming).unwrap();
        assert!(outgoing.starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
        assert!(outgoing.ends_with("-01") && outgoing != incoming);
    }

    #[test]
    fn a_broken_traceparent_begins_a_trace() {
        for wrong in [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(continued(wrong), None, "{wrong}");
        }
        assert!(continued(&begun()).is_some());
    }

    #[test]
    fn a_trailing_slash_is_dropped_and_the_query_kept() {
        let send = |uri: &str| {
            let request = Request::builder()
                .uri(uri)
                .body(axum::body::Body::empty())
                .unwrap();
            without_trailing_slash(request).uri().to_string()
        };
        assert_eq!(send("/v2/actions/std.echo/"), "/v2/actions/std.echo");
        assert_eq!(send("/v2/actions/?limit=1"), "/v2/actions?limit=1");
        assert_eq!(send("/v2/"), "/v2/");
        assert_eq!(send("/"), "/");
    }
}
