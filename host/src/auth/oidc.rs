//! Callers with tokens of an OpenID provider in Keycloak's layout, where a realm is a project.
//!
//! Nothing in a token says where its keys are: they are fetched from below the operator's URL, by a checked realm name.

mod claims;
#[cfg(test)]
mod fuzz;
mod key_set;
mod realms;
mod ring_provider;
#[cfg(test)]
mod tests;
mod token;

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, header};
use url::Url;

use crate::{
    clock::Clock,
    domain::{Secret, Timestamp},
    openstack::cache::{Cache, key},
};

use self::{claims::Rules, realms::Realms, token::Unverified};
use super::{Caller, Error, OidcSettings, SettingsError, settings::tls};

/// The most callers kept.
const MOST_CALLERS: usize = 4096;
/// The longest name of a realm, in bytes.
const LONGEST_REALM: usize = 255;

/// Why a token is refused. Nothing of the token is in it, only what the operator has set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("there is no token: send it in X-Auth-Token, or as Authorization: Bearer")]
    Missing,
    #[error("the X-Auth-Token and Authorization headers hold no single token")]
    Unreadable,
    #[error("X-Auth-Token and Authorization hold different tokens")]
    Ambiguous,
    #[error("the token is no signed JWT")]
    NotJwt,
    #[error("the token is not signed by RS256, RS384, RS512, PS256, PS384, PS512, ES256 or ES384")]
    Algorithm,
    #[error("the token's header has a `crit` member, and no extension is understood")]
    Critical,
    #[error("the token's header brings a key of its own (`jku`, `jwk`, `x5u` or `x5c`)")]
    OwnKey,
    #[error("the token is no access token")]
    NotAccessToken,
    #[error("the token's header has no `kid`")]
    NoKeyId,
    #[error("the token's `iss` is no realm of the configured provider")]
    Issuer,
    #[error("the token's realm is not among those that are accepted here")]
    Realm,
    #[error("the token's `iss` is a realm that the provider does not know")]
    UnknownRealm,
    #[error("the token's `kid` is none of its realm's keys for signatures")]
    UnknownKey,
    #[error("the token's `alg` does not fit the key that its `kid` names")]
    KeyOfOtherAlgorithm,
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the token has no `exp`")]
    NoExpiry,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet (`nbf` or `iat`)")]
    NotYet,
    #[error("the token's `exp`, `nbf` or `iat` is no proper time")]
    BadTime,
    #[error("the token's `aud` has none of `{0}`; in Keycloak, an audience mapper adds it")]
    Audience(String),
    #[error("the token's claims are not of the types that they must have")]
    BadClaims,
    #[error("the token has no `sub`")]
    NoSubject,
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Unauthorized(refused.to_string())
    }
}

