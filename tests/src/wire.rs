//! A server that writes bytes as they stand: what no HTTP library would let it say.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One thing that the server does once it has read a request; after the last one it closes the connection.
#[derive(Clone, Debug)]
pub enum Step {
    /// Writes bytes.
    Write(Vec<u8>),
    /// Writes bytes over and over, as fast as they are taken.
    Flood(Vec<u8>),
    /// Writes bytes over and over, some now and some then.
    Drip(Vec<u8>),
    /// Does nothing more, and does not close.
    Hang,
}

impl Step {
    /// Writes a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Write(text.into().into_bytes())
    }

    /// Writes a whole answer in JSON.
    pub fn json(status: &str, headers: &str, body: &str) -> Self {
        Self::text(format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        ))
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The server's own URL.
    pub url: String,
    /// The request, head and body.
    pub text: String,
}

impl Asked {
    /// The value of a header; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        let lines = self
            .text
            .lines()
            .skip(1)
            .take_while(|line| !line.is_empty());
        lines
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }
}

/// The running server; it ends with this value.
#[derive(Debug)]
pub struct WireServer {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl WireServer {
    /// Starts a server that answers each connection's only request with these steps.
    pub async fn start<F>(script: F) -> Result<Self>
    where
        F: Fn(&Asked) -> Vec<Step> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (script, kept) = (Arc::new(script), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            let mut talks = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, kept) = (Arc::clone(&script), Arc::clone(&kept));
                talks.spawn(async move {
                    let mut stream = stream;
                    let Ok(text) = read_request(&mut stream).await else {
                        return;
                    };
                    kept.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(text.clone());
                    let url = format!("http://{address}");
                    let _gone = perform(&mut stream, script(&Asked { url, text })).await;
                });
            }
        });
        Ok(Self {
            address,
            seen,
            task,
        })
    }

    /// Starts a server that never takes a connection.
    pub async fn deaf() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let _open = listener;
            std::future::pending::<()>().await;
        });
        Ok(Self {
            address,
            seen: Arc::default(),
            task,
        })
    }

    /// The address of a path on this server.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The headers that make this server the target cloud's only service, and its Keystone.
    pub fn target_headers(&self, token: &str) -> Vec<(&'static str, String)> {
        let catalog = crate::faults::catalog(&[("compute", &self.url(""))]).to_string();
        let mut headers = self.keystone_headers(token);
        headers.push(("X-Target-Service-Catalog", crate::cloud::base64(&catalog)));
        headers
    }

    /// The headers that make this server the Keystone to be asked about `token`.
    pub fn keystone_headers(&self, token: &str) -> Vec<(&'static str, String)> {
        vec![
            ("X-Target-Auth-Uri", self.url("/v3")),
            ("X-Target-Auth-Token", token.to_owned()),
        ]
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for WireServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads a head, and the body that it announces.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Result<String> {
    let mut bytes = Vec::new();
    loop {
        anyhow::ensure!(stream.read_buf(&mut bytes).await? > 0, "it has gone");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(Ok(0), |(_, length)| length.parse())?;
        if body.len() >= length {
            return Ok(text);
        }
    }
}

async fn perform(stream: &mut (impl AsyncWrite + Unpin), steps: Vec<Step>) -> Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    for step in steps {
        match step {
            Step::Write(bytes) => stream.write_all(&bytes).await?,
            Step::Flood(bytes) => loop {
                stream.write_all(&bytes).await?;
            },
            Step::Drip(bytes) => loop {
                ticks.tick().await;
                stream.write_all(&bytes).await?;
            },
            Step::Hang => std::future::pending().await,
        }
    }
    Ok(stream.shutdown().await?)
}
