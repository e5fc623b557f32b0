//! The scoped token's host side: a guest's requests on their way to the proxy.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;
use wasmtime::component::Resource;

use super::{bindings::zonda::action::cloud, guest::Guest, limits::Exceeded};
use crate::openstack::{
    Body, BodyReader, BodyWriter, CloudRequest, CloudResponse, Error, Head, Session, TokenFacts,
};

/// The largest chunk that a body is read in.
const CHUNK_BYTES: u32 = 1 << 20;
/// The largest part of an upload that waits in the host for a slow service.
const PART_BYTES: usize = 256 << 10;

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

    /// What the guest gets for a request, charged to its run.
    pub(super) fn answer(
        &mut self,
        response: Result<CloudResponse, Error>,
    ) -> wasmtime::Result<Result<cloud::Response, cloud::Error>> {
        if let Ok(response) = &response {
            self.traffic.take_answer(response.body.length())?;
        }
        within_budget(response.map(answer))
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
        self.traffic.take_requests(1)?;
        let sent = match self.session() {
            Ok(session) => {
                off_fiber(move || async move { session.send(request.into()).await }).await
            }
            Err(err) => Err(err),
        };
        self.answer(sent)
    }

    async fn send_all(
        &mut self,
        _: Resource<ScopedToken>,
        requests: Vec<cloud::Request>,
    ) -> wasmtime::Result<Vec<Result<cloud::Response, cloud::Error>>> {
        self.traffic.take_requests(requests.len())?;
        let session = match self.session() {
            Ok(session) => session,
            Err(err) => {
                return Ok(requests.iter().map(|_| Err(err.clone().into())).collect());
            }
        };
        let at_once = self.traffic.at_once();
        let mut room = Room {
            in_memory: self.settings().memory_bytes() as u64,
            of_answers: self.traffic.answer_bytes(),
        };
        let all = off_fiber(move || async move {
            let mut answers = Vec::with_capacity(requests.len());
            let mut sends = stream::iter(requests)
                .map(|request| session.send(request.into()))
                .buffered(at_once);
            while let Some(sent) = sends.next().await {
                if let Ok(response) = &sent
                    && let Err(exceeded) = room.take(response.body.length())
                {
                    return Ok(Err(exceeded));
                }
                answers.push(sent);
            }
            Ok(Ok(answers))
        });
        let answers = all.await.map_err(host_error)??;
        answers.into_iter().map(|sent| self.answer(sent)).collect()
    }

    async fn open(
        &mut self,
        _: Resource<ScopedToken>,
        request: cloud::Request,
    ) -> wasmtime::Result<Result<(cloud::Head, Resource<BodyReader>), cloud::Error>> {
        self.traffic.take_requests(1)?;
        self.traffic.open_stream()?;
        let opened = match self.session() {
            Ok(session) => {
                off_fiber(move || async move { session.open(request.into()).await }).await
            }
            Err(err) => Err(err),
        };
        match within_budget(opened)? {
            Ok((head, reader)) => Ok(Ok((head.into(), self.table.push(reader)?))),
            Err(err) => {
                self.traffic.close_stream();
                Ok(Err(err))
            }
        }
    }

    async fn upload(
        &mut self,
        _: Resource<ScopedToken>,
        request: cloud::Request,
        length: Option<u64>,
    ) -> wasmtime::Result<Result<Resource<Upload>, cloud::Error>> {
        self.traffic.take_requests(1)?;
        self.traffic.open_stream()?;
        let begun = match self.session() {
            Ok(session) => {
                off_fiber(move || async move { session.upload(request.into(), length).await }).await
            }
            Err(err) => Err(err),
        };
        match begun {
            Ok(writer) => Ok(Ok(self.table.push(Upload(Some(writer)))?)),
            Err(err) => {
                self.traffic.close_stream();
                Ok(Err(err.into()))
            }
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
        self.traffic.close_stream();
        Ok(())
    }
}

impl cloud::HostBodyWriter for Guest {
    async fn write(
        &mut self,
        upload: Resource<Upload>,
        chunk: Vec<u8>,
    ) -> wasmtime::Result<Result<(), cloud::Error>> {
        let Some(writer) = &mut self.table.get_mut(&upload)?.0 else {
            return Ok(Err(finished()));
        };
        if chunk.len() <= PART_BYTES {
            return Ok(writer.write(chunk.into()).await.map_err(Into::into));
        }
        for part in chunk.chunks(PART_BYTES) {
            // A copy: a slice of the chunk would keep all of it for as long as the part waits.
            if let Err(err) = writer.write(Bytes::copy_from_slice(part)).await {
                return Ok(Err(err.into()));
            }
        }
        Ok(Ok(()))
    }

    async fn finish(
        &mut self,
        upload: Resource<Upload>,
    ) -> wasmtime::Result<Result<cloud::Response, cloud::Error>> {
        let Some(writer) = self.table.get_mut(&upload)?.0.take() else {
            return Ok(Err(finished()));
        };
        let finished = writer.finish().await;
        self.traffic.close_stream();
        self.answer(finished)
    }

    async fn drop(&mut self, upload: Resource<Upload>) -> wasmtime::Result<()> {
        if self.table.delete(upload)?.0.is_some() {
            self.traffic.close_stream();
        }
        Ok(())
    }
}

/// What the answers of one `send-all` may take: all of them go into the guest's memory at one time.
struct Room {
    in_memory: u64,
    of_answers: u64,
}

impl Room {
    fn take(&mut self, bytes: u64) -> Result<(), Exceeded> {
        self.of_answers = self
            .of_answers
            .checked_sub(bytes)
            .ok_or(Exceeded::Answers)?;
        self.in_memory = self.in_memory.checked_sub(bytes).ok_or(Exceeded::Memory)?;
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

fn answer(response: CloudResponse) -> cloud::Response {
    cloud::Response {
        status: response.head.status,
        headers: response.head.headers,
        body: match response.body {
            Body::Text(text) => cloud::Body::Text(text),
            Body::Bytes(bytes) => cloud::Body::Bytes(bytes.into()),
        },
    }
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