/// Verifies tokens by the keys of their realms, and remembers those that it has verified.
pub struct OidcAuthenticator {
    /// What every issuer begins with: the operator's URL and `/realms/`.
    issuers: String,
    /// The only realms that are accepted; all of them when there are none.
    accepted: Vec<String>,
    rules: Rules,
    realms: Realms,
    verified: Cache<Verified>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
struct Verified {
    caller: Arc<Caller>,
    /// As long as the keys were fresh by which it was verified.
    fresh_until: Timestamp,
}

impl fmt::Debug for OidcAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcAuthenticator")
            .field("issuers", &self.issuers)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl OidcAuthenticator {
    /// The authenticator over the provider that the operator names; asks nobody yet.
    ///
    /// # Errors
    /// When the settings are incomplete or the CA file cannot be used.
    pub fn new(settings: &OidcSettings, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
        let wrong = |field, reason: String| SettingsError {
            section: "oidc",
            field,
            reason,
        };
        let url = issuer_url(settings).map_err(|reason| wrong("issuer_url", reason.to_owned()))?;
        if settings.audience.is_empty() || settings.audience.iter().any(String::is_empty) {
            let reason = "names whom tokens must be for, such as [\"zonda\"]; without it a token for any other service would let in";
            return Err(wrong("audience", reason.to_owned()));
        }
        if let Some(realm) = settings.realms.iter().find(|realm| !is_realm(realm)) {
            let reason = format!(
                "`{realm}` is no realm's name: letters, digits, `-`, `_` and `.`, not at its beginning"
            );
            return Err(wrong("realms", reason));
        }
        if settings.keys_max_age_secs == 0 {
            return Err(wrong("keys_max_age_secs", "is at least 1".to_owned()));
        }
        let (tls, _) = tls(settings.ca_file.as_deref(), settings.insecure)
            .map_err(|reason| wrong("ca_file", reason))?;
        ring_provider::install();
        let max_age = Duration::from_secs(settings.keys_max_age_secs);
        Ok(Self {
            issuers: format!("{}/realms/", url.as_str().trim_end_matches('/')),
            accepted: settings.realms.clone(),
            rules: Rules {
                audience: settings.audience.clone(),
                leeway: Duration::from_secs(settings.leeway_secs),
            },
            realms: Realms::new(url, tls, max_age, clock.clone()),
            verified: Cache::new(MOST_CALLERS),
            clock,
        })
    }

    pub(super) async fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Caller>, Error> {
        let token = token_in(headers)?;
        let key = key([token.expose().as_bytes()]);
        let now = self.clock.now();
        if let Some(verified) = self.verified.get(&key, now)
            && verified.fresh_until > now
        {
            return Ok(verified.caller);
        }
        let answer = self.verify(token.expose()).await;
        match &answer {
            Ok((verified, until)) => self.verified.put(key, verified.clone(), *until, now),
            Err(Error::Unauthorized(_)) => self.verified.remove(&key),
            Err(Error::Unavailable(_)) => {}
        }
        answer.map(|(verified, _)| verified.caller)
    }

    /// Who has sent `token`, and until when it holds.
    async fn verify(&self, token: &str) -> Result<(Verified, Timestamp), Error> {
        let token = Unverified::read(token)?;
        let name = self.realm_of(&token.issuer)?;
        let realm = match self.realms.get(name, &token.key_id).await {
            Ok(realm) => realm,
            Err(realms::Error::NoSuchRealm) => return Err(Refused::UnknownRealm.into()),
            Err(realms::Error::Unavailable(reason)) => return Err(Error::Unavailable(reason)),
        };
        let claims = token.verify(realm.keys.pick(&token.key_id, token.algorithm)?)?;
        let now = self.clock.now();
        let (caller, until) = self.rules.caller(claims, &token.issuer, name, now)?;
        let verified = Verified {
            caller: Arc::new(caller),
            fresh_until: realm.fresh_until.min(until),
        };
        Ok((verified, until))
    }

    /// The realm whose URL `issuer` is.
    fn realm_of<'a>(&self, issuer: &'a str) -> Result<&'a str, Refused> {
        let realm = issuer
            .strip_prefix(&self.issuers)
            .filter(|realm| is_realm(realm))
            .ok_or(Refused::Issuer)?;
        if self.accepted.is_empty() || self.accepted.iter().any(|accepted| accepted == realm) {
            Ok(realm)
        } else {
            Err(Refused::Realm)
        }
    }

    /// `WWW-Authenticate` as RFC 6750 has it: an error only for a token that came.
    pub(super) fn challenge(&self, headers: &HeaderMap) -> String {
        let realm = self.issuers.trim_end_matches("/realms/");
        match token_in(headers) {
            Err(Refused::Missing) => format!("Bearer realm=\"{realm}\""),
            _ => format!("Bearer realm=\"{realm}\", error=\"invalid_token\""),
        }
    }
}

/// The one token in `headers`.
fn token_in(headers: &HeaderMap) -> Result<Secret, Refused> {
    let mut found: Option<&str> = None;
    let plain = headers.get_all("x-auth-token").iter();
    let bearers = headers.get_all(header::AUTHORIZATION).iter();
    for (value, is_bearer) in plain
        .map(|value| (value, false))
        .chain(bearers.map(|value| (value, true)))
    {
        let text = value.to_str().map_err(|_| Refused::Unreadable)?;
        let text = match text.split_once(' ') {
            Some((scheme, rest)) if is_bearer && scheme.eq_ignore_ascii_case("bearer") => rest,
            // Of another scheme, for somebody on the way.
            _ if is_bearer => continue,
            _ => text,
        };
        let text = text.trim_matches(' ');
        if text.is_empty() {
            return Err(Refused::Unreadable);
        }
        if found.is_some_and(|found| found != text) {
            return Err(Refused::Ambiguous);
        }
        found = Some(text);
    }
    found
        .map(|token| Secret::new(token.to_owned()))
        .ok_or(Refused::Missing)
}

/// A name that means one segment of a path, and the same to everybody who reads it.
fn is_realm(name: &str) -> bool {
    (1..=LONGEST_REALM).contains(&name.len())
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// The provider's URL, with a path at most.
fn issuer_url(settings: &OidcSettings) -> Result<Url, &'static str> {
    let text = settings.issuer_url.as_deref().unwrap_or_default();
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or("is the http or https URL below which the provider has `/realms`, like `https://sso.example`")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user name or password in it");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(
            "has a query or fragment; it is the plain URL below which the provider has `/realms`",
        );
    }
    if url
        .path_segments()
        .is_some_and(|mut segments| segments.any(|segment| segment == "realms"))
    {
        return Err(
            "names a realm; it ends before `/realms`, and `realms` lists the realms that are accepted",
        );
    }
    Ok(url)
}
