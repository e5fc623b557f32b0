//! Support for the end-to-end tests: the real `zonda` program, the real clouds, the real `mistral` and
//! `murano` commands.
//!
//! Nothing here links the host: what the tests know of it is what crosses the wire.

#![expect(
    clippy::indexing_slicing,
    reason = "a missing member of a JSON value is null"
)]

pub mod broker;
pub mod client;
mod clients;
pub mod cloud;
mod compiled;
pub mod evil;
pub mod executions;
pub mod faults;
pub mod gate;
pub mod guests;
pub mod host;
pub mod keystone;
pub mod load;
pub mod marks;
pub mod mistral;
pub mod murano;
pub mod oidc;
pub mod peer;
pub mod wait;
pub mod wire;
pub mod workflows;

use std::path::PathBuf;

/// The state folder of the scripts, where clouds and Python environments live.
fn state_folder() -> PathBuf {
    let from = |name: &str| std::env::var_os(name).map(PathBuf::from);
    from("ZONDA_STATE").unwrap_or_else(|| {
        from("XDG_CACHE_HOME")
            .or_else(|| from("HOME").map(|home| home.join(".cache")))
            .unwrap_or_else(|| PathBuf::from("/root/.cache"))
            .join("zonda")
    })
}

/// Where cargo and `scripts/build-actions` put what they build.
fn target_folder() -> PathBuf {
    std::env::var_os("ZONDA_TARGET")
        .or_else(|| std::env::var_os("CARGO_TARGET_DIR"))
        .map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target"),
            PathBuf::from,
        )
}

/// A name that no other test has.
pub fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", uuid::Uuid::now_v7().simple())
}

/// A file that holds a text, for as long as it is kept.
#[derive(Debug)]
pub struct TextFile(tempfile::NamedTempFile);

impl TextFile {
    /// Writes it.
    pub fn new(text: &str) -> anyhow::Result<Self> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), text)?;
        Ok(Self(file))
    }

    /// Where it is.
    pub fn path(&self) -> &str {
        self.0.path().to_str().unwrap_or_default()
    }
}

/// A client of ours: no proxies, no redirects, and one TLS provider for the whole process.
fn http_client(ca_pem: Option<&str>) -> anyhow::Result<reqwest::Client> {
    static PROVIDER: std::sync::Once = std::sync::Once::new();
    PROVIDER.call_once(|| {
        let _already_set = rustls::crypto::ring::default_provider().install_default();
    });
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    // Without a CA the client is for plain HTTP only, and need not read the system's certificates.
    builder = match ca_pem {
        Some(pem) => builder.tls_certs_only([reqwest::Certificate::from_pem(pem.as_bytes())?]),
        None => builder.tls_certs_only([]),
    };
    Ok(builder.build()?)
}
