//! A gate before a server: on a port that stays, it lets connections through, slows them down, holds them or shuts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What the gate does with what clients send, on connections that are open already, too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gate {
    /// It passes on at once.
    Open,
    /// It passes on after a while.
    Slow(Duration),
    /// It waits until the gate is opened.
    Hanging,
    /// Its connection is closed.
    Shut,
}

/// The running gate; it ends with this value.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    gate: watch::Sender<Gate>,
    task: JoinHandle<()>,
}

impl Gateway {
    /// A gate before the server that listens on a socket file, now or later.
    pub async fn before(server: &Path) -> Result<Self> {
        Self::of(Server::Socket(server.to_owned())).await
    }

    /// A gate before the server that listens on a port of this machine, now or later.
    pub async fn before_port(port: u16) -> Result<Self> {
        Self::of(Server::Port(port)).await
    }

    async fn of(server: Server) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, gate) = (listener.local_addr()?, watch::Sender::new(Gate::Open));
        let seen = gate.subscribe();
        let task = tokio::spawn(async move {
            let mut talks = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                talks.spawn(pass_on(client, server.clone(), seen.clone()));
            }
        });
        Ok(Self {
            address,
            gate,
            task,
        })
    }

    /// Where the gate stands.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a path behind the gate.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From here on the gate does this.
    pub fn set(&self, gate: Gate) {
        self.gate.send_replace(gate);
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where the server listens.
#[derive(Clone, Debug)]
enum Server {
    Socket(PathBuf),
    Port(u16),
}

async fn pass_on(client: TcpStream, server: Server, gate: watch::Receiver<Gate>) {
    // Nobody behind it: the client's connection is closed.
    match server {
        Server::Socket(path) => {
            if let Ok(server) = UnixStream::connect(path).await {
                pass_between(client, server, gate).await;
            }
        }
        Server::Port(port) => {
            if let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await {
                pass_between(client, server, gate).await;
            }
        }
    }
}

async fn pass_between(
    client: TcpStream,
    server: impl AsyncRead + AsyncWrite,
    mut gate: watch::Receiver<Gate>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let mut passage = gate.clone();
    let there = async {
        let mut bytes = vec![0; 16 << 10];
        while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
            if !is_let_through(&mut passage).await
                || to_server
                    .write_all(bytes.get(..count).unwrap_or_default())
                    .await
                    .is_err()
            {
                return;
            }
        }
    };
    let back = tokio::io::copy(&mut from_server, &mut to_client);
    tokio::select! {
        () = there => {}
        _ended = back => {}
        _shut = gate.wait_for(|gate| *gate == Gate::Shut) => {}
    }
}

async fn is_let_through(gate: &mut watch::Receiver<Gate>) -> bool {
    loop {
        let wait = match *gate.borrow_and_update() {
            Gate::Open => return true,
            Gate::Shut => return false,
            Gate::Slow(time) => time,
            Gate::Hanging => Duration::MAX,
        };
        match tokio::time::timeout(wait, gate.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_ended)) => return false,
            Err(_elapsed) => return true,
        }
    }
}
