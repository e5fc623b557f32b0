//! Callers with Keystone tokens, which a service user of the host's own asks about.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use http::HeaderMap;
use tokio::time::timeout;

use crate::{
    clock::Clock,
    domain::{Credential, ProjectId, RequestContext, Secret, TargetCloud},
    openstack::{
        Home as TrustHome, Trustee,
        cache::{Flights, Key, key},
        keystone::{Error as KeystoneError, Issued, Keystone},
    },
};

use super::{
    Caller, Error, KeystoneSettings, SettingsError,
    cache::{Known, TokenCache, key_of},
    outage::{Outage, PAUSE},
    settings::tls,
};

/// The service user's token is renewed this long before it expires.
const MARGIN: Duration = Duration::from_secs(60);

const UNKNOWN: &str = "Keystone does not know the token, or it has expired";
const UNSCOPED: &str =
    "the token is not scoped to a project; get one that is, such as with OS_PROJECT_NAME set";

/// Asks Keystone who a token's owner is, and remembers the answers.
pub struct KeystoneAuthenticator {
    keystone: Keystone,
    uri: String,
    credential: Credential,
    timeout: Duration,
    home: Home,
    takes_trusts: bool,
    clock: Arc<dyn Clock>,
    cache: TokenCache,
    checks: Flights<Arc<Caller>, Error>,
    service: RwLock<Option<Arc<Issued>>>,
    logins: Flights<Arc<Issued>, Refusal>,
    outage: Outage,
}

