//! Requests to the target cloud: one, several at once, page after page, or with a streamed body.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::bindings::zonda::action::cloud::Error as ErrorKind;
use crate::bindings::zonda::action::cloud::TokenFacts;
use crate::host::{Host, Token};
pub use crate::paging::{Items, Pages};
pub use crate::stream::{Download, Upload};
use crate::{Failure, Request, Response};

/// The target cloud of a run, with exactly the rights that the action's access rules leave.
pub struct Cloud {
    token: Token,
}

impl Cloud {
    pub(crate) fn of(host: &Host) -> Result<Self, Error> {
        let token = host.target().map_err(|kind| Error {
            kind,
            what: "the target cloud".into(),
        })?;
        Ok(Self { token })
    }

    /// What may be known about the token: its project, user, region and roles, never the token itself.
    pub fn facts(&self) -> TokenFacts {
        self.token.facts()
    }

    /// Pairs of service type and region for which the cloud has an endpoint.
    pub fn services(&self) -> Vec<(String, String)> {
        self.token.services()
    }

    /// Whether the cloud has an endpoint of this service type, in whichever region.
    pub fn has(&self, service_type: &str) -> bool {
        self.services()
            .iter()
            .any(|(known, _)| known == service_type)
    }

    /// Sends a GET.
    ///
    /// # Errors
    /// If there is no answer; an answer of any status is none.
    pub fn get(&self, service_type: &str, path: &str) -> Result<Response, Error> {
        self.send(Request::get(service_type, path))
    }

    /// Sends a HEAD.
    ///
    /// # Errors
    /// If there is no answer; an answer of any status is none.
    pub fn head(&self, service_type: &str, path: &str) -> Result<Response, Error> {
        self.send(Request::new(service_type, "HEAD", path))
    }

    /// Sends a DELETE.
    ///
    /// # Errors
    /// If there is no answer; an answer of any status is none.
    pub fn delete(&self, service_type: &str, path: &str) -> Result<Response, Error> {
        self.send(Request::new(service_type, "DELETE", path))
    }

    /// Sends a POST with a JSON body.
    ///
    /// # Errors
    /// If there is no answer; an answer of any status is none.
    pub fn post(
        &self,
        service_type: &str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Response, Error> {
        self.send(Request::new(service_type, "POST", path).json(body))
    }

    /// Sends a PUT with a JSON body.
    ///
    /// # Errors
    /// If there is no answer; an answer of any status is none.
    pub fn put(
        &self,
        service_type: &str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Response, Error> {
        self.send(Request::new(service_type, "PUT", path).json(body))
    }

    /// Sends a PATCH with a JSON body.
    ///
    /// # Errors
    /// If there is no answer; an answer of any status is none.
    pub fn patch(
        &self,
        service_type: &str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Response, Error> {
        self.send(Request::new(service_type, "PATCH", path).json(body))
    }

    /// Sends a request.
    ///
    /// # Errors
    /// If there is no answer; an answer of any status is none.
    pub fn send(&self, request: Request) -> Result<Response, Error> {
        let (request, what) = request.finish()?;
        match self.token.send(&request) {
            Ok(response) => Ok(Response::new(what, response)),
            Err(kind) => Err(Error { kind, what }),
        }
    }

    /// Sends requests concurrently; the answers are in the order of the requests.
    pub fn send_all(
        &self,
        requests: impl IntoIterator<Item = Request>,
    ) -> Vec<Result<Response, Error>> {
        // Those that cannot be sent keep their place among the answers.
        let mut ready = Vec::new();
        let planned: Vec<Result<String, Error>> = requests
            .into_iter()
            .map(|request| {
                let (request, what) = request.finish()?;
                ready.push(request);
                Ok(what)
            })
            .collect();
        let mut answers = self.token.send_all(&ready).into_iter();
        planned
            .into_iter()
            .map(|plan| {
                let what = plan?;
                match answers.next() {
                    Some(Ok(response)) => Ok(Response::new(what, response)),
                    Some(Err(kind)) => Err(Error { kind, what }),
                    None => Err(Error {
                        kind: ErrorKind::Unreachable("no answer".into()),
                        what,
                    }),
                }
            })
            .collect()
    }

    /// The pages of a list, each fetched when it is asked for.
    ///
    /// Follows `next` links in each of OpenStack's forms; see [`Pages`].
    pub fn pages(&self, request: Request) -> Pages<'_> {
        Pages::new(self, request)
    }

    /// The items of a list, page after page: what stands under `key` in each page (or the page itself, if it is a list).
    pub fn items<T: DeserializeOwned>(&self, request: Request, key: &str) -> Items<'_, T> {
        Items::new(Pages::new(self, request).of(key), key)
    }

    /// Sends a request whose answer's body is read as it arrives.
    ///
    /// # Errors
    /// If there is no answer; an answer of any status is none.
    pub fn open(&self, request: Request) -> Result<Download, Error> {
        let (request, what) = request.finish()?;
        match self.token.open(&request) {
            Ok((head, reader)) => Ok(Download::new(head, reader, what)),
            Err(kind) => Err(Error { kind, what }),
        }
    }

    /// Begins a request whose body is written piece by piece; `length` is the body's length in bytes if it is known.
    ///
    /// # Errors
    /// If the request cannot be begun.
    pub fn upload(&self, request: Request, length: Option<u64>) -> Result<Upload, Error> {
        let (request, what) = request.finish()?;
        match self.token.upload(&request, length) {
            Ok(writer) => Ok(Upload::new(writer, what)),
            Err(kind) => Err(Error { kind, what }),
        }
    }
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// The reason, as the host gave it.
    pub kind: ErrorKind,
    what: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::TimedOut | ErrorKind::Unreachable(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.what)?;
        match &self.kind {
            ErrorKind::NoTarget => f.write_str("this run has no target cloud"),
            ErrorKind::NoEndpoint(what) => write!(f, "no such service: {what}"),
            ErrorKind::Denied(why) => write!(f, "denied: {why}"),
            ErrorKind::InvalidRequest(why) => write!(f, "invalid request: {why}"),
            ErrorKind::TimedOut => f.write_str("no answer in time"),
            ErrorKind::TooLarge(limit) => write!(f, "the body is over the limit of {limit} bytes"),
            ErrorKind::Unreachable(why) => write!(f, "unreachable: {why}"),
            ErrorKind::TokenExpired => f.write_str("the target's token has expired"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::new(error.to_string());
        if error.is_retryable() {
            failure.retryable()
        } else {
            failure
        }
    }
}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}
