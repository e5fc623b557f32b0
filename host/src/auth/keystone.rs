//! Callers with Keystone tokens, which a service user of the host's own asks about.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use http::HeaderMap;

use crate::{
    clock::Clock,
    domain::{Credential, ProjectId, RequestContext, Secret, TargetCloud},
    openstack::{
        cache::{Flights, Key, key},
        keystone::{Error as KeystoneError, Issued, Keystone, Tls},
    },
};

use super::{
    Caller, Error, KeystoneSettings, SettingsError,
    cache::{Known, TokenCache, key_of},
};

/// The service user's token is renewed this long before it expires.
const MARGIN: Duration = Duration::from_secs(60);

/// Asks Keystone who a token's owner is, and remembers the answers.
pub struct KeystoneAuthenticator {
    keystone: Keystone,
    uri: String,
    credential: Credential,
    home: Home,
    clock: Arc<dyn Clock>,
    cache: TokenCache,
    checks: Flights<Arc<Caller>, Error>,
    service: RwLock<Option<Arc<Issued>>>,
    logins: Flights<Arc<Issued>, KeystoneError>,
}

/// The cloud that callers' own tokens are for.
struct Home {
    auth_url: url::Url,
    ca_cert: Option<String>,
    insecure: bool,
}

impl fmt::Debug for KeystoneAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeystoneAuthenticator")
            .field("keystone", &self.keystone)
            .finish_non_exhaustive()
    }
}

impl KeystoneAuthenticator {
    /// The authenticator over the Keystone that the operator names, wherever that is.
    ///
    /// # Errors
    /// When the settings are incomplete or the CA file cannot be used.
    pub fn new(settings: &KeystoneSettings, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
        let wrong = |field, reason: String| SettingsError {
            section: "keystone",
            field,
            reason,
        };
        let auth_url = settings.url().ok_or_else(|| {
            wrong(
                "auth_url",
                "is the URL of the Keystone, like `https://keystone:5000/v3`".to_owned(),
            )
        })?;
        let ca_cert = match &settings.ca_file {
            Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
                wrong(
                    "ca_file",
                    format!("{} cannot be read: {error}", path.display()),
                )
            })?),
            None => None,
        };
        let tls = Tls::new(ca_cert.as_deref(), settings.insecure)
            .map_err(|bad| wrong("ca_file", bad.to_string()))?;
        let keystone =
            Keystone::new(&auth_url, tls).map_err(|bad| wrong("auth_url", bad.to_string()))?;
        Ok(Self {
            uri: keystone.url().to_string(),
            keystone,
            credential: credential(settings)?,
            home: Home {
                auth_url,
                ca_cert,
                insecure: settings.insecure,
            },
            clock,
            cache: TokenCache::new(Duration::from_secs(settings.cache_secs)),
            checks: Flights::new(),
            service: RwLock::default(),
            logins: Flights::new(),
        })
    }

    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    pub(super) async fn authenticate(
        &self,
        headers: &HeaderMap,
        request: &RequestContext,
    ) -> Result<Arc<Caller>, Error> {
        let token = headers
            .get("x-auth-token")
            .ok_or_else(|| unauthorized("the X-Auth-Token header is missing"))?;
        let token = token
            .to_str()
            .ok()
            .filter(|token| !token.is_empty())
            .map(|token| Secret::new(token.to_owned()))
            .ok_or_else(|| unauthorized("the X-Auth-Token header holds no token"))?;
        let key = key_of(&token);
        match self.cache.get(&key, self.clock.now()) {
            Known::Fresh(caller) => Ok(caller),
            Known::Refused => Err(refused()),
            Known::Nothing => self.check(key, &token, request).await,
            // While Keystone is away, callers that it has verified go on until their tokens expire.
            Known::Stale(caller) => match self.check(key, &token, request).await {
                Err(Error::Unavailable(reason)) => {
                    tracing::warn!(%reason, "a caller goes on with a token that cannot be checked again");
                    Ok(caller)
                }
                answer => answer,
            },
        }
    }

    async fn check(
        &self,
        key: Key,
        token: &Secret,
        request: &RequestContext,
    ) -> Result<Arc<Caller>, Error> {
        let check = async {
            let issued = match self.validate(token, request).await {
                Ok(issued) => issued,
                Err(KeystoneError::TokenInvalid) => {
                    self.cache.refused(key, self.clock.now());
                    return Err(refused());
                }
                Err(KeystoneError::Unauthorized(_)) => {
                    return Err(Error::Unavailable(
                        "Keystone refuses the host's service user; check its credential and role in `[auth.keystone]`"
                            .to_owned(),
                    ));
                }
                Err(error) => return Err(Error::Unavailable(error.to_string())),
            };
            let now = self.clock.now();
            if issued.body.expires_at.is_some_and(|expires| expires <= now) {
                self.cache.refused(key, now);
                return Err(refused());
            }
            let expires_at = issued.body.expires_at;
            let caller = Arc::new(self.caller(issued)?);
            self.cache.verified(key, caller.clone(), expires_at, now);
            Ok(caller)
        };
        self.checks.join(key, check).await
    }

    /// Asks about `token`; logs the service user in again when its own token is refused.
    async fn validate(
        &self,
        token: &Secret,
        request: &RequestContext,
    ) -> Result<Issued, KeystoneError> {
        let keystone = self.keystone.for_request(request);
        let service = self.log_in(None).await?;
        match keystone.validate(&service.token, token).await {
            Err(KeystoneError::Unauthorized(_)) => {
                let service = self.log_in(Some(&service)).await?;
                keystone.validate(&service.token, token).await
            }
            answer => answer,
        }
    }

    /// The service user's token, another one than `refused`.
    async fn log_in(&self, refused: Option<&Arc<Issued>>) -> Result<Arc<Issued>, KeystoneError> {
        let soon = self.clock.now().after(MARGIN);
        let current = self
            .service
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .filter(|service| service.body.expires_at.is_none_or(|expires| expires > soon))
            .filter(|service| refused.is_none_or(|refused| !Arc::ptr_eq(service, refused)));
        if let Some(service) = current {
            return Ok(service);
        }
        let log_in = async {
            let issued = Arc::new(self.keystone.authenticate(&self.credential, None).await?);
            *self.service.write().unwrap_or_else(PoisonError::into_inner) = Some(issued.clone());
            Ok(issued)
        };
        self.logins.join(key([]), log_in).await
    }

    fn caller(&self, issued: Issued) -> Result<Caller, Error> {
        let Some(project_id) = issued.body.project_id().map(ProjectId::new) else {
            return Err(unauthorized("the token is not scoped to a project"));
        };
        let is_admin = issued.body.is_admin();
        let user = issued.body.user.unwrap_or_default();
        let project = issued.body.project.unwrap_or_default();
        let home = TargetCloud {
            auth_url: self.home.auth_url.clone(),
            credential: Credential::Token(issued.token),
            region: None,
            project_id: Some(project_id.as_str().to_owned()),
            user_id: user.id.clone(),
            user_name: user.name.clone(),
            ca_cert: self.home.ca_cert.clone(),
            insecure: self.home.insecure,
            catalog: Some(issued.json),
            is_target: false,
        };
        Ok(Caller {
            project_id,
            user_id: user.id.map(Arc::from),
            user_name: user.name.map(Arc::from),
            user_domain_id: user.domain.id.map(Arc::from),
            project_domain_id: project.domain.id.map(Arc::from),
            roles: issued.body.roles,
            is_admin,
            home: Some(home),
        })
    }
}

