//! Requests to the target cloud: one, several at once, page after page, or with a streamed body.

use std::fmt;
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::bindings::zonda::action::cloud::Error as ErrorKind;
use crate::bindings::zonda::action::cloud::{self as wit, Body, TokenFacts};
use crate::host::{Host, Reader, Token, Writer};
use crate::paging::{Items, Pages};
use crate::{Failure, Response};

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
            Ok((head, reader)) => Ok(Download {
                head,
                reader,
                what,
                rest: io::Cursor::default(),
            }),
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
            Ok(writer) => Ok(Upload { writer, what }),
            Err(kind) => Err(Error { kind, what }),
        }
    }
}

/// One request to a service of the target cloud.
#[derive(Clone, Debug)]
pub struct Request {
    wit: wit::Request,
    fault: Option<String>,
}

impl Request {
    /// A request to the service of this type, such as `compute`, for a path below its endpoint, such as `/servers`.
    pub fn new(
        service_type: impl Into<String>,
        method: impl Into<String>,
        path: impl Into<String>,
    ) -> Self {
        let wit = wit::Request {
            service_type: service_type.into(),
            region: None,
            method: method.into(),
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
        };
        Self { wit, fault: None }
    }

    /// A GET.
    pub fn get(service_type: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(service_type, "GET", path)
    }

    /// Adds a parameter to the query; the host encodes it.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.wit.query.push((name.into(), value.to_string()));
        self
    }

    /// Adds a parameter to the query if there is a value.
    #[must_use]
    pub fn query_if(self, name: impl Into<String>, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.wit.headers.push((name.into(), value.into()));
        self
    }

    /// Asks for a microversion, such as `2.90` or `latest`, in each form that the service understands.
    #[must_use]
    pub fn microversion(self, version: &str) -> Self {
        let (name, legacy) = match self.wit.service_type.as_str() {
            "compute" => ("compute", Some("X-OpenStack-Nova-API-Version")),
            "volume" | "volumev2" | "volumev3" | "block-storage" | "block-store" => {
                ("volume", None)
            }
            "baremetal" | "bare-metal" => ("baremetal", Some("X-OpenStack-Ironic-API-Version")),
            "share" | "sharev2" | "shared-file-system" => {
                ("shared-file-system", Some("X-OpenStack-Manila-API-Version"))
            }
            other => (other, None),
        };
        let value = format!("{name} {version}");
        let request = match legacy {
            Some(header) => self.header(header, version),
            None => self,
        };
        request.header("OpenStack-API-Version", value)
    }

    /// Sends the request to the service's endpoint in this region instead of the target's own.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.wit.region = Some(region.into());
        self
    }

    /// Gives it a JSON body; a value that cannot be written as JSON is an error when the request is sent.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(text) => self.wit.body = Some(Body::Text(text)),
            Err(error) => self.fault = Some(format!("body: {error}")),
        }
        self.default_content_type("application/json")
    }

    /// Gives it a body of bytes; without a `content-type` header it is `application/octet-stream`.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.wit.body = Some(Body::Bytes(body.into()));
        self.default_content_type("application/octet-stream")
    }

    fn default_content_type(self, value: &str) -> Self {
        let given = self
            .wit
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if given {
            self
        } else {
            self.header("content-type", value)
        }
    }

    pub(crate) fn with_query(mut self, query: Vec<(String, String)>) -> Self {
        self.wit.query = query;
        self
    }

    pub(crate) fn query_pairs(&self) -> &[(String, String)] {
        &self.wit.query
    }

    fn finish(self) -> Result<(wit::Request, String), Error> {
        let what = format!(
            "{} {} {}",
            self.wit.method, self.wit.service_type, self.wit.path
        );
        match self.fault {
            None => Ok((self.wit, what)),
            Some(fault) => Err(Error {
                kind: ErrorKind::InvalidRequest(fault),
                what,
            }),
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

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

/// An answer whose body is read as it arrives; dropping it gives the rest up.
pub struct Download {
    head: wit::Head,
    reader: Reader,
    what: String,
    rest: io::Cursor<Vec<u8>>,
}

impl Download {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The first header of this name, in whichever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        crate::response::header(&self.head.headers, name)
    }

    /// Itself if the status is 2xx.
    ///
    /// # Errors
    /// Otherwise a failure with the request, the status and the service's own message.
    pub fn ok(mut self) -> Result<Self, Failure> {
        if (200..300).contains(&self.head.status) {
            return Ok(self);
        }
        let bytes = self.reader.read(64 * 1024).unwrap_or_default();
        let response = wit::Response {
            status: self.head.status,
            headers: self.head.headers,
            body: Body::Bytes(bytes),
        };
        Err(Response::new(self.what, response).failure())
    }
}

impl io::Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.rest.read(buffer)?;
        if length > 0 || buffer.is_empty() {
            return Ok(length);
        }
        let max = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        match self.reader.read(max) {
            Ok(chunk) => self.rest = io::Cursor::new(chunk),
            Err(kind) => return Err(Error::new(kind, self.what.as_str()).into()),
        }
        self.rest.read(buffer)
    }
}

/// A request whose body is written piece by piece; dropping it before [`finish`](Self::finish) breaks the request off.
pub struct Upload {
    writer: Writer,
    what: String,
}

impl Upload {
    /// Ends the body and waits for the answer.
    ///
    /// # Errors
    /// If there is no answer; an answer of any status is none.
    pub fn finish(self) -> Result<Response, Error> {
        match self.writer.finish() {
            Ok(response) => Ok(Response::new(self.what, response)),
            Err(kind) => Err(Error {
                kind,
                what: self.what,
            }),
        }
    }
}

impl io::Write for Upload {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self.writer.write(buffer) {
            Ok(()) => Ok(buffer.len()),
            Err(kind) => Err(Error::new(kind, self.what.as_str()).into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
