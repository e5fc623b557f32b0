//! A server that does what no real cloud will: hang, drip, flood, echo secrets, redirect, lie.
//!
//! It can pose as any service of a catalog that travels with a request, and records all that reaches it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The ways the server misbehaves, as paths under [`FaultServer::url`].
pub mod path {
    /// Takes the request and never answers.
    pub const HANG: &str = "/hang";
    /// Answers with a byte now and then, for ever.
    pub const DRIP: &str = "/drip";
    /// Answers as fast as it can, for ever.
    pub const FLOOD: &str = "/flood";
    /// Answers with the token it got: in the body, in `X-Echo`, in `X-Subject-Token` and in a cookie.
    pub const ECHO_TOKEN: &str = "/echo-token";
    /// Answers with `{"method", "path", "query", "headers", "body"}` of the request.
    pub const ECHO: &str = "/echo";
    /// Answers with an HTML page, as a wrong address would.
    pub const HTML: &str = "/html";
    /// Answers with this many bytes: `/bytes/N`.
    pub const BYTES: &str = "/bytes";
    /// Answers with this status: `/status/N`.
    pub const STATUS: &str = "/status";
    /// Redirects: `/redirect?to=URL`, with `&status=N` (302).
    pub const REDIRECT: &str = "/redirect";
    /// Redirects whatever is below it to the same path below [`ECHO`].
    pub const REDIRECT_ALL: &str = "/redirect-all";
}

/// A request that reached the server.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its method.
    pub method: String,
    /// Its path, as sent.
    pub path: String,
    /// Its query, as sent.
    pub query: String,
    /// Its headers; those sent twice are joined by commas.
    pub headers: BTreeMap<String, String>,
    /// Its body, as far as it is text.
    pub body: String,
}

/// What is wrong with a server's certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Certificate {
    /// Nothing.
    Valid,
    /// It is for another host.
    WrongName,
    /// It has run out.
    Expired,
    /// It is of a time to come.
    NotYetValid,
    /// Nobody but itself vouches for it.
    SelfSigned,
    /// Another CA has signed it than the one that is said to have.
    OtherCa,
}

/// The running server; it ends with this value.
#[derive(Debug)]
pub struct FaultServer {
    address: SocketAddr,
    ca_pem: Option<String>,
    seen: Record,
    task: JoinHandle<()>,
}

type Record = Arc<Mutex<Vec<Seen>>>;

impl FaultServer {
    /// Starts a server with plain HTTP.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, seen) = (listener.local_addr()?, Record::default());
        let router = router(Arc::clone(&seen));
        let task = tokio::spawn(async move {
            let _ended = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            ca_pem: None,
            seen,
            task,
        })
    }

    /// Starts a server with TLS under a CA of its own.
    pub async fn start_tls(certificate: Certificate) -> Result<Self> {
        let (config, ca_pem) = tls_config(certificate)?;
        let tcp = TcpListener::bind("127.0.0.1:0").await?;
        let (address, seen) = (tcp.local_addr()?, Record::default());
        let router = router(Arc::clone(&seen));
        let listener = TlsListener {
            tcp,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        };
        let task = tokio::spawn(async move {
            let _ended = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            ca_pem: Some(ca_pem),
            seen,
            task,
        })
    }

    /// The address of a path on this server.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.ca_pem.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}{path}", self.address)
    }

    /// The CA that signed the server's certificate.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// A Keystone token body whose catalog names this server, at `path`, for `compute` and `identity` in `RegionF`.
    pub fn catalog(&self, path: &str) -> Value {
        let url = self.url(path);
        catalog(&[("compute", &url), ("identity", &url)])
    }

    /// The headers that make this server the target cloud's only service.
    ///
    /// The auth URL is this server's too, so that a call to Keystone is seen.
    pub fn target_headers(&self, token: &str, catalog: &Value) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("X-Target-Auth-Uri", self.url("/v3")),
            ("X-Target-Auth-Token", token.to_owned()),
            (
                "X-Target-Service-Catalog",
                crate::cloud::base64(&catalog.to_string()),
            ),
        ];
        if let Some(pem) = &self.ca_pem {
            headers.push(("X-Target-Ca-Cert", crate::cloud::base64(pem)));
        }
        headers
    }

    /// All requests so far, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A Keystone token body with these services in `RegionF`.
pub fn catalog(services: &[(&str, &str)]) -> Value {
    let services: Vec<_> = services
        .iter()
        .map(|(kind, url)| {
            let endpoint = json!({ "interface": "public", "region": "RegionF", "region_id": "RegionF", "url": url });
            json!({ "type": kind, "name": kind, "endpoints": [endpoint] })
        })
        .collect();
    json!({ "methods": ["token"], "catalog": services })
}

fn router(seen: Record) -> Router {
    Router::new()
        .route(path::HANG, any(std::future::pending::<()>))
        .route(path::DRIP, any(|| async { Body::from_stream(drip()) }))
        .route(path::FLOOD, any(|| async { Body::from_stream(flood()) }))
        .route(path::ECHO_TOKEN, any(echo_token))
        .route(path::ECHO, any(echo))
        .route("/echo/{*rest}", any(echo))
        .route(
            path::HTML,
            any(|| async { axum::response::Html("<h1>It works!</h1>") }),
        )
        .route(
            "/html/{*rest}",
            any(|| async { axum::response::Html("<h1>It works!</h1>") }),
        )
        .route(
            "/bytes/{count}",
            any(|Path(count): Path<usize>| async move { vec![b'z'; count] }),
        )
        .route("/status/{code}", any(status))
        .route(path::REDIRECT, any(redirect))
        .route(
            "/redirect-all/{*rest}",
            any(|Path(rest): Path<String>| async move {
                (
                    StatusCode::FOUND,
                    [(header::LOCATION, format!("{}/{rest}", path::ECHO))],
                )
            }),
        )
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is nothing here") })
        .layer(axum::middleware::from_fn_with_state(seen, record))
}

