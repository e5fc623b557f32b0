//! HTTP clients: one pool of connections for each project and TLS identity, which connects only where the address
//! policy allows, and follows nothing by itself.

use std::{error::Error as StdError, io, sync::Arc, time::Duration};

use reqwest::{Request, Response, redirect};
use tokio::sync::OnceCell;
use url::Url;

use crate::domain::{ProjectId, Timestamp};

use super::{
    Error, Settings,
    address::{AddressPolicy, CheckedResolver, PORT, Refused},
    cache::{Cache, key},
    threads::Threads,
    tls::{self, Roots, Tls},
};

/// The user agent of every request.
const USER_AGENT: &str = concat!("zonda/", env!("CARGO_PKG_VERSION"));

/// The most bytes of an answer's head.
const HEAD_BYTES: u32 = 64 * 1024;

/// Why there was no answer. Neither addresses nor secrets are in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Refused(Refused),
    #[error("{0}")]
    Tls(String),
    #[error("no answer in time")]
    TimedOut,
    #[error("{0}")]
    Unreachable(String),
}

impl Failure {
    /// What an action is told about `server`.
    pub(super) fn into_error(self, server: &str) -> Error {
        match self {
            Self::TimedOut => Error::TimedOut,
            Self::Refused(_) | Self::Tls(_) | Self::Unreachable(_) => {
                Error::Unreachable(format!("the {server} cannot be reached: {self}"))
            }
        }
    }
}

/// What connections are made with, whoever they are for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) connect: Duration,
    pub(super) idle: Duration,
    pub(super) idle_connections: usize,
}

impl From<&Settings> for Limits {
    fn from(settings: &Settings) -> Self {
        Self {
            connect: Duration::from_secs(settings.connect_timeout_secs),
            idle: Duration::from_secs(settings.idle_timeout_secs),
            idle_connections: settings.idle_connections,
        }
    }
}

/// A client that is built when it is first used, because reading the system's authorities takes time.
#[derive(Clone)]
pub(super) struct Client(Arc<Inner>);

struct Inner {
    tls: Tls,
    roots: Arc<Roots>,
    policy: Option<Arc<AddressPolicy>>,
    threads: Option<Arc<Threads>>,
    limits: Limits,
    client: OnceCell<reqwest::Client>,
}

impl Client {
    /// A client under `policy` whose connections `threads` drive; without them it connects anywhere, from where it is
    /// used, which is for the operator's and the user's own.
    pub(super) fn new(
        tls: Tls,
        roots: Arc<Roots>,
        policy: Option<Arc<AddressPolicy>>,
        threads: Option<Arc<Threads>>,
        limits: Limits,
    ) -> Self {
        Self(Arc::new(Inner {
            tls,
            roots,
            policy,
            threads,
            limits,
            client: OnceCell::new(),
        }))
    }

    /// Refuses a URL whose host is an address that is not connected to.
    pub(super) fn check(&self, url: &Url) -> Result<(), Failure> {
        match &self.0.policy {
            Some(policy) => policy.check_url(url).map_err(Failure::Refused),
            None => Ok(()),
        }
    }

    /// Sends `request` and waits for the head of the answer.
    pub(super) async fn execute(&self, request: Request) -> Result<Response, Failure> {
        self.check(request.url())?;
        let client = self
            .0
            .client
            .get_or_try_init(|| self.0.build())
            .await?
            .clone();
        let port = request.url().port_or_known_default().unwrap_or_default();
        let sent = PORT.scope(port, async move { client.execute(request).await });
        let sent = match &self.0.threads {
            Some(threads) => threads
                .drive(sent)
                .await
                .map_err(|_| Failure::Unreachable("the host gave the request up".to_owned()))?,
            None => sent.await,
        };
        let response = sent.map_err(|error| failure(&error))?;
        check_head(&response)?;
        Ok(response)
    }
}

impl Inner {
    async fn build(&self) -> Result<reqwest::Client, Failure> {
        let config = self
            .tls
            .config(&self.roots)
            .await
            .map_err(|error| Failure::Tls(error.to_string()))?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .user_agent(USER_AGENT)
            .http2_max_header_list_size(HEAD_BYTES)
            .connect_timeout(self.limits.connect)
            .pool_idle_timeout(self.limits.idle)
            .pool_max_idle_per_host(self.limits.idle_connections);
        if let Some(policy) = &self.policy {
            builder = builder.dns_resolver(CheckedResolver::new(policy.clone()));
        }
        builder
            .build()
            .map_err(|error| Failure::Unreachable(error.to_string()))
    }
}

/// Refuses a head that nobody asked for, or that is too long.
fn check_head(response: &Response) -> Result<(), Failure> {
    let refuse = |why: String| Err(Failure::Unreachable(why));
    if response.status().is_informational() {
        return refuse("it wants to speak another protocol".to_owned());
    }
    let bytes: usize = response
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes > HEAD_BYTES as usize {
        return refuse(format!(
            "its answer has headers of more than {HEAD_BYTES} bytes"
        ));
    }
    Ok(())
}

/// What a transport error means, without the addresses in its text.
pub(super) fn failure(error: &reqwest::Error) -> Failure {
    if let Some(refused) = find::<Refused>(error) {
        return Failure::Refused(*refused);
    }
    if let Some(error) = find::<rustls::Error>(error) {
        return Failure::Tls(tls::explain(error));
    }
    if error.is_timeout() {
        return Failure::TimedOut;
    }
    Failure::Unreachable(if error.is_dns() {
        "its name cannot be resolved".to_owned()
    } else if let Some(error) = find::<io::Error>(error) {
        let kind = error.kind();
        if kind == io::ErrorKind::ConnectionRefused {
            "it refuses connections".to_owned()
        } else if matches!(
            kind,
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
        ) {
            "its answer is no proper HTTP".to_owned()
        } else {
            kind.to_string()
        }
    } else if error.is_connect() {
        "no connection to it can be made".to_owned()
    } else {
        "the connection broke off".to_owned()
    })
}

/// The first cause of type `E`, also inside of an I/O error, whose `source` skips what it wraps.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        if let Some(inner) = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            && let Some(found) = find::<E>(inner)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The clients in use.
pub(super) struct Clients {
    roots: Arc<Roots>,
    policy: Arc<AddressPolicy>,
    threads: Arc<Threads>,
    limits: Limits,
    kept: Cache<Client>,
}

/// How long an unused client is kept.
const KEEP: Duration = Duration::from_secs(600);

impl Clients {
    pub(super) fn new(
        settings: &Settings,
        roots: Roots,
        policy: Arc<AddressPolicy>,
    ) -> io::Result<Self> {
        Ok(Self {
            roots: Arc::new(roots),
            policy,
            threads: Arc::new(Threads::start()?),
            limits: settings.into(),
            kept: Cache::new(settings.max_clients),
        })
    }

    /// The client of `project_id` that believes `tls`.
    pub(super) fn get(&self, project_id: &ProjectId, tls: Tls, now: Timestamp) -> Client {
        let key = key([project_id.as_str().as_bytes(), tls.key().as_slice()]);
        let client = self.kept.get(&key, now).unwrap_or_else(|| {
            Client::new(
                tls,
                self.roots.clone(),
                Some(self.policy.clone()),
                Some(self.threads.clone()),
                self.limits,
            )
        });
        self.kept.put(key, client.clone(), now.after(KEEP), now);
        client
    }
}
