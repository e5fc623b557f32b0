//! Why a cloud gave no answer, for the action and for the caller.

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
    /// The run has made all the mutating requests that it may: it ends here. Says which limit and setting.
    #[error("{0}")]
    OverBudget(String),
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

/// Why a target cloud cannot be used; for the caller, as a 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct ConnectError {
    /// The field or header that is wrong: `auth_url`, `auth_token`, `ca_cert`, `project_id`, `service_catalog`…
    pub field: &'static str,
    /// What is wrong with it and what would be right.
    pub reason: String,
}

impl ConnectError {
    pub(super) fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self {
            field,
            reason: reason.into(),
        }
    }
}