fn unauthorized(why: &str) -> Error {
    Error::Unauthorized(why.to_owned())
}

fn refused() -> Error {
    unauthorized("Keystone does not know the token, or it has expired")
}

fn credential(settings: &KeystoneSettings) -> Result<Credential, SettingsError> {
    let missing = |field, reason: &str| SettingsError {
        section: "keystone",
        field,
        reason: reason.to_owned(),
    };
    match (
        &settings.username,
        &settings.application_credential_id,
        &settings.password,
        &settings.application_credential_secret,
    ) {
        (None, Some(id), None, Some(secret)) => Ok(Credential::ApplicationCredential {
            id: id.clone(),
            secret: secret.clone(),
        }),
        (Some(username), None, Some(password), None) => Ok(Credential::Password {
            username: Some(username.clone()),
            user_id: None,
            user_domain_name: Some(settings.user_domain_name.clone()),
            user_domain_id: None,
            password: password.clone(),
            project_name: Some(settings.project_name.clone()),
            project_domain_name: Some(settings.project_domain_name.clone()),
            project_domain_id: None,
        }),
        (Some(_), None, None, _) => Err(missing("password", "is missing beside `username`")),
        (None, Some(_), _, None) => Err(missing(
            "application_credential_secret",
            "is missing beside `application_credential_id`",
        )),
        _ => Err(missing(
            "username",
            "give the service user's `username` and `password`, or `application_credential_id` and `_secret`, not both",
        )),
    }
}
