//! Documents of servers that the operator names, such as an OpenID provider's keys.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderValue, Method, StatusCode, header};
use url::Url;

pub use super::tls::{BadCertificates, Tls};

use super::{
    body,
    client::{Client, Failure, Limits},
    keystone::server,
    tls::Roots,
};

/// Why there is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No connection, a broken one, or TLS that does not check out.
    #[error("{server} cannot be reached: {reason}")]
    Unreachable {
        /// Host and port as the URL has them.
        server: String,
        /// Why.
        reason: String,
    },
    /// No answer in time.
    #[error("{server} did not answer in time")]
    TimedOut {
        /// Host and port as the URL has them.
        server: String,
    },
    /// Another answer than 200; redirects are not followed.
    #[error("{server} answers {status}")]
    Status {
        /// Host and port as the URL has them.
        server: String,
        /// The HTTP status.
        status: u16,
    },
    /// The document is longer than this many bytes.
    #[error("{server} answers with more than {most_bytes} bytes")]
    TooLong {
        /// Host and port as the URL has them.
        server: String,
        /// The most that is taken.
        most_bytes: u64,
    },
}

/// Fetches documents, wherever the operator's servers are.
#[derive(Clone)]
pub struct Documents {
    client: Client,
    timeout: Duration,
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Documents {
    /// Gives up each of them after `timeout`. Asks nobody yet.
    #[must_use]
    pub fn new(tls: Tls, timeout: Duration) -> Self {
        let limits = Limits {
            connect: timeout,
            idle: Duration::ZERO,
            // Documents are asked for so seldom that a kept connection would be one that the server is about to close.
            idle_connections: 0,
        };
        Self {
            client: Client::new(tls, Arc::new(Roots::default()), None, None, limits),
            timeout,
        }
    }

    /// The JSON document at `url`, of at most `most_bytes`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get(&self, url: Url, most_bytes: u64) -> Result<Vec<u8>, Error> {
        let server = server(&url);
        let mut request = reqwest::Request::new(Method::GET, url);
        request
            .headers_mut()
            .insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let exchange = async {
            let response = self.client.execute(request).await?;
            let status = response.status();
            if status != StatusCode::OK {
                return Ok((status, None));
            }
            Ok((status, body::read(response, most_bytes).await?))
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(Ok((_, Some(bytes)))) => Ok(bytes),
            Ok(Ok((StatusCode::OK, None))) => Err(Error::TooLong { server, most_bytes }),
            Ok(Ok((status, None))) => Err(Error::Status {
                server,
                status: status.as_u16(),
            }),
            Err(_) | Ok(Err(Failure::TimedOut)) => Err(Error::TimedOut { server }),
            Ok(Err(failure)) => Err(Error::Unreachable {
                server,
                reason: failure.to_string(),
            }),
        }
    }
}
