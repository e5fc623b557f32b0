//! One run's access to its cloud.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::time::timeout;

use crate::domain::{
    ActionSpec, Credential, Journal, ProjectId, RequestContext, Secret, TargetCloud,
};

use super::{
    Body, BodyReader, BodyWriter, Catalog, CloudRequest, CloudResponse, Clouds, ConnectError,
    Consent, Error, Head, TokenFacts,
    access::{Access, Fault},
    body,
    cache::Key,
    client::Client,
    keystone::{self, Keystone},
    proxy::{Answer, Upload},
    scrub::Needles,
    tls::Tls,
    token::{self, TokenBody},
    trace::Trace,
};

/// Whose run a session serves, and under which rules.
#[derive(Debug, Clone)]
pub struct RunScope {
    /// The caller's project: pools and caches are never shared across projects.
    pub project_id: ProjectId,
    /// The action with its access rules.
    pub spec: Arc<ActionSpec>,
    /// What the operator grants to it, and what is left of that.
    pub consent: Arc<Consent>,
    /// The request ids to send onward.
    pub request: RequestContext,
    /// Takes a trace of every request, and a line for the user on every denial.
    pub journal: Arc<Journal>,
}

/// One run's access to its cloud. Holds the token; never prints it, never hands it out.
pub struct Session(Arc<Run>);

/// What a session's requests share.
pub(super) struct Run {
    pub(super) clouds: Arc<Clouds>,
    pub(super) scope: RunScope,
    pub(super) target: TargetCloud,
    pub(super) client: Client,
    pub(super) keystone: Keystone,
    pub(super) tls_key: Key,
    /// The catalog that came with the request.
    pub(super) given: Option<Catalog>,
    pub(super) current: RwLock<Option<Arc<Access>>>,
    /// Every secret that the run has had: what comes back is searched for all of them.
    pub(super) secrets: RwLock<Arc<Needles>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("keystone", &self.0.keystone)
            .field("action", &self.0.scope.spec.name)
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(
        clouds: Arc<Clouds>,
        scope: RunScope,
        target: TargetCloud,
    ) -> Result<Self, ConnectError> {
        let now = clouds.clock.now();
        let tls = Tls::new(target.ca_cert.as_deref(), target.insecure)
            .map_err(|bad| ConnectError::new("ca_cert", bad.to_string()))?;
        let tls_key = tls.key();
        let client = clouds.clients.get(&scope.project_id, tls, now);
        let keystone = Keystone::over(
            client.clone(),
            &target.auth_url,
            clouds.settings.request_timeout(),
        )
        .map_err(|bad| ConnectError::new("auth_url", bad.to_string()))?
        .for_request(&scope.request);
        client.check(keystone.url()).map_err(|refused| {
            ConnectError::new(
                "auth_url",
                format!("{}: {refused}", keystone::server(keystone.url())),
            )
        })?;
        let given = match &target.catalog {
            Some(text) => Some(
                TokenBody::from_caller(text.expose())
                    .map_err(|bad| ConnectError::new("service_catalog", bad.to_string()))?,
            ),
            None => None,
        };
        if let Credential::Token(token) = &target.credential
            && token::header(token).is_none()
        {
            return Err(ConnectError::new(
                "auth_token",
                "is empty, longer than 8 KiB, or has characters that no header can carry",
            ));
        }
        let secrets = Needles::new(to_take_out(&target.credential));
        let run = Run {
            clouds,
            scope,
            target,
            client,
            keystone,
            tls_key,
            given: given.as_ref().map(|body| body.catalog.clone()),
            current: RwLock::default(),
            secrets: RwLock::new(Arc::new(secrets)),
        };
        if let Some(body) = given {
            run.check_project(&body)?;
            if let Credential::Token(token) = &run.target.credential {
                if body.expires_at.is_some_and(|expires| expires <= now) {
                    return Err(Fault::Expired.into());
                }
                let access = Access::given(token.clone(), body, now);
                run.set_current(Arc::new(access));
            }
        }
        Ok(Self(Arc::new(run)))
    }

