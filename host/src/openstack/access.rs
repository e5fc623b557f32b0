//! How a run gets its token: the caller's as it is, or one of the host's own that is renewed in time.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use crate::domain::{Credential, Secret, Timestamp};

use super::{
    ConnectError, Error,
    cache::{Key, key},
    keystone,
    run::Run,
    token::TokenBody,
};

/// A token that the host got is renewed this long before it expires.
const MARGIN: Duration = Duration::from_secs(60);
/// What Keystone says without an expiry is believed this long.
const WITHOUT_EXPIRY: Duration = Duration::from_secs(300);
/// A token younger than this is not renewed because of a 401: a service that refuses everything is not worth it.
const YOUNG: Duration = Duration::from_secs(5);

/// A token and what is known about it.
pub(super) struct Access {
    pub(super) token: Secret,
    pub(super) body: TokenBody,
    since: Timestamp,
}

/// Why a run has no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    Keystone(keystone::Error, &'static str),
    Target(ConnectError),
    Expired,
}

impl From<Fault> for ConnectError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Target(error) => error,
            Fault::Expired => Self::new("auth_token", "the token has expired; get a new one"),
            Fault::Keystone(error, credential) => {
                let field = match &error {
                    keystone::Error::Unauthorized(_)
                    | keystone::Error::Forbidden
                    | keystone::Error::TokenInvalid => credential,
                    keystone::Error::NoTrust(_) => "trust",
                    keystone::Error::Tls { .. } => "ca_cert",
                    keystone::Error::BadUrl(_)
                    | keystone::Error::Unreachable { .. }
                    | keystone::Error::Refused { .. }
                    | keystone::Error::TimedOut { .. }
                    | keystone::Error::NotKeystone { .. }
                    | keystone::Error::Status { .. } => "auth_url",
                };
                Self::new(field, error.to_string())
            }
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Expired | Fault::Keystone(keystone::Error::TokenInvalid, _) => {
                Self::TokenExpired
            }
            Fault::Keystone(keystone::Error::TimedOut { .. }, _) => Self::TimedOut,
            Fault::Keystone(_, _) | Fault::Target(_) => {
                Self::Unreachable(ConnectError::from(fault).to_string())
            }
        }
    }
}

impl Access {
    /// The token that came with its catalog.
    pub(super) const fn given(token: Secret, body: TokenBody, since: Timestamp) -> Self {
        Self { token, body, since }
    }
}

impl Run {
    /// A token that is good for a request, got or renewed if need be.
    pub(super) async fn access(&self) -> Result<Arc<Access>, Fault> {
        let now = self.clouds.clock.now();
        let current = self.current();
        let margin = if self.is_renewable() {
            MARGIN
        } else {
            Duration::ZERO
        };
        if let Some(access) = current {
            match access.body.expires_at {
                Some(expires) if expires <= now.after(margin) => {
                    if !self.is_renewable() {
                        return Err(Fault::Expired);
                    }
                }
                Some(_) | None => return Ok(access),
            }
        }
        let key = self.key();
        let access = match self.clouds.tokens.get(&key, now) {
            Some(access) => access,
            None => self.load(key).await?,
        };
        self.check_project(&access.body)?;
        self.set_current(access.clone());
        Ok(access)
    }

    /// Another token in place of `stale`, which a service refused; none when there is no use in asking.
    pub(super) async fn renew(&self, stale: &Access) -> Result<Option<Arc<Access>>, Fault> {
        let now = self.clouds.clock.now();
        let key = self.key();
        let kept = self.clouds.tokens.get(&key, now);
        if let Some(access) = kept.filter(|access| access.token != stale.token) {
            self.set_current(access.clone());
            return Ok(Some(access));
        }
        self.clouds.tokens.remove(&key);
        if !self.is_renewable() {
            return if stale.body.expires_at.is_some_and(|end| end <= now) {
                Err(Fault::Expired)
            } else {
                Ok(None)
            };
        }
        if now.since(stale.since) < YOUNG {
            return Ok(None);
        }
        let access = self.load(key).await?;
        self.check_project(&access.body)?;
        self.set_current(access.clone());
        Ok(Some(access))
    }

