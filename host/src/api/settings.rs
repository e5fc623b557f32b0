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
    /// How long requests and runs under way may go on after a SIGTERM, in seconds; then they are cancelled.
    pub grace_secs: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:8989".to_owned(),
            public_url: None,
            max_body_bytes: 16 * 1024 * 1024,
            grace_secs: 30,
        }
    }
}
