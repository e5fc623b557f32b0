//! A real Mistral, which `scripts/mistral` brings up, to compare answers with.

use anyhow::{Context, Result};

use crate::client::Client;

/// A caller of it; it asks nobody who is calling.
pub fn peer() -> Result<Client> {
    let url = std::env::var_os("ZONDA_MISTRAL")
        .context("ZONDA_MISTRAL is not set: scripts/mistral up tests; scripts/mistral url tests")?;
    Client::new(&url.to_string_lossy())
}
