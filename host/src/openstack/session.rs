//! One run's access to its cloud.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::{ActionSpec, Journal, ProjectId, RequestContext, TargetCloud, Timestamp};

/// Why a request of an action had no answer; the cases of the WIT's `cloud.error`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The run has no cloud.
    #[error("this run has no target cloud")]
    NoTarget,
    /// The catalog has no such service in the region.
    #[error("{0}")]
    NoEndpoint(String),
    /// No access rule allows it; says which would.
    #[error("{0}")]
    Denied(String),
    /// The request cannot be sent as it is.
    #[error("{0}")]
    InvalidRequest(String),
    /// No answer in time.
    #[error("the service did not answer in time")]
    TimedOut,
    /// The answer is longer than this many bytes.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(u64),
    /// No connection, a broken one, or TLS that does not check out.
    #[error("{0}")]
    Unreachable(String),
    /// The token has expired or was revoked, and the host cannot renew it.
    #[error("the token for the target cloud has expired")]
    TokenExpired,
}

/// A body, text when it is valid UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Text.
    Text(String),
    /// Anything else.
    Bytes(Bytes),
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

/// The host's side of all clouds: one pooled client per project and TLS identity, token facts until they expire.
#[derive(Debug)]
pub struct Clouds;

/// Why a target cloud cannot be used; for the caller, as a 400.
#[derive(Debug, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct ConnectError {
    /// The field or header that is wrong: `auth_url`, `auth_token`, `ca_cert`, `project_id`, `service_catalog`…
    pub field: &'static str,
    /// What is wrong with it and what would be right.
    pub reason: String,
}

/// Whose run a session serves, and under which rules.
#[derive(Debug, Clone)]
pub struct RunScope {
    /// The caller's project: pools and caches are never shared across projects.
    pub project_id: ProjectId,
    /// The action with its access rules.
    pub spec: Arc<ActionSpec>,
    /// The request ids to send onward.
    pub request: RequestContext,
    /// Takes a trace of every request, and a line for the user on every denial.
    pub journal: Arc<Journal>,
}

/// One run's access to its cloud. Holds the token; never prints it, never hands it out.
#[derive(Debug)]
pub struct Session;

/// An answer's body in chunks.
#[derive(Debug)]
pub struct BodyReader;

/// A request's body in chunks.
#[derive(Debug)]
pub struct BodyWriter;

impl Clouds {
    /// Access to `target` for one run; asks nobody yet.
    ///
    /// # Errors
    /// When the CA, the catalog or the URL cannot be used.
    pub fn session(
        self: &Arc<Self>,
        _scope: RunScope,
        _target: TargetCloud,
    ) -> Result<Session, ConnectError> {
        Ok(Session)
    }

    /// Sends a request outside the cloud, where the operator's allow list says so.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send_http(
        &self,
        _scope: &RunScope,
        _request: HttpRequest,
    ) -> Result<CloudResponse, Error> {
        Err(Error::NoTarget)
    }
}

impl Session {
    /// Makes sure that there is a valid token with a catalog, with at most one identity call.
    ///
    /// # Errors
    /// When Keystone is unreachable, is none, or refuses, or the target's project is not the token's.
    pub async fn connect(&self) -> Result<(), ConnectError> {
        Ok(())
    }

    /// What the action may know; connects first if need be.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn facts(&self) -> Result<TokenFacts, Error> {
        Err(Error::NoTarget)
    }

    /// Service types and regions with an endpoint; connects first if need be.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn services(&self) -> Result<Vec<(String, String)>, Error> {
        Err(Error::NoTarget)
    }

    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send(&self, _request: CloudRequest) -> Result<CloudResponse, Error> {
        Err(Error::NoTarget)
    }

    /// Sends one request; the answer's body comes in chunks.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(&self, _request: CloudRequest) -> Result<(Head, BodyReader), Error> {
        Err(Error::NoTarget)
    }

    /// Begins one request whose body comes in chunks.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn upload(
        &self,
        _request: CloudRequest,
        _length: Option<u64>,
    ) -> Result<BodyWriter, Error> {
        Err(Error::NoTarget)
    }
}

impl BodyReader {
    /// The next chunk of at most `max` bytes; empty at the end.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn read(&mut self, _max: u32) -> Result<Bytes, Error> {
        Err(Error::NoTarget)
    }
}

impl BodyWriter {
    /// Sends a chunk; waits while the service is slow.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn write(&mut self, _chunk: Bytes) -> Result<(), Error> {
        Err(Error::NoTarget)
    }

    /// Ends the body and reads the answer.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn finish(self) -> Result<CloudResponse, Error> {
        Err(Error::NoTarget)
    }
}