    /// One identity call, shared by all who need the same at the same time.
    async fn load(&self, key: Key) -> Result<Arc<Access>, Fault> {
        let clouds = &self.clouds;
        let load = async {
            let issued = self
                .keystone
                .authenticate(&self.target.credential, self.target.project_id.as_deref())
                .await
                .map_err(|error| Fault::Keystone(error, self.credential_field()))?;
            let now = clouds.clock.now();
            let expires = issued.body.expires_at;
            if expires.is_some_and(|expires| expires <= now) {
                return Err(Fault::Expired);
            }
            let access = Arc::new(Access {
                token: issued.token,
                body: issued.body,
                since: now,
            });
            let until = match expires {
                Some(expires) if self.is_renewable() => before(expires, MARGIN),
                Some(expires) => expires,
                None => now.after(WITHOUT_EXPIRY),
            };
            clouds.tokens.put(key, access.clone(), until, now);
            Ok(access)
        };
        clouds.flights.join(key, load).await
    }

    /// What the caller named must be what the token is for.
    pub(super) fn check_project(&self, body: &TokenBody) -> Result<(), Fault> {
        match (self.target.project_id.as_deref(), body.project_id()) {
            (Some(named), Some(actual)) if named != actual => {
                Err(Fault::Target(ConnectError::new(
                    "project_id",
                    format!(
                        "the token is for another project than {named}; get a token for that project, or leave the \
                         project out"
                    ),
                )))
            }
            (_, None) if body.catalog == super::Catalog::default() && self.given.is_none() => {
                Err(Fault::Target(ConnectError::new(
                    self.credential_field(),
                    "the token is not scoped to a project, so it comes without a catalog; get a scoped one",
                )))
            }
            _ => Ok(()),
        }
    }

    /// Whether the host can get another token by itself.
    pub(super) const fn is_renewable(&self) -> bool {
        !matches!(self.target.credential, Credential::Token(_))
    }

    fn current(&self) -> Option<Arc<Access>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    const fn credential_field(&self) -> &'static str {
        match self.target.credential {
            Credential::Token(_) => "auth_token",
            Credential::Password { .. } => "password",
            Credential::ApplicationCredential { .. } => "application_credential_secret",
            Credential::Trust(_) => "trust",
        }
    }

    /// What a token is kept under: never shared across the callers' projects, Keystones, TLS identities, credentials.
    fn key(&self) -> Key {
        let target = &self.target;
        let text = |text: &Option<String>| match text {
            Some(text) => format!("={text}"),
            None => String::new(),
        };
        let mut parts = match &target.credential {
            Credential::Token(token) => vec!["token".to_owned(), token.expose().to_owned()],
            Credential::Trust(id) => vec!["trust".to_owned(), id.to_string()],
            Credential::ApplicationCredential { id, secret } => vec![
                "application credential".to_owned(),
                id.clone(),
                secret.expose().to_owned(),
                text(&target.project_id),
            ],
            Credential::Password {
                username,
                user_id,
                user_domain_name,
                user_domain_id,
                password,
                project_name,
                project_domain_name,
                project_domain_id,
            } => vec![
                "password".to_owned(),
                password.expose().to_owned(),
                text(username),
                text(user_id),
                text(user_domain_name),
                text(user_domain_id),
                text(project_name),
                text(project_domain_name),
                text(project_domain_id),
                text(&target.project_id),
            ],
        };
        parts.push(self.scope.project_id.as_str().to_owned());
        parts.push(self.keystone.url().as_str().to_owned());
        let key = key(parts
            .iter()
            .map(String::as_bytes)
            .chain(std::iter::once(self.tls_key.as_slice())));
        for part in &mut parts {
            zeroize::Zeroize::zeroize(part);
        }
        key
    }
}

fn before(moment: Timestamp, duration: Duration) -> Timestamp {
    let ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_unix_ms(moment.unix_ms().saturating_sub(ms))
}
