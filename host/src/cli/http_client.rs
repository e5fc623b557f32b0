//! Builds the client's HTTP connections: TLS as the user wants it, no redirects.

use std::time::Duration;

use http::HeaderValue;
use reqwest::{Certificate, Client, redirect};
use url::Url;

use super::login::Tls;
use crate::domain::Secret;

/// A client for the server at `url`; `timeout` bounds a whole request.
///
/// Redirects are not followed: they would carry the token to wherever the server likes.
///
/// # Errors
/// When the CA certificates are not PEM, or https is asked for on a machine without any.
pub(super) fn build(
    url: &Url,
    tls: &Tls,
    timeout: Option<Duration>,
) -> Result<Client, reqwest::Error> {
    // The first one installed stays: the server half of this binary installs the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("zonda/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(Duration::from_secs(20));
    if let Some(timeout) = timeout {
        builder = builder.timeout(timeout);
    }
    builder = match &tls.ca_cert {
        Some(pem) => builder.tls_certs_only(Certificate::from_pem_bundle(pem.as_bytes())?),
        // A machine without CA certificates can still speak plain http.
        None if url.scheme() == "http" => builder.tls_certs_only([]),
        None => builder,
    };
    if tls.is_insecure {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    builder.build()
}

/// `secret` as a header's value that is left out of logs; none when a header cannot hold it.
pub(super) fn sensitive(secret: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(secret.expose()).ok()?;
    value.set_sensitive(true);
    Some(value)
}
