//! One request to a service of the target cloud, put together piece by piece.

use serde::Serialize;

use crate::bindings::zonda::action::cloud::{self as wit, Body};
use crate::cloud::{Error, ErrorKind};

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

    /// Gives it a body of text; without a `content-type` header it is `text/plain`.
    #[must_use]
    pub fn text(mut self, body: impl Into<String>) -> Self {
        self.wit.body = Some(Body::Text(body.into()));
        self.default_content_type("text/plain; charset=utf-8")
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

    pub(crate) fn finish(self) -> Result<(wit::Request, String), Error> {
        let what = format!(
            "{} {} {}",
            self.wit.method, self.wit.service_type, self.wit.path
        );
        match self.fault {
            None => Ok((self.wit, what)),
            Some(fault) => Err(Error::new(ErrorKind::InvalidRequest(fault), what)),
        }
    }
}
