//! The scoped token's host side: a guest's requests on their way to the proxy.

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;
use wasmtime::component::Resource;

use super::{bindings::zonda::action::cloud, guest::Guest};
use crate::openstack::{
    Body, BodyReader, BodyWriter, CloudRequest, CloudResponse, Error, Head, Session, TokenFacts,
};

/// Requests of one `send-all` that are on their way at one time.
const CONCURRENT_REQUESTS: usize = 16;
/// The largest chunk that a body is read in.
const CHUNK_BYTES: u32 = 1 << 20;

/// What a guest holds for its token: nothing. The session with the secret stays with the store.
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct ScopedToken;

/// A request whose body is being sent; none once it is finished.
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct Upload(Option<BodyWriter>);

impl Guest {
    fn session(&self) -> Result<Arc<Session>, Error> {
        let session = self.run.as_ref().and_then(|run| run.session.as_ref());
        session.cloned().ok_or(Error::NoTarget)
    }

    /// Counts a request against the run's limit.
    pub(super) fn charge_request(&mut self) -> Result<(), Error> {
        let limit = self.settings().requests;
        if self.requests >= limit {
            return Err(Error::Denied(format!(
                "this run has made {limit} requests, which is all that it may (runtime.requests = {limit})"
            )));
        }
        self.requests += 1;
        Ok(())
    }

    fn charged_session(&mut self) -> Result<Arc<Session>, Error> {
        let session = self.session()?;
        self.charge_request()?;
        Ok(session)
    }
}

impl cloud::Host for Guest {
    async fn target(&mut self) -> wasmtime::Result<Result<Resource<ScopedToken>, cloud::Error>> {
        match self.session() {
            Ok(_) => Ok(Ok(self.table.push(ScopedToken)?)),
            Err(err) => Ok(Err(err.into())),
        }
    }
}

impl cloud::HostScopedToken for Guest {
    async fn facts(&mut self, _: Resource<ScopedToken>) -> wasmtime::Result<cloud::TokenFacts> {
        // The WIT has no error here: without an answer from Keystone the run cannot go on.
        let session = self.session().map_err(host_error)?;
        let facts = off_fiber(move || async move { session.facts().await }).await;
        facts.map(Into::into).map_err(host_error)
    }

    async fn services(
        &mut self,
        _: Resource<ScopedToken>,
    ) -> wasmtime::Result<Vec<(String, String)>> {
        let session = self.session().map_err(host_error)?;
        let services = off_fiber(move || async move { session.services().await }).await;
        services.map_err(host_error)
    }

    async fn send(
        &mut self,
        _: Resource<ScopedToken>,
        request: cloud::Request,
    ) -> wasmtime::Result<Result<cloud::Response, cloud::Error>> {
        Ok(match self.charged_session() {
            Ok(session) => {
                answer(off_fiber(move || async move { session.send(request.into()).await }).await)?
            }
            Err(err) => Err(err.into()),
        })
    }

    async fn send_all(
        &mut self,
        _: Resource<ScopedToken>,
        requests: Vec<cloud::Request>,
    ) -> wasmtime::Result<Vec<Result<cloud::Response, cloud::Error>>> {
        let sends: Vec<_> = requests
            .into_iter()
            .map(|request| (self.charged_session(), request))
            .map(async |(session, request)| session?.send(request.into()).await)
            .collect();
        let all = stream::iter(sends).buffered(CONCURRENT_REQUESTS);
        let answers = off_fiber(move || async move { Ok(all.collect::<Vec<_>>().await) }).await;
        answers
            .map_err(host_error)?
            .into_iter()
            .map(answer)
            .collect()
    }

    async fn open(
        &mut self,
        _: Resource<ScopedToken>,
        request: cloud::Request,
    ) -> wasmtime::Result<Result<(cloud::Head, Resource<BodyReader>), cloud::Error>> {
        let opened = match self.charged_session() {
            Ok(session) => {
                off_fiber(move || async move { session.open(request.into()).await }).await
            }
            Err(err) => Err(err),
        };
        match within_budget(opened)? {
            Ok((head, reader)) => Ok(Ok((head.into(), self.table.push(reader)?))),
            Err(err) => Ok(Err(err)),
        }
    }

    async fn upload(
        &mut self,
        _: Resource<ScopedToken>,
        request: cloud::Request,
        length: Option<u64>,
    ) -> wasmtime::Result<Result<Resource<Upload>, cloud::Error>> {
        let begun = match self.charged_session() {
            Ok(session) => {
                off_fiber(move || async move { session.upload(request.into(), length).await }).await
            }
            Err(err) => Err(err),
        };
        match begun {
            Ok(writer) => Ok(Ok(self.table.push(Upload(Some(writer)))?)),
            Err(err) => Ok(Err(err.into())),
        }
    }

    async fn drop(&mut self, token: Resource<ScopedToken>) -> wasmtime::Result<()> {
        self.table.delete(token)?;
        Ok(())
    }
}

