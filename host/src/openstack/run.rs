//! What the requests of one run share: the token in use, and the secrets that come back to nobody.

use std::{
    borrow::Cow,
    sync::{Arc, PoisonError, RwLock},
};

use crate::domain::{Credential, Secret, TargetCloud};

use super::{
    Body, Catalog, CloudRequest, CloudResponse, Clouds, ConnectError, Error, RunScope,
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

impl Run {
    /// Access to `target`, of which nobody has been asked yet.
    pub(super) fn open(
        clouds: Arc<Clouds>,
        scope: RunScope,
        target: TargetCloud,
    ) -> Result<Arc<Self>, ConnectError> {
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
        let run = Self {
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
        Ok(Arc::new(run))
    }

    pub(super) async fn send(
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

    pub(super) fn trace(&self, request: &CloudRequest) -> Result<Trace, Error> {
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
        Credential::Trust(_) => return None,
        Credential::Token(token) => (token, SHORTEST_TOKEN),
        Credential::Password {
            password: secret, ..
        }
        | Credential::ApplicationCredential { secret, .. } => (secret, SHORTEST_PASSWORD),
    };
    (secret.expose().len() >= shortest).then_some(secret)
}
