//! A server for tests that answers as a test says and remembers what it was asked.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};
use std::time::Duration;

use async_trait::async_trait;
use axum::{
    body::{Body, to_bytes},
    extract::Request,
    response::IntoResponse,
};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::{clock::Clock, domain::Timestamp};

/// What the server answers.
pub(crate) type Response = axum::response::Response;

/// A request that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// Whether the body came to its proper end.
    pub(crate) is_whole: bool,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// The server; it ends with the test's runtime.
pub(crate) struct Fake {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    /// Starts a server on a free port that answers by `answer`, which is told the server's own URL.
    pub(crate) async fn start<F>(answer: F) -> Self
    where
        F: Fn(&str, &Seen) -> Response + Clone + Send + Sync + 'static,
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (kept, own) = (seen.clone(), url.clone());
        let app = axum::Router::new().fallback(move |request: Request| {
            let (kept, own, answer) = (kept.clone(), own.clone(), answer.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await;
                let seen = Seen {
                    method: parts.method.to_string(),
                    path: parts.uri.path().to_owned(),
                    query: parts.uri.query().unwrap_or_default().to_owned(),
                    headers: parts.headers,
                    is_whole: body.is_ok(),
                    body: String::from_utf8_lossy(&body.unwrap_or_default()).into_owned(),
                };
                kept.lock().unwrap().push(seen.clone());
                answer(&own, &seen)
            }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, seen }
    }

    /// Every request to `path` so far.
    pub(crate) fn seen(&self, path: &str) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|seen| seen.path == path)
            .cloned()
            .collect()
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// How many identity calls there were.
    pub(crate) fn identity_calls(&self) -> usize {
        self.seen("/v3/auth/tokens").len()
    }
}

/// A token body whose catalog has compute and object-store at `url`.
pub(crate) fn token_body(url: &str, project_id: &str, expires_at: &str) -> Value {
    let endpoint = |path: &str| json!([{"region": "One", "interface": "public", "url": format!("{url}{path}")}]);
    json!({"token": {
        "methods": ["password"],
        "user": {"id": "u1", "name": "somebody"},
        "project": {"id": project_id, "name": "a project", "domain": {"id": "default"}},
        "roles": [{"name": "member"}],
        "expires_at": expires_at,
        "catalog": [
            {"type": "compute", "endpoints": endpoint("/compute/v2.1")},
            {"type": "object-store", "endpoints": endpoint("/swift/v1/AUTH_p1")},
        ],
    }})
}

/// An answer in JSON.
pub(crate) fn answer(status: u16, body: &Value) -> Response {
    (
        StatusCode::from_u16(status).unwrap(),
        axum::Json(body.clone()),
    )
        .into_response()
}

/// An answer with a header.
pub(crate) fn with_header(status: u16, name: &'static str, value: &str, body: &str) -> Response {
    http::Response::builder()
        .status(status)
        .header(name, value)
        .body(Body::from(body.to_owned()))
        .unwrap()
}

/// An answer whose body comes in chunks of `size` bytes.
pub(crate) fn in_chunks(body: &str, size: usize) -> Response {
    let chunks: Vec<std::io::Result<Bytes>> = body
        .as_bytes()
        .chunks(size)
        .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
        .collect();
    Response::new(Body::from_stream(stream::iter(chunks)))
}

/// A clock that a test sets.
pub(crate) struct SetClock(AtomicI64);

impl SetClock {
    pub(crate) fn at(text: &str) -> Arc<Self> {
        let moment = Timestamp::parse_rfc3339(text).unwrap();
        Arc::new(Self(AtomicI64::new(moment.unix_ms())))
    }

    pub(crate) fn advance(&self, duration: Duration) {
        let ms = i64::try_from(duration.as_millis()).unwrap();
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.0.load(Ordering::Relaxed))
    }

    async fn sleep(&self, _duration: Duration) {
        std::future::pending::<()>().await;
    }
}
