//! Requests and answers as actions see them.

use std::time::Duration;

use bytes::Bytes;

use crate::domain::Timestamp;

/// A body, text when it is valid UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Text.
    Text(String),
    /// Anything else.
    Bytes(Bytes),
}

impl Body {
    /// The body that `bytes` are.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Bytes(error.into_bytes().into()),
        }
    }

    /// Its length in bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// A request that an action makes.
#[derive(Debug, Clone)]
pub struct CloudRequest {
    /// The service type, or an alias of it.
    pub service_type: String,
    /// The region; the target's when none.
    pub region: Option<String>,
    /// The HTTP method.
    pub method: String,
    /// Relative to the service's endpoint.
    pub path: String,
    /// Decoded names and values.
    pub query: Vec<(String, String)>,
    /// The guest's own headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Body>,
}

/// A request outside the cloud.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// The HTTP method.
    pub method: String,
    /// An absolute http or https URL.
    pub url: String,
    /// The guest's own headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Body>,
    /// How long to wait for the whole answer; never longer than the host's own limit.
    pub timeout: Option<Duration>,
}

/// Status and headers of an answer, scrubbed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

/// A whole answer, scrubbed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudResponse {
    /// Status and headers.
    pub head: Head,
    /// The body.
    pub body: Body,
}

/// What an action may know about its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// Keystone's URL.
    pub auth_url: String,
    /// The region.
    pub region: Option<String>,
    /// The token's project.
    pub project_id: Option<String>,
    /// Its name.
    pub project_name: Option<String>,
    /// The token's user.
    pub user_id: Option<String>,
    /// The names of its roles.
    pub roles: Vec<String>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// False in legacy mode.
    pub is_target: bool,
}
