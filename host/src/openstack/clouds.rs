//! The host's side of all clouds.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use crate::{
    clock::Clock,
    domain::{Credential, TargetCloud},
};

use super::{
    CloudResponse, ConnectError, Error, HttpRequest, HttpSettings, RunScope, Session, Settings,
    Trustee,
    access::{Access, Fault},
    address::AddressPolicy,
    cache::{Cache, Flights},
    client::Clients,
    outside::{AllowList, BadAllowance},
    tls::{BadCertificates, Roots},
};

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file with authorities is none.
    #[error("[openstack] ca_files: {0}")]
    CaFiles(#[from] BadCertificates),
    /// An entry of the allow list is none.
    #[error("[http] allow: {0}")]
    HttpAllow(#[from] BadAllowance),
    /// The machine gives no threads.
    #[error("the threads for connections to clouds cannot be started")]
    Threads(#[from] std::io::Error),
}

/// The host's side of all clouds: one pooled client per project and TLS identity, token facts until they expire.
pub struct Clouds {
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) clients: Clients,
    pub(super) allow: AllowList,
    pub(super) tokens: Cache<Arc<Access>>,
    pub(super) flights: Flights<Arc<Access>, Fault>,
    policy: Arc<AddressPolicy>,
    trustee: OnceLock<Trustee>,
}

impl fmt::Debug for Clouds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clouds")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Clouds {
    /// Reads the operator's certificates; asks nobody.
    ///
    /// # Errors
    /// When a file with certificates or an entry of the allow list cannot be used.
    pub fn new(
        settings: Settings,
        http: &HttpSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingsError> {
        let policy = Arc::new(AddressPolicy::new(&settings));
        let roots = Roots::with_files(&settings.ca_files)?;
        Ok(Self {
            clients: Clients::new(&settings, roots, policy.clone())?,
            allow: AllowList::parse(&http.allow)?,
            tokens: Cache::new(settings.max_tokens),
            flights: Flights::new(),
            settings,
            clock,
            policy,
            trustee: OnceLock::new(),
        })
    }

    /// The host's side of clouds that nobody reaches.
    #[cfg(test)]
    #[must_use]
    pub fn for_tests() -> Arc<Self> {
        let clock = Arc::new(crate::clock::SystemClock);
        let clouds = Self::new(Settings::default(), &HttpSettings::default(), clock);
        Arc::new(clouds.expect("the defaults can be used"))
    }

    /// Refuses, from here on, connections to the addresses that the host itself listens on.
    pub fn refuse_listeners(&self, addresses: Vec<SocketAddr>) {
        self.policy.set_listeners(addresses);
    }

    /// Lets callers trust the host's own user on the home cloud, from here on.
    pub fn set_trustee(&self, trustee: Trustee) {
        let _is_first = self.trustee.set(trustee);
    }

    /// The host's own user on the home cloud, if callers can trust it.
    #[must_use]
    pub fn trustee(&self) -> Option<&Trustee> {
        self.trustee.get()
    }

    /// `target` with what it takes to connect: for a trust, a token that is good for `lasting`.
    ///
    /// # Errors
    /// When the trust gives none.
    pub async fn settle(
        &self,
        target: TargetCloud,
        lasting: Duration,
    ) -> Result<TargetCloud, ConnectError> {
        let Credential::Trust(id) = target.credential else {
            return Ok(target);
        };
        match self.trustee() {
            Some(trustee) => trustee.settle(target, id, lasting).await,
            None => Err(ConnectError::new(
                "trust",
                "this host has no user any more whom callers trust: see `trusts` in [auth.keystone]",
            )),
        }
    }

    /// Access to `target` for one run; asks nobody yet.
    ///
    /// # Errors
    /// When the CA, the catalog or the URL cannot be used.
    pub fn session(
        self: &Arc<Self>,
        scope: RunScope,
        target: TargetCloud,
    ) -> Result<Session, ConnectError> {
        Session::new(self.clone(), scope, target)
    }

    /// Sends a request outside the cloud, where the operator's allow list says so.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send_http(
        &self,
        scope: &RunScope,
        request: HttpRequest,
    ) -> Result<CloudResponse, Error> {
        super::outside::send(self, scope, request).await
    }
}
