//! One run's access to its cloud.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::time::timeout;

use crate::domain::{ActionSpec, Journal, ProjectId, RequestContext, TargetCloud};

use super::{
    BodyReader, BodyWriter, CloudRequest, CloudResponse, Clouds, ConnectError, Consent, Error,
    Head, TokenFacts, access::Fault, body, proxy::Upload, run::Run, trace::Trace,
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
pub struct Session(State);

enum State {
    Open(Arc<Run>),
    /// The caller's own cloud, for an action that never asks one: opened if it asks what its token is, and otherwise
    /// at no cost.
    Unopened(Box<Unopened>),
}

struct Unopened {
    clouds: Arc<Clouds>,
    scope: RunScope,
    target: TargetCloud,
    run: OnceLock<Arc<Run>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("auth_url", &self.target().auth_url.as_str())
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(
        clouds: Arc<Clouds>,
        scope: RunScope,
        target: TargetCloud,
    ) -> Result<Self, ConnectError> {
        let state = if target.is_target || !scope.spec.access.is_empty() {
            State::Open(Run::open(clouds, scope, target)?)
        } else {
            State::Unopened(Box::new(Unopened {
                clouds,
                scope,
                target,
                run: OnceLock::new(),
            }))
        };
        Ok(Self(state))
    }

    /// What is shared, opened by now.
    fn run(&self) -> Result<&Arc<Run>, Fault> {
        let unopened = match &self.0 {
            State::Open(run) => return Ok(run),
            State::Unopened(unopened) => unopened,
        };
        if let Some(run) = unopened.run.get() {
            return Ok(run);
        }
        let Unopened {
            clouds,
            scope,
            target,
            ..
        } = &**unopened;
        let run =
            Run::open(clouds.clone(), scope.clone(), target.clone()).map_err(Fault::Target)?;
        Ok(unopened.run.get_or_init(|| run))
    }

    /// Makes sure that there is a valid token with a catalog, with at most one identity call. A token that the host
    /// cannot renew must be good for `timeout`, as far as its expiry is known.
    ///
    /// # Errors
    /// When Keystone is unreachable, is none, or refuses, the target's project is not the token's, or the token expires
    /// too soon.
    pub async fn connect(&self, timeout: Duration) -> Result<(), ConnectError> {
        let run = self.run()?;
        let access = run.access().await?;
        let now = run.clouds.clock.now();
        match access.body.expires_at {
            Some(expires) if expires < now.after(timeout) && !run.is_renewable() => {
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
        match &self.0 {
            State::Open(run) => run.clean(text),
            State::Unopened(unopened) => match unopened.run.get() {
                Some(run) => run.clean(text),
                None => text,
            },
        }
    }

    /// The cloud itself, with its credential.
    #[must_use]
    pub fn target(&self) -> &TargetCloud {
        match &self.0 {
            State::Open(run) => &run.target,
            State::Unopened(unopened) => &unopened.target,
        }
    }

    /// What the action may know; connects first if need be.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn facts(&self) -> Result<TokenFacts, Error> {
        let run = self.run()?;
        let access = run.access().await?;
        let (target, body) = (&run.target, &access.body);
        let project = body.project.clone().unwrap_or_default();
        let clean = |text: String| run.clean(text);
        Ok(TokenFacts {
            auth_url: target.auth_url.to_string(),
            region: target
                .region
                .clone()
                .or_else(|| run.clouds.settings.default_region.clone()),
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
        let run = self.run()?;
        let access = run.access().await?;
        let interface = &run.clouds.settings.interface;
        let services = run.catalog(&access).services(interface).into_iter();
        Ok(services
            .map(|(kind, region)| (run.clean(kind), run.clean(region)))
            .collect())
    }

    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send(&self, request: CloudRequest) -> Result<CloudResponse, Error> {
        let run = self.run()?;
        let mut trace = run.trace(&request)?;
        let patience = run.clouds.settings.request_timeout();
        let answer = timeout(patience, run.send(request, None, &mut trace))
            .await
            .unwrap_or(Err(Error::TimedOut));
        ended(trace, answer)
    }

    /// Sends one request; the answer's body comes in chunks.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(&self, request: CloudRequest) -> Result<(Head, BodyReader), Error> {
        let run = self.run()?;
        let mut trace = run.trace(&request)?;
        let settings = &run.clouds.settings;
        let patience = settings.request_timeout();
        let answer = timeout(patience, run.exchange(request, None, &mut trace))
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
        let run = self.run()?;
        let settings = &run.clouds.settings;
        let (cap, patience) = (settings.stream_bytes, settings.request_timeout());
        if length.is_some_and(|length| length > cap) {
            return Err(Error::TooLarge(cap));
        }
        // What keeps the run from its cloud is told here, not after the first chunks.
        run.access().await?;
        let mut trace = run.trace(&request)?;
        request.body = None;
        let (parts, body) = body::channel();
        let run = run.clone();
        let exchange = tokio::spawn(async move {
            let upload = Upload { body, length };
            let answer = run.send(request, Some(upload), &mut trace).await;
            ended(trace, answer)
        });
        Ok(BodyWriter::new(parts, exchange, length, cap, patience))
    }
}

fn ended<T>(trace: Trace, answer: Result<T, Error>) -> Result<T, Error> {
    trace.end(answer.as_ref().err().map(ToString::to_string));
    answer
}