/// Keeps a copy of each request before it is answered.
async fn record(
    State(seen): State<Record>,
    request: Request,
    next: axum::middleware::Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 64 << 20).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in &parts.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.to_string())
            .and_modify(|all| *all = format!("{all}, {value}"))
            .or_insert(value.into());
    }
    let entry = Seen {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    seen.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(entry.clone());
    let mut request = Request::from_parts(parts, Body::from(body));
    request.extensions_mut().insert(entry);
    next.run(request).await
}

async fn echo(axum::Extension(seen): axum::Extension<Seen>) -> axum::Json<Value> {
    let Seen {
        method,
        path,
        query,
        headers,
        body,
    } = seen;
    axum::Json(
        json!({ "method": method, "path": path, "query": query, "headers": headers, "body": body }),
    )
}

async fn echo_token(request: Request) -> Response {
    let missing = HeaderValue::from_static("no token came");
    let token = request
        .headers()
        .get("x-auth-token")
        .cloned()
        .unwrap_or(missing);
    let mut response = Response::new(Body::from(
        [b"you sent ", token.as_bytes(), b" to me"].concat(),
    ));
    let headers = response.headers_mut();
    for name in ["x-echo", "x-subject-token"] {
        headers.insert(HeaderName::from_static(name), token.clone());
    }
    if let Ok(cookie) = HeaderValue::from_bytes(&[b"token=", token.as_bytes()].concat()) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

async fn status(Path(code): Path<u16>) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::IM_A_TEAPOT);
    (
        status,
        axum::Json(json!({ "error": { "code": code, "message": "as you wish" } })),
    )
        .into_response()
}

async fn redirect(Query(query): Query<BTreeMap<String, String>>) -> Response {
    let code = query
        .get("status")
        .and_then(|code| code.parse().ok())
        .unwrap_or(302);
    let to = query.get("to").map_or("/echo", String::as_str);
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::FOUND);
    (status, [(header::LOCATION, to.to_owned())]).into_response()
}

type Chunk = Result<Bytes, Infallible>;

fn flood() -> impl stream::Stream<Item = Chunk> + Send {
    stream::repeat_with(|| Ok(Bytes::from_static(&[b'z'; 64 << 10])))
}

fn drip() -> impl stream::Stream<Item = Chunk> + Send {
    let ticks = tokio::time::interval(Duration::from_millis(50));
    stream::unfold(ticks, |mut ticks| async move {
        ticks.tick().await;
        Some((Ok(Bytes::from_static(b"z")), ticks))
    })
    .boxed()
}

/// Accepts TLS connections one handshake after the other, and ignores those that fail.
struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if let Ok((stream, address)) = self.tcp.accept().await
                && let Ok(stream) = self.acceptor.accept(stream).await
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

/// A server's TLS configuration, and the certificate of the CA that signed it.
fn tls_config(certificate: Certificate) -> Result<(rustls::ServerConfig, String)> {
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd,
    };

    let make_ca = |name: &str| -> Result<_> {
        let mut ca = CertificateParams::new(Vec::<String>::new())?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(rcgen::DnType::CommonName, name);
        Ok(CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?)
    };
    let ca = make_ca("Test CA of a fault server")?;

    let name = if certificate == Certificate::WrongName {
        "elsewhere.example"
    } else {
        "127.0.0.1"
    };
    let mut server = CertificateParams::new(vec![name.to_owned()])?;
    if certificate == Certificate::Expired {
        server.not_before = date_time_ymd(2020, 1, 1);
        server.not_after = date_time_ymd(2021, 1, 1);
    }
    if certificate == Certificate::NotYetValid {
        server.not_before = date_time_ymd(2100, 1, 1);
        server.not_after = date_time_ymd(2101, 1, 1);
    }
    let key = KeyPair::generate()?;
    let server = match certificate {
        Certificate::SelfSigned => server.self_signed(&key)?,
        Certificate::OtherCa => {
            let other = make_ca("Somebody else")?;
            server.signed_by(&key, &other)?
        }
        Certificate::Valid
        | Certificate::WrongName
        | Certificate::Expired
        | Certificate::NotYetValid => server.signed_by(&key, &ca)?,
    };

    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der())
        .map_err(anyhow::Error::msg)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![server.der().clone()], key)?;
    Ok((config, ca.pem()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_are_recorded_and_echoed() -> Result<()> {
        let server = FaultServer::start().await?;
        let client = crate::http_client(None)?;
        let request = client
            .post(server.url("/echo/a?b=c"))
            .header("x-one", "1")
            .body("hello");
        let answer: Value = request.send().await?.json().await?;
        assert_eq!(answer["query"], "b=c");
        assert_eq!(answer["headers"]["x-one"], "1");
        let seen = server.seen();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].body, "hello");
        Ok(())
    }

    #[tokio::test]
    async fn only_the_right_certificate_is_trusted() -> Result<()> {
        for (certificate, trusted) in [
            (Certificate::Valid, true),
            (Certificate::WrongName, false),
            (Certificate::Expired, false),
        ] {
            let server = FaultServer::start_tls(certificate).await?;
            let client = crate::http_client(server.ca_pem())?;
            let answer = client.get(server.url(path::ECHO)).send().await;
            assert_eq!(answer.is_ok(), trusted, "{certificate:?}: {answer:?}");
        }
        Ok(())
    }
}