impl cloud::HostBodyReader for Guest {
    async fn read(
        &mut self,
        reader: Resource<BodyReader>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, cloud::Error>> {
        let reader = self.table.get_mut(&reader)?;
        let chunk = reader.read(max.clamp(1, CHUNK_BYTES)).await;
        Ok(chunk.map(Into::into).map_err(Into::into))
    }

    async fn drop(&mut self, reader: Resource<BodyReader>) -> wasmtime::Result<()> {
        self.table.delete(reader)?;
        Ok(())
    }
}

impl cloud::HostBodyWriter for Guest {
    async fn write(
        &mut self,
        upload: Resource<Upload>,
        chunk: Vec<u8>,
    ) -> wasmtime::Result<Result<(), cloud::Error>> {
        Ok(match &mut self.table.get_mut(&upload)?.0 {
            Some(writer) => writer.write(chunk.into()).await.map_err(Into::into),
            None => Err(finished()),
        })
    }

    async fn finish(
        &mut self,
        upload: Resource<Upload>,
    ) -> wasmtime::Result<Result<cloud::Response, cloud::Error>> {
        Ok(match self.table.get_mut(&upload)?.0.take() {
            Some(writer) => answer(writer.finish().await)?,
            None => Err(finished()),
        })
    }

    async fn drop(&mut self, upload: Resource<Upload>) -> wasmtime::Result<()> {
        self.table.delete(upload)?;
        Ok(())
    }
}

/// Drives what `begin` makes on a task of its own, which ends when the run does.
///
/// What is made or polled here stands on the run's fiber, whose stack stays resident for as long as the run waits; an
/// HTTP client's futures are large.
pub(super) async fn off_fiber<T, F>(begin: impl FnOnce() -> F + Send + 'static) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let task = tokio::spawn(async move { Box::pin(begin()).await }.in_current_span());
    AbortOnDropHandle::new(task).await.unwrap_or_else(|_| {
        Err(Error::Unreachable(
            "the host gave the request up".to_owned(),
        ))
    })
}

fn finished() -> cloud::Error {
    cloud::Error::InvalidRequest("this upload is finished".to_owned())
}

fn host_error(err: Error) -> wasmtime::Error {
    wasmtime::format_err!("{err}")
}

/// What a guest gets for a request; a run that is over its budget ends instead.
pub(super) fn answer(
    response: Result<CloudResponse, Error>,
) -> wasmtime::Result<Result<cloud::Response, cloud::Error>> {
    let response = within_budget(response)?;
    Ok(response.map(|response| cloud::Response {
        status: response.head.status,
        headers: response.head.headers,
        body: match response.body {
            Body::Text(text) => cloud::Body::Text(text),
            Body::Bytes(bytes) => cloud::Body::Bytes(bytes.into()),
        },
    }))
}

/// Makes an end of the run of the one error that is none for the guest.
fn within_budget<T>(answer: Result<T, Error>) -> wasmtime::Result<Result<T, cloud::Error>> {
    match answer {
        Err(err @ Error::OverBudget(_)) => Err(host_error(err)),
        answer => Ok(answer.map_err(Into::into)),
    }
}

impl From<cloud::Request> for CloudRequest {
    fn from(request: cloud::Request) -> Self {
        Self {
            service_type: request.service_type,
            region: request.region,
            method: request.method,
            path: request.path,
            query: request.query,
            headers: request.headers,
            body: request.body.map(Into::into),
        }
    }
}

impl From<cloud::Body> for Body {
    fn from(body: cloud::Body) -> Self {
        match body {
            cloud::Body::Text(text) => Self::Text(text),
            cloud::Body::Bytes(bytes) => Self::Bytes(bytes.into()),
        }
    }
}

impl From<Head> for cloud::Head {
    fn from(head: Head) -> Self {
        Self {
            status: head.status,
            headers: head.headers,
        }
    }
}

impl From<TokenFacts> for cloud::TokenFacts {
    fn from(facts: TokenFacts) -> Self {
        Self {
            auth_url: facts.auth_url,
            region: facts.region,
            project_id: facts.project_id,
            project_name: facts.project_name,
            user_id: facts.user_id,
            roles: facts.roles,
            expires_at_unix_ms: facts
                .expires_at
                .and_then(|time| u64::try_from(time.unix_ms()).ok()),
            is_target: facts.is_target,
        }
    }
}

impl From<Error> for cloud::Error {
    fn from(err: Error) -> Self {
        match err {
            Error::NoTarget => Self::NoTarget,
            Error::NoEndpoint(what) => Self::NoEndpoint(what),
            Error::Denied(why) | Error::OverBudget(why) => Self::Denied(why),
            Error::InvalidRequest(why) => Self::InvalidRequest(why),
            Error::TimedOut => Self::TimedOut,
            Error::TooLarge(bytes) => Self::TooLarge(bytes),
            Error::Unreachable(why) => Self::Unreachable(why),
            Error::TokenExpired => Self::TokenExpired,
        }
    }
}
