//! A closed-loop load: so many clients, each sending its next request when the last one is answered.
//!
//! The client is a bare socket, so that what is measured is the server and not a client library.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request that is sent again and again.
#[derive(Clone, Debug)]
pub struct Load {
    address: SocketAddr,
    request: Vec<u8>,
    expected: &'static str,
}

/// What a load showed.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Answers a second.
    pub rps: f64,
    /// The median time to an answer, in milliseconds.
    pub p50_ms: f64,
    /// The time in which 99 of 100 answers came, in milliseconds.
    pub p99_ms: f64,
}

impl Load {
    /// POSTs `body` to `path`; every answer's body must hold `expected`.
    pub fn post(address: SocketAddr, path: &str, body: &str, expected: &'static str) -> Self {
        Self::post_with(address, path, &[], body, expected)
    }

    /// As [`Load::post`], with further headers.
    pub fn post_with(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
        expected: &'static str,
    ) -> Self {
        let body = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Self::new("POST", address, path, headers, &body, expected)
    }

    /// GETs `path` with these headers; every answer's body must hold `expected`.
    pub fn get_with(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
        expected: &'static str,
    ) -> Self {
        Self::new("GET", address, path, headers, "\r\n", expected)
    }

    /// `rest` is the last headers, and a body.
    fn new(
        method: &str,
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
        rest: &str,
        expected: &'static str,
    ) -> Self {
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}{rest}");
        Self {
            address,
            request: request.into_bytes(),
            expected,
        }
    }

    /// Keeps `clients` busy for `time`.
    pub async fn run(&self, clients: usize, time: Duration) -> Result<Figures> {
        let start = Instant::now();
        let tasks: Vec<_> = (0..clients)
            .map(|_| {
                let load = self.clone();
                tokio::spawn(async move { load.one_client(start + time).await })
            })
            .collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await??);
        }
        let seconds = start.elapsed().as_secs_f64();
        times.sort_unstable();
        let at = |share: f64| -> Result<f64> {
            let index = (share * (times.len() as f64 - 1.0)).round() as usize;
            let time: &Duration = times.get(index).context("no request was answered")?;
            Ok(time.as_secs_f64() * 1e3)
        };
        Ok(Figures {
            rps: times.len() as f64 / seconds,
            p50_ms: at(0.5)?,
            p99_ms: at(0.99)?,
        })
    }

    async fn one_client(&self, until: Instant) -> Result<Vec<Duration>> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (mut times, mut buffer) = (Vec::new(), Vec::with_capacity(4096));
        loop {
            let sent = Instant::now();
            if sent >= until {
                return Ok(times);
            }
            stream.write_all(&self.request).await?;
            self.read_answer(&mut stream, &mut buffer).await?;
            times.push(sent.elapsed());
        }
    }

    async fn read_answer(&self, stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
        buffer.clear();
        loop {
            if stream.read_buf(buffer).await? == 0 {
                bail!("the server closed the connection");
            }
            let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let (head, body) = buffer.split_at(end + 4);
            let head = std::str::from_utf8(head)?.to_ascii_lowercase();
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))
                .context("an answer without content-length")?
                .trim()
                .parse()?;
            if body.len() < length {
                continue;
            }
            let body = String::from_utf8_lossy(body);
            if !head.starts_with("http/1.1 2") || !body.contains(self.expected) {
                bail!("unexpected answer: {head}{body}");
            }
            return Ok(());
        }
    }
}