    /// Makes sure that there is a valid token with a catalog, with at most one identity call. A token that the host
    /// cannot renew must be good for `timeout`, as far as its expiry is known.
    ///
    /// # Errors
    /// When Keystone is unreachable, is none, or refuses, the target's project is not the token's, or the token expires
    /// too soon.
    pub async fn connect(&self, timeout: Duration) -> Result<(), ConnectError> {
        let access = self.0.access().await?;
        let now = self.0.clouds.clock.now();
        match access.body.expires_at {
            Some(expires) if expires < now.after(timeout) && !self.0.is_renewable() => {
                Err(ConnectError::new(
                    "auth_token",
                    format!(
                        "the token expires in {} s, sooner than the run's timeout of {} s; get a new one, or set \
                         params.timeout below it",
                        expires.since(now).as_secs(),
                        timeout.as_secs_f64(),
                    ),
                ))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// `text` without the run's secrets: what an action says goes to people, and into the store.
    #[must_use]
    pub fn clean(&self, text: String) -> String {
        self.0.clean(text)
    }

    /// The cloud itself, with its credential.
    #[must_use]
    pub fn target(&self) -> &TargetCloud {
        &self.0.target
    }

    /// What the action may know; connects first if need be.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn facts(&self) -> Result<TokenFacts, Error> {
        let access = self.0.access().await?;
        let (target, body) = (&self.0.target, &access.body);
        let project = body.project.clone().unwrap_or_default();
        let clean = |text: String| self.0.clean(text);
        Ok(TokenFacts {
            auth_url: target.auth_url.to_string(),
            region: target
                .region
                .clone()
                .or_else(|| self.0.clouds.settings.default_region.clone()),
            project_id: project.id.or_else(|| target.project_id.clone()).map(clean),
            project_name: project.name.map(clean),
            user_id: body
                .user
                .as_ref()
                .and_then(|user| user.id.clone())
                .or_else(|| target.user_id.clone())
                .map(clean),
            roles: body.roles.iter().cloned().map(clean).collect(),
            expires_at: body.expires_at,
            is_target: target.is_target,
        })
    }

    /// Service types and regions with an endpoint; connects first if need be.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn services(&self) -> Result<Vec<(String, String)>, Error> {
        let access = self.0.access().await?;
        let interface = &self.0.clouds.settings.interface;
        let services = self.0.catalog(&access).services(interface).into_iter();
        Ok(services
            .map(|(kind, region)| (self.0.clean(kind), self.0.clean(region)))
            .collect())
    }

    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send(&self, request: CloudRequest) -> Result<CloudResponse, Error> {
        let mut trace = self.0.trace(&request);
        let patience = self.0.clouds.settings.request_timeout();
        let answer = timeout(patience, self.0.send(request, None, &mut trace))
            .await
            .unwrap_or(Err(Error::TimedOut));
        ended(trace, answer)
    }

    /// Sends one request; the answer's body comes in chunks.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(&self, request: CloudRequest) -> Result<(Head, BodyReader), Error> {
        let mut trace = self.0.trace(&request);
        let settings = &self.0.clouds.settings;
        let patience = settings.request_timeout();
        let answer = timeout(patience, self.0.exchange(request, None, &mut trace))
            .await
            .unwrap_or(Err(Error::TimedOut));
        let answer = ended(trace, answer)?;
        let reader = BodyReader::new(
            answer.response,
            answer.scrubber,
            settings.stream_bytes,
            patience,
        );
        Ok((answer.head, reader))
    }

    /// Begins one request whose body comes in chunks; its own `body` is not sent.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn upload(
        &self,
        mut request: CloudRequest,
        length: Option<u64>,
    ) -> Result<BodyWriter, Error> {
        let settings = &self.0.clouds.settings;
        let (cap, patience) = (settings.stream_bytes, settings.request_timeout());
        if length.is_some_and(|length| length > cap) {
            return Err(Error::TooLarge(cap));
        }
        // What keeps the run from its cloud is told here, not after the first chunks.
        self.0.access().await?;
        let mut trace = self.0.trace(&request);
        request.body = None;
        let (parts, body) = body::channel();
        let run = self.0.clone();
        let exchange = tokio::spawn(async move {
            let upload = Upload { body, length };
            let answer = run.send(request, Some(upload), &mut trace).await;
            ended(trace, answer)
        });
        Ok(BodyWriter::new(parts, exchange, length, cap, patience))
    }
}

impl Run {
    async fn send(
        &self,
        request: CloudRequest,
        upload: Option<Upload>,
        trace: &mut Trace,
    ) -> Result<CloudResponse, Error> {
        let cap = self.clouds.settings.response_bytes;
        let Answer { head, response, .. } = self.exchange(request, upload, trace).await?;
        let needles = self.needles();
        match body::read(response, cap).await {
            Ok(Some(bytes)) => Ok(CloudResponse {
                head,
                body: Body::from_bytes(needles.whole(bytes)),
            }),
            Ok(None) => Err(Error::TooLarge(cap)),
            Err(failure) => Err(failure.into_error("service")),
        }
    }

    /// Where the endpoints are: what came with the request counts before what came with the token.
    pub(super) fn catalog<'a>(&'a self, access: &'a Access) -> &'a Catalog {
        self.given.as_ref().unwrap_or(&access.body.catalog)
    }

    pub(super) fn project_id<'a>(&'a self, access: &'a Access) -> Option<&'a str> {
        access
            .body
            .project_id()
            .or(self.target.project_id.as_deref())
    }

    /// What is looked for in all that comes back.
    pub(super) fn needles(&self) -> Arc<Needles> {
        Arc::clone(&self.secrets.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// `text` without the run's secrets.
    pub(super) fn clean(&self, text: String) -> String {
        match self.needles().text(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(clean) => clean,
        }
    }

    /// Takes a token into use, and from then on out of all that comes back.
    pub(super) fn set_current(&self, access: Arc<Access>) {
        let mut secrets = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        if access.token.expose().len() >= SHORTEST_TOKEN && !secrets.has(&access.token) {
            *secrets = Arc::new(secrets.and(&access.token));
        }
        drop(secrets);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(access);
    }

    fn trace(&self, request: &CloudRequest) -> Trace {
        Trace::begin(
            self.scope.journal.clone(),
            self.clouds.clock.clone(),
            &request.method,
            &request.service_type,
            request.path.split(['?', '#']).next().unwrap_or_default(),
        )
    }
}

/// Tokens shorter than this are not looked for: they keep nothing secret, such as `fake` where nobody checks, and all
/// that the action says would be full of holes.
const SHORTEST_TOKEN: usize = 8;
/// Passwords shorter than this are not looked for: an action has no way to one, and results are full of such words.
const SHORTEST_PASSWORD: usize = 12;

/// What of a credential is looked for in what comes back.
fn to_take_out(credential: &Credential) -> Option<&Secret> {
    let (secret, shortest) = match credential {
        Credential::Token(token) => (token, SHORTEST_TOKEN),
        Credential::Password {
            password: secret, ..
        }
        | Credential::ApplicationCredential { secret, .. } => (secret, SHORTEST_PASSWORD),
    };
    (secret.expose().len() >= shortest).then_some(secret)
}

fn ended<T>(trace: Trace, answer: Result<T, Error>) -> Result<T, Error> {
    trace.end(answer.as_ref().err().map(ToString::to_string));
    answer
}
