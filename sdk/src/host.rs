//! The other side of the contract: the host's imports or, in a test, canned answers.
//!
//! On wasm there is one variant, so that whatever an action does not use is left out of its component.

#[cfg(not(target_family = "wasm"))]
use std::rc::Rc;

use crate::RunFacts;
use crate::bindings::zonda::action::{cloud, execution, http, log};
#[cfg(not(target_family = "wasm"))]
use crate::testing::Canned;

/// Who answers an action's calls.
#[derive(Clone)]
pub(crate) enum Host {
    /// The host, through the imports of the component.
    Imports,
    /// A test.
    #[cfg(not(target_family = "wasm"))]
    Canned(Rc<Canned>),
}

/// A token for the target cloud: a handle of the host's, or a test's stand-in.
pub(crate) enum Token {
    Imports(cloud::ScopedToken),
    #[cfg(not(target_family = "wasm"))]
    Canned(Rc<Canned>),
}

/// The body of an answer, in chunks.
pub(crate) enum Reader {
    Imports(cloud::BodyReader),
    #[cfg(not(target_family = "wasm"))]
    Canned(std::io::Cursor<Vec<u8>>),
}

/// The body of a request, in chunks.
pub(crate) enum Writer {
    Imports(cloud::BodyWriter),
    #[cfg(not(target_family = "wasm"))]
    Canned(Rc<Canned>, Box<cloud::Request>, Vec<u8>),
}

impl Host {
    pub(crate) fn facts(&self) -> RunFacts {
        match self {
            Self::Imports => execution::facts(),
            #[cfg(not(target_family = "wasm"))]
            Self::Canned(canned) => canned.facts(),
        }
    }

    pub(crate) fn custom_context(&self) -> String {
        match self {
            Self::Imports => execution::custom_context(),
            #[cfg(not(target_family = "wasm"))]
            Self::Canned(canned) => canned.custom_context(),
        }
    }

    pub(crate) fn target(&self) -> Result<Token, cloud::Error> {
        match self {
            Self::Imports => cloud::target().map(Token::Imports),
            #[cfg(not(target_family = "wasm"))]
            Self::Canned(canned) => Ok(Token::Canned(Rc::clone(canned))),
        }
    }

    pub(crate) fn http(&self, request: &http::Request) -> Result<cloud::Response, cloud::Error> {
        match self {
            Self::Imports => http::send(request),
            #[cfg(not(target_family = "wasm"))]
            Self::Canned(canned) => canned.http(request),
        }
    }

    pub(crate) fn log(&self, level: log::Level, message: &str, fields: &str) {
        match self {
            Self::Imports => log::log(level, message, fields),
            #[cfg(not(target_family = "wasm"))]
            Self::Canned(canned) => canned.log(level, message, fields),
        }
    }
}

impl Token {
    pub(crate) fn facts(&self) -> cloud::TokenFacts {
        match self {
            Self::Imports(token) => token.facts(),
            #[cfg(not(target_family = "wasm"))]
            Self::Canned(canned) => canned.token_facts(),
        }
    }

    pub(crate) fn services(&self) -> Vec<(String, String)> {
        match self {
            Self::Imports(token) => token.services(),
            #[cfg(not(target_family = "wasm"))]
            Self::Canned(canned) => canned.services(),
        }
    }

    pub(crate) fn send(&self, request: &cloud::Request) -> Result<cloud::Response, cloud::Error> {
        match self {
            Self::Imports(token) => token.send(request),
            #[cfg(not(target_family = "wasm"))]
            Self::Canned(canned) => canned.send(request),
        }
    }

    pub(crate) fn send_all(
        &self,
        requests: &[cloud::Request],
    ) -> Vec<Result<cloud::Response, cloud::Error>> {
        match self {
            Self::Imports(token) => token.send_all(requests),
            #[cfg(not(target_family = "wasm"))]
            Self::Canned(canned) => requests
                .iter()
                .map(|request| canned.send(request))
                .collect(),
        }
    }

    pub(crate) fn open(
        &self,
        request: &cloud::Request,
    ) -> Result<(cloud::Head, Reader), cloud::Error> {
        match self {
            Self::Imports(token) => token
                .open(request)
                .map(|(head, reader)| (head, Reader::Imports(reader))),
            #[cfg(not(target_family = "wasm"))]
            Self::Canned(canned) => canned.send(request).map(|response| {
                let cloud::Response {
                    status,
                    headers,
                    body,
                } = response;
                let bytes = match body {
                    cloud::Body::Text(text) => text.into_bytes(),
                    cloud::Body::Bytes(bytes) => bytes,
                };
                (
                    cloud::Head { status, headers },
                    Reader::Canned(std::io::Cursor::new(bytes)),
                )
            }),
        }
    }

    pub(crate) fn upload(
        &self,
        request: &cloud::Request,
        length: Option<u64>,
    ) -> Result<Writer, cloud::Error> {
        match self {
            Self::Imports(token) => token.upload(request, length).map(Writer::Imports),
            #[cfg(not(target_family = "wasm"))]
            Self::Canned(canned) => Ok(Writer::Canned(
                Rc::clone(canned),
                Box::new(request.clone()),
                Vec::new(),
            )),
        }
    }
}

impl Reader {
    pub(crate) fn read(&mut self, max: u32) -> Result<Vec<u8>, cloud::Error> {
        match self {
            Self::Imports(reader) => reader.read(max),
            #[cfg(not(target_family = "wasm"))]
            Self::Canned(rest) => {
                use std::io::Read as _;
                let mut chunk = Vec::new();
                rest.take(max.into())
                    .read_to_end(&mut chunk)
                    .map_err(|error| cloud::Error::Unreachable(error.to_string()))?;
                Ok(chunk)
            }
        }
    }
}

impl Writer {
    pub(crate) fn write(&mut self, chunk: &[u8]) -> Result<(), cloud::Error> {
        match self {
            Self::Imports(writer) => writer.write(chunk),
            #[cfg(not(target_family = "wasm"))]
            Self::Canned(_, _, body) => {
                body.extend_from_slice(chunk);
                Ok(())
            }
        }
    }

    pub(crate) fn finish(self) -> Result<cloud::Response, cloud::Error> {
        match self {
            Self::Imports(writer) => writer.finish(),
            #[cfg(not(target_family = "wasm"))]
            Self::Canned(canned, mut request, body) => {
                request.body = Some(cloud::Body::Bytes(body));
                canned.send(&request)
            }
        }
    }
}
