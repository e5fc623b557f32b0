//! Who calls: decides what is visible and allowed, and has nothing to do with the target cloud.

mod cache;
mod caller;
mod keystone;
mod none;
mod oidc;
mod outage;
mod settings;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use http::HeaderMap;

pub use caller::Caller;
pub use keystone::KeystoneAuthenticator;
pub use oidc::OidcAuthenticator;
pub use settings::{KeystoneSettings, Kind, OidcSettings, Settings};

use crate::{clock::Clock, domain::RequestContext, openstack::Trustee};

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

impl Error {
    /// When a caller who cannot be authenticated may come again.
    pub const RETRY_AFTER: Duration = outage::PAUSE;
}

/// Why the settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[auth.{section}] {field}: {reason}")]
pub struct SettingsError {
    /// The section below `[auth]`: `keystone` or `oidc`.
    pub section: &'static str,
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
    /// Tokens are an OpenID provider's, in Keycloak's layout.
    Oidc(Box<OidcAuthenticator>),
}

impl Authenticator {
    /// The authenticator that `settings` ask for; reads its CA file, and asks nobody.
    ///
    /// # Errors
    /// When the settings are incomplete or the CA file cannot be used.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
        match settings.kind {
            Kind::None => Ok(Self::None),
            Kind::Keystone => KeystoneAuthenticator::new(&settings.keystone, clock)
                .map(|keystone| Self::Keystone(Box::new(keystone))),
            Kind::Oidc => {
                OidcAuthenticator::new(&settings.oidc, clock).map(|oidc| Self::Oidc(Box::new(oidc)))
            }
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
            Self::Oidc(oidc) => Box::pin(oidc.authenticate(headers)).await,
        }
    }

    /// The host's own user whom callers can trust to act for them on the cloud of the Keystone that knows them, if there
    /// is one.
    #[must_use]
    pub fn trustee(&self) -> Option<Trustee> {
        match self {
            Self::Keystone(keystone) => keystone.trustee(),
            Self::None | Self::Oidc(_) => None,
        }
    }

    /// Whether there is more than one caller, so that one can share with another.
    #[must_use]
    pub const fn tells_callers_apart(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Where callers get their tokens, for the `WWW-Authenticate` header of the refusal of a request with `headers`.
    #[must_use]
    pub fn challenge(&self, headers: &HeaderMap) -> String {
        match self {
            Self::None => "Bearer".to_owned(),
            Self::Keystone(keystone) => format!("Keystone uri=\"{}\"", keystone.uri()),
            Self::Oidc(oidc) => oidc.challenge(headers),
        }
    }

    /// The one that lets everybody in.
    #[cfg(test)]
    #[must_use]
    pub fn for_tests() -> Self {
        Self::None
    }
}
