//! The benchmark's bare floor: axum, one instance and one call a request; no authentication, no store, no limits.
//!
//! Usage: `floor STD_WASM [PORT]`; prints the port that it listens on, then answers `POST /noop`.

use std::sync::Arc;

use anyhow::Context as _;
use axum::{Router, extract::State, http::StatusCode, routing::post};
use zonda_host::runtime::floor::Floor;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let component = arguments.next().context("usage: floor STD_WASM [PORT]")?;
    let port: u16 = arguments.next().map_or(Ok(0), |port| port.parse())?;
    let component = std::fs::read(&component).with_context(|| component.clone())?;
    let floor = Arc::new(Floor::new(&component)?);
    let app = Router::new().route("/noop", post(noop)).with_state(floor);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    announce(listener.local_addr()?.port());
    axum::serve(listener, app).await?;
    Ok(())
}

async fn noop(State(floor): State<Arc<Floor>>) -> Result<String, (StatusCode, String)> {
    let answer = floor.run("std.noop", "{}").await;
    answer.map_err(|err| (StatusCode::INTERNAL_SERVER_ERROR, err.to_string()))
}

#[expect(clippy::print_stdout, reason = "whoever started this reads the port")]
fn announce(port: u16) {
    println!("{port}");
}
