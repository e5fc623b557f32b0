//! Requests outside the cloud, to hosts that the operator allows.

use std::time::Duration;

use serde::Serialize;

use crate::Response;
use crate::bindings::zonda::action::cloud::Body;
use crate::bindings::zonda::action::http as wit;
use crate::cloud::{Error, ErrorKind};
use crate::host::Host;

/// The way to hosts outside the cloud; no credential of the cloud ever goes there.
#[derive(Clone, Copy)]
pub struct Http<'a> {
    host: &'a Host,
}

impl<'a> Http<'a> {
    pub(crate) fn of(host: &'a Host) -> Self {
        Self { host }
    }

    /// Sends a GET to a URL.
    ///
    /// # Errors
    /// If there is no answer; an answer of any status, a redirect too, is none.
    pub fn get(&self, url: &str) -> Result<Response, Error> {
        self.send(Request::new("GET", url))
    }

    /// Sends a POST with a JSON body to a URL.
    ///
    /// # Errors
    /// If there is no answer; an answer of any status, a redirect too, is none.
    pub fn post(&self, url: &str, body: &impl Serialize) -> Result<Response, Error> {
        self.send(Request::new("POST", url).json(body))
    }

    /// Sends a request.
    ///
    /// # Errors
    /// If there is no answer; an answer of any status, a redirect too, is none.
    pub fn send(&self, request: Request) -> Result<Response, Error> {
        // The query may hold what belongs in no message.
        let url = request.wit.url.split(['?', '#']).next().unwrap_or_default();
        let what = format!("{} {url}", request.wit.method);
        if let Some(fault) = request.fault {
            return Err(Error::new(ErrorKind::InvalidRequest(fault), what));
        }
        match self.host.http(&request.wit) {
            Ok(response) => Ok(Response::new(what, response)),
            Err(kind) => Err(Error::new(kind, what)),
        }
    }
}

/// One request to a URL.
#[derive(Clone, Debug)]
pub struct Request {
    wit: wit::Request,
    fault: Option<String>,
}

impl Request {
    /// A request to an absolute `http` or `https` URL, encoded as it has to be.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        let wit = wit::Request {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
            timeout_ms: None,
        };
        Self { wit, fault: None }
    }

    /// Waits for the whole answer no longer than this; the host's own limit holds too.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.wit.timeout_ms = Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.wit.headers.push((name.into(), value.into()));
        self
    }

    /// Gives it a JSON body; a value that cannot be written as JSON is an error when the request is sent.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(text) => self.wit.body = Some(Body::Text(text)),
            Err(error) => self.fault = Some(format!("body: {error}")),
        }
        self.header("content-type", "application/json")
    }

    /// Gives it a body of text.
    #[must_use]
    pub fn text(mut self, body: impl Into<String>) -> Self {
        self.wit.body = Some(Body::Text(body.into()));
        self
    }

    /// Gives it a body of bytes.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.wit.body = Some(Body::Bytes(body.into()));
        self
    }
}
