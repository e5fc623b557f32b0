//! Trusts on the home cloud: callers let the host's own user act for them, so that triggers can work there later on,
//! when the callers' tokens have long expired.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{sync::OnceCell, time::timeout};
use url::Url;

use crate::{
    clock::Clock,
    domain::{Credential, RequestContext, TargetCloud, TrustId},
};

use super::{
    ConnectError,
    cache::{Cache, Flights, key},
    keystone::{Error, Issued, Keystone, NewTrust},
};

/// The most tokens that are kept.
const MOST_TOKENS: usize = 10_000;
/// A token is not used for so long before it expires, besides the run that it is for.
const MARGIN: Duration = Duration::from_secs(60);
/// What Keystone says without an expiry is believed this long.
const WITHOUT_EXPIRY: Duration = Duration::from_secs(300);

/// The home cloud, and the host's own user there.
#[derive(Clone)]
pub struct Home {
    /// Its Keystone.
    pub keystone: Keystone,
    /// Its Keystone's URL as the operator names it.
    pub auth_url: Url,
    /// CA certificates in PEM that TLS to it must chain to.
    pub ca_cert: Option<String>,
    /// Whether TLS certificates go unchecked.
    pub insecure: bool,
    /// The user's password.
    pub credential: Credential,
    /// How long Keystone may take.
    pub timeout: Duration,
}

/// The host's own user on the home cloud, whom callers trust.
pub struct Trustee {
    home: Home,
    clock: Arc<dyn Clock>,
    user_id: OnceCell<String>,
    tokens: Cache<Arc<Issued>>,
    logins: Flights<Arc<Issued>, Error>,
}

impl fmt::Debug for Trustee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trustee")
            .field("keystone", &self.home.keystone)
            .finish_non_exhaustive()
    }
}

impl Trustee {
    /// The user of `home`; asks nobody yet.
    #[must_use]
    pub fn new(home: Home, clock: Arc<dyn Clock>) -> Self {
        Self {
            home,
            clock,
            user_id: OnceCell::new(),
            tokens: Cache::new(MOST_TOKENS),
            logins: Flights::new(),
        }
    }

    /// Makes a trust: with the token of `caller`, who lets the host act in their project with `roles`.
    ///
    /// # Errors
    /// When Keystone makes none, or the caller has no token for a project of the home cloud.
    pub async fn trust(
        &self,
        caller: &TargetCloud,
        roles: &[String],
        request: &RequestContext,
    ) -> Result<TrustId, Error> {
        let (Credential::Token(token), Some(user_id), Some(project_id)) =
            (&caller.credential, &caller.user_id, &caller.project_id)
        else {
            return Err(Error::NoTrust(
                "the caller's token is not one of a user's for a project".to_owned(),
            ));
        };
        let keystone = self.home.keystone.for_request(request);
        self.in_time(async {
            let trust = NewTrust {
                trustor: user_id,
                trustee: self.user_id().await?,
                project: project_id,
                roles,
            };
            keystone.make_trust(token, &trust).await
        })
        .await
    }

    /// Removes a trust; one that is gone already is no error.
    ///
    /// # Errors
    /// When Keystone does not answer, or does not let the host do so.
    pub async fn remove(&self, id: TrustId) -> Result<(), Error> {
        let removal = async {
            // Only who gave a trust may take it back: the host does so in their name.
            match self.issue(id).await {
                Ok(issued) => self.home.keystone.remove_trust(&issued.token, id).await,
                // The trust is gone, or its giver is.
                Err(Error::Unauthorized(_)) => Ok(()),
                Err(error) => Err(error),
            }
        };
        let removed = self.in_time(removal).await;
        self.tokens.remove(&key_of(id));
        removed
    }

    /// The home cloud by a trust.
    #[must_use]
    pub fn cloud(&self, id: TrustId) -> TargetCloud {
        TargetCloud {
            auth_url: self.home.auth_url.clone(),
            credential: Credential::Trust(id),
            region: None,
            project_id: None,
            user_id: None,
            user_name: None,
            ca_cert: self.home.ca_cert.clone(),
            insecure: self.home.insecure,
            catalog: None,
            is_target: false,
        }
    }

    /// `target` with a token in place of the trust, which is good for a run of `lasting` if there is such a one.
    pub(super) async fn settle(
        &self,
        target: TargetCloud,
        id: TrustId,
        lasting: Duration,
    ) -> Result<TargetCloud, ConnectError> {
        let issued = self.token(id, lasting).await.map_err(|error| {
            let reason = if matches!(error, Error::Unauthorized(_)) {
                "the trust that the trigger was given is gone, or the user who gave it is: make the trigger again"
                    .to_owned()
            } else {
                error.to_string()
            };
            ConnectError::new("trust", reason)
        })?;
        Ok(TargetCloud {
            credential: Credential::Token(issued.token.clone()),
            project_id: issued.body.project_id().map(str::to_owned),
            catalog: Some(issued.json.clone()),
            ..target
        })
    }

    async fn token(&self, id: TrustId, lasting: Duration) -> Result<Arc<Issued>, Error> {
        let (key, now) = (key_of(id), self.clock.now());
        let needed = now.after(lasting.saturating_add(MARGIN));
        let kept = self.tokens.get(&key, now);
        let lasts = |issued: &Arc<Issued>| issued.body.expires_at.is_none_or(|at| at > needed);
        if let Some(issued) = kept.filter(lasts) {
            return Ok(issued);
        }
        let log_in = async {
            let issued = Arc::new(self.in_time(self.issue(id)).await?);
            let expires = issued.body.expires_at;
            let until = expires.unwrap_or_else(|| now.after(WITHOUT_EXPIRY));
            self.tokens.put(key, Arc::clone(&issued), until, now);
            Ok(issued)
        };
        self.logins.join(key, log_in).await
    }

    async fn issue(&self, id: TrustId) -> Result<Issued, Error> {
        let keystone = &self.home.keystone;
        keystone
            .authenticate_by_trust(&self.home.credential, id)
            .await
    }

    async fn user_id(&self) -> Result<&str, Error> {
        let log_in = async {
            let issued = self.home.keystone.authenticate(&self.home.credential, None);
            let user = issued.await?.body.user.unwrap_or_default();
            user.id
                .ok_or_else(|| Error::NoTrust("it does not tell the id of the host's user".into()))
        };
        self.user_id
            .get_or_try_init(|| log_in)
            .await
            .map(String::as_str)
    }

    async fn in_time<T>(
        &self,
        exchange: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        timeout(self.home.timeout, exchange)
            .await
            .unwrap_or_else(|_| {
                Err(Error::TimedOut {
                    server: super::keystone::server(self.home.keystone.url()),
                })
            })
    }
}

fn key_of(id: TrustId) -> super::cache::Key {
    key([id.uuid().as_bytes().as_slice()])
}
