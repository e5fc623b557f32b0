//! How the API is configured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// Where the API listens and how much it takes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address and port; port 0 takes any free one.
    pub address: String,
    /// Where this host is reached from outside, for callbacks and `next` links; the host that a request names when
    /// none.
    #[schemars(with = "Option<String>")]
    pub public_url: Option<Url>,
    /// The longest body in bytes, uploads of modules aside.
    pub max_body_bytes: usize,
    /// The longest head of a request in bytes; catalogs in headers are long.
    pub max_header_bytes: usize,
    /// The most seconds that the host waits for a body that does not come, or comes at less than 4 KiB a second.
    pub body_timeout_secs: u64,
    /// The most connections at once; for one more, the one that is idle for longest is closed, or else it waits.
    pub max_connections: usize,
    /// Seconds after which a connection is closed on which no request has arrived in full, or no answer is taken.
    pub idle_timeout_secs: u64,
    /// How long requests and runs under way may go on after a SIGTERM, in seconds; then they are cancelled.
    pub grace_secs: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:8989".to_owned(),
            public_url: None,
            max_body_bytes: 16 * 1024 * 1024,
            max_header_bytes: 400 * 1024,
            body_timeout_secs: 30,
            max_connections: 4096,
            idle_timeout_secs: 75,
            grace_secs: 30,
        }
    }
}
