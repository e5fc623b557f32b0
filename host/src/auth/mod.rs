//! Who calls: decides what is visible and allowed, and has nothing to do with the target cloud.

mod cache;
mod caller;
mod keystone;
mod none;
mod settings;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::HeaderMap;

pub use caller::Caller;
pub use keystone::KeystoneAuthenticator;
pub use settings::{KeystoneSettings, Kind, Settings};

use crate::{clock::Clock, domain::RequestContext};

/// Why there is no caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The token is missing, has expired or is none; for the caller, as a 401.
    #[error("Failed to validate access token: {0}")]
    Unauthorized(String),
    /// Nobody can tell at the moment; for the caller, as a 503.
    #[error("callers cannot be authenticated at the moment: {0}")]
    Unavailable(String),
}

/// Why the settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[auth.keystone] {field}: {reason}")]
pub struct SettingsError {
    /// The setting.
    pub field: &'static str,
    /// What is wrong with it and what would be right.
    pub reason: String,
}

/// Tells who calls.
#[derive(Debug)]
pub enum Authenticator {
    /// Everybody is the same caller.
    None,
    /// Tokens are Keystone's.
    Keystone(Box<KeystoneAuthenticator>),
}

impl Authenticator {
    /// The authenticator that `settings` ask for; reads its CA file, and asks nobody.
    ///
    /// # Errors
    /// When Keystone's settings are incomplete or its CA file cannot be used.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
        match settings.kind {
            Kind::None => Ok(Self::None),
            Kind::Keystone => KeystoneAuthenticator::new(&settings.keystone, clock)
                .map(|keystone| Self::Keystone(Box::new(keystone))),
        }
    }

    /// Who sent a request with `headers`; `request` has the ids to send onward.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        request: &RequestContext,
    ) -> Result<Arc<Caller>, Error> {
        match self {
            Self::None => Ok(Arc::new(none::caller())),
            // Boxed: it is many times as large as what the others need, and every waiting request holds it.
            Self::Keystone(keystone) => Box::pin(keystone.authenticate(headers, request)).await,
        }
    }

    /// Whether there is more than one caller, so that one can share with another.
    #[must_use]
    pub const fn tells_callers_apart(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Where callers get their tokens, for the `WWW-Authenticate` header of a refusal.
    #[must_use]
    pub fn keystone_uri(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Keystone(keystone) => Some(keystone.uri()),
        }
    }

    /// The one that lets everybody in.
    #[cfg(test)]
    #[must_use]
    pub fn for_tests() -> Self {
        Self::None
    }
}