/// Why Keystone told nothing about a token.
#[derive(Clone)]
enum Refusal {
    /// It gives the service user no token.
    LogIn(KeystoneError),
    /// It does not answer the service user's question.
    Question(KeystoneError),
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
        let (tls, ca_cert) = tls(settings.ca_file.as_deref(), settings.insecure)
            .map_err(|reason| wrong("ca_file", reason))?;
        let keystone =
            Keystone::new(&auth_url, tls).map_err(|bad| wrong("auth_url", bad.to_string()))?;
        if settings.timeout_secs == 0 {
            return Err(wrong("timeout_secs", "is at least 1".to_owned()));
        }
        Ok(Self {
            uri: keystone.url().to_string(),
            keystone,
            credential: credential(settings)?,
            timeout: Duration::from_secs(settings.timeout_secs),
            home: Home {
                auth_url,
                ca_cert,
                insecure: settings.insecure,
            },
            takes_trusts: settings.trusts,
            clock,
            cache: TokenCache::new(Duration::from_secs(settings.cache_secs)),
            checks: Flights::new(),
            service: RwLock::default(),
            logins: Flights::new(),
            outage: Outage::default(),
        })
    }

    /// The service user as the one whom callers trust; none where it may not be trusted, or has no password.
    #[must_use]
    pub fn trustee(&self) -> Option<Trustee> {
        let has_password = matches!(self.credential, Credential::Password { .. });
        let home = TrustHome {
            keystone: self.keystone.clone(),
            auth_url: self.home.auth_url.clone(),
            ca_cert: self.home.ca_cert.clone(),
            insecure: self.home.insecure,
            credential: self.credential.clone(),
            timeout: self.timeout,
        };
        (self.takes_trusts && has_password).then(|| Trustee::new(home, Arc::clone(&self.clock)))
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
            Known::Refused(why) => Err(unauthorized(why)),
            Known::Nothing => self.check(key, &token, request).await,
            // While Keystone is away, callers that it has verified go on until their tokens expire.
            Known::Stale(caller) => match self.check(key, &token, request).await {
                Err(Error::Unavailable(_)) => Ok(caller),
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
            // Whoever looked just before another's question was answered finds the answer here.
            if let Known::Fresh(caller) = self.cache.get(&key, self.clock.now()) {
                return Ok(caller);
            }
            let asked = self.ask(token, request).await?;
            let now = self.clock.now();
            let refuse = |why| {
                self.cache.refused(key, why, now);
                Err(unauthorized(why))
            };
            let Some(issued) = asked else {
                return refuse(UNKNOWN);
            };
            let expires_at = issued.body.expires_at;
            if expires_at.is_some_and(|expires| expires <= now) {
                return refuse(UNKNOWN);
            }
            let Some(caller) = self.caller(issued) else {
                return refuse(UNSCOPED);
            };
            let caller = Arc::new(caller);
            self.cache.verified(key, caller.clone(), expires_at, now);
            Ok(caller)
        };
        self.checks.join(key, check).await
    }

    /// What Keystone says about `token`, in time; nothing when it does not know it.
    async fn ask(&self, token: &Secret, request: &RequestContext) -> Result<Option<Issued>, Error> {
        self.outage
            .admit(self.clock.now(), self.timeout)
            .map_err(Error::Unavailable)?;
        let (reason, pause) = match timeout(self.timeout, self.validate(token, request)).await {
            Ok(Ok(issued)) => {
                self.outage.ended();
                return Ok(Some(issued));
            }
            Ok(Err(Refusal::Question(KeystoneError::TokenInvalid))) => {
                self.outage.ended();
                return Ok(None);
            }
            Ok(Err(refusal)) => (self.reason(&refusal), refusal.pause()),
            Err(_) => {
                let secs = self.timeout.as_secs();
                let reason = format!(
                    "Keystone at {} did not answer within {secs} s (`timeout_secs` in `[auth.keystone]`)",
                    self.uri
                );
                (reason, Some(PAUSE))
            }
        };
        if let Some(pause) = pause {
            self.outage.began(&reason, self.clock.now(), pause);
        }
        Err(Error::Unavailable(reason))
    }

    /// Asks about `token`; logs the service user in again when its own token is refused.
    async fn validate(&self, token: &Secret, request: &RequestContext) -> Result<Issued, Refusal> {
        let keystone = self.keystone.for_request(request);
        let service = self.log_in(None).await?;
        let answer = match keystone.validate(&service.token, token).await {
            Err(KeystoneError::Unauthorized(_)) => {
                let service = self.log_in(Some(&service)).await?;
                keystone.validate(&service.token, token).await
            }
            answer => answer,
        };
        answer.map_err(Refusal::Question)
    }

    fn reason(&self, refusal: &Refusal) -> String {
        let (error, fields) = match (refusal, &self.credential) {
            (
                Refusal::LogIn(KeystoneError::Unauthorized(_)),
                Credential::ApplicationCredential { .. },
            ) => (
                "Keystone refuses the host's service user",
                "`application_credential_id` and `application_credential_secret`",
            ),
            (Refusal::LogIn(KeystoneError::Unauthorized(_)), _) => (
                "Keystone refuses the host's service user",
                "`username`, `password` and `project_name` with their domains",
            ),
            (Refusal::Question(KeystoneError::Forbidden | KeystoneError::Unauthorized(_)), _) => (
                "Keystone does not let the host's service user ask about tokens",
                "`username` and `project_name`: the user needs the role `service` in that project",
            ),
            (Refusal::LogIn(error) | Refusal::Question(error), _) => return error.to_string(),
        };
        format!("{error}; check {fields} in `[auth.keystone]`")
    }

    /// The service user's token, another one than `refused`.
    async fn log_in(&self, refused: Option<&Arc<Issued>>) -> Result<Arc<Issued>, Refusal> {
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
            let issued = self.keystone.authenticate(&self.credential, None).await;
            let issued = Arc::new(issued.map_err(Refusal::LogIn)?);
            *self.service.write().unwrap_or_else(PoisonError::into_inner) = Some(issued.clone());
            Ok(issued)
        };
        self.logins.join(key([]), log_in).await
    }

    /// Whose token it is; nobody's when it is not scoped to a project.
    fn caller(&self, issued: Issued) -> Option<Caller> {
        let project_id = issued.body.project_id().map(ProjectId::new)?;
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
        Some(Caller {
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

impl Refusal {
    /// How long nobody need ask again; none when the token that was asked about may be to blame, of which no other
    /// caller shall hear.
    const fn pause(&self) -> Option<Duration> {
        match self {
            Self::LogIn(_)
            | Self::Question(
                KeystoneError::Unreachable { .. }
                | KeystoneError::Refused { .. }
                | KeystoneError::Tls { .. }
                | KeystoneError::TimedOut { .. },
            ) => Some(PAUSE),
            Self::Question(
                KeystoneError::Status { .. }
                | KeystoneError::Forbidden
                | KeystoneError::Unauthorized(_),
            ) => Some(Duration::ZERO),
            Self::Question(
                KeystoneError::BadUrl(_)
                | KeystoneError::NoTrust(_)
                | KeystoneError::NotKeystone { .. }
                | KeystoneError::TokenInvalid,
            ) => None,
        }
    }
}

fn unauthorized(why: &str) -> Error {
    Error::Unauthorized(why.to_owned())
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
