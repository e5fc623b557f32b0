//! Why an operation was not carried out.

use std::time::Duration;

use crate::{
    domain::BadTransition,
    executor::{self, TakeInError},
    openstack::ConnectError,
    store::{self, BoxError},
};

/// Why an operation was not carried out; every text is for the caller.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing, or it is not the caller's to see.
    #[error("{0}")]
    NotFound(String),
    /// What the caller sent is wrong.
    #[error("{0}")]
    BadInput(String),
    /// The caller may not do that with this object.
    #[error("{0}")]
    Forbidden(String),
    /// The project would have more than it may.
    #[error("{0}")]
    OverQuota(String),
    /// It is taken, or has ended.
    #[error("{0}")]
    Conflict(String),
    /// An upload that is no module.
    #[error("{0}")]
    Refused(String),
    /// Too much waits already; another try may succeed after [`RETRY_AFTER`](Self::RETRY_AFTER).
    #[error("{0}")]
    Busy(String),
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] store::Error),
    /// The host itself failed.
    #[error("the host failed")]
    Host(#[source] BoxError),
}

impl Error {
    /// When to try again what was refused because too much waits: a good part of what waits is done by then, and many
    /// callers that come again do no harm.
    pub const RETRY_AFTER: Duration = Duration::from_secs(5);

    /// Whether the store cannot be reached at the moment, so that another try may succeed.
    #[must_use]
    pub const fn is_store_unavailable(&self) -> bool {
        matches!(self, Self::Store(store::Error::Unavailable(_)))
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::QuotaExceeded {
                tally,
                in_use,
                wanted,
                limit,
                ..
            } => {
                let wanted = if wanted > 1 {
                    format!(", and {wanted} more are needed")
                } else {
                    String::new()
                };
                let remedy = tally.remedy();
                Self::OverQuota(format!(
                    "Quota exceeded for {tally}: {in_use} of {limit} are in use{wanted}; {remedy}."
                ))
            }
            store::Error::Corrupt { .. }
            | store::Error::Conflict { .. }
            | store::Error::LeaseLost(_)
            | store::Error::Unavailable(_) => Self::Store(error),
        }
    }
}

impl From<BadTransition> for Error {
    fn from(transition: BadTransition) -> Self {
        if transition.from.is_completed() {
            Self::Conflict(format!(
                "The action execution has already ended [state={}].",
                transition.from
            ))
        } else {
            Self::BadInput(format!("Error. {transition}."))
        }
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        Self::BadInput(format!("Invalid target cloud: {error}"))
    }
}

impl From<executor::Busy> for Error {
    fn from(busy: executor::Busy) -> Self {
        Self::Busy(busy.to_string())
    }
}

impl From<TakeInError> for Error {
    fn from(error: TakeInError) -> Self {
        match error {
            TakeInError::Refused(reason) | TakeInError::TooExpensive(reason) => {
                Self::Refused(reason)
            }
            TakeInError::Busy(reason) => Self::Busy(reason),
            TakeInError::Host(source) => Self::Host(source),
        }
    }
}
