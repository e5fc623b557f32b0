//! Keystone's v3 calls: get a token, ask about a token, make and remove a trust.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use crate::domain::{
    Credential, InClear, RequestContext, Secret, TrustId, api_version, private_json,
};

pub use super::{
    tls::{BadCertificates, Tls},
    token::{Domain, Issued, Named, TokenBody},
};

use super::{
    address::Refused,
    body,
    client::{Client, Failure, Limits},
    tls::Roots,
    token,
};

/// The fewest bytes of a token that is issued; what is shorter would be found, and masked, all over the answers.
const SHORTEST_TOKEN: usize = 8;
const TOKENS: &str = "/auth/tokens";
const TRUSTS: &str = "/OS-TRUST/trusts";
/// The most characters of Keystone's own words that are repeated.
const MOST_WORDS: usize = 300;
const X_AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
const X_SUBJECT_TOKEN: HeaderName = HeaderName::from_static("x-subject-token");

/// Why Keystone gave no token, or said nothing about one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The URL is not one of a Keystone.
    #[error("{0}")]
    BadUrl(String),
    /// No connection.
    #[error("Keystone at {server} cannot be reached: {reason}")]
    Unreachable {
        /// Host and port as the URL has them.
        server: String,
        /// Why.
        reason: String,
    },
    /// The address policy refuses to connect.
    #[error("Keystone at {server} is not connected to: {reason}")]
    Refused {
        /// Host and port as the URL has them.
        server: String,
        /// The policy's words, with the setting.
        reason: String,
    },
    /// The certificate does not check out.
    #[error("Keystone at {server} cannot be trusted: {reason}")]
    Tls {
        /// Host and port as the URL has them.
        server: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// No answer in time.
    #[error("Keystone at {server} did not answer in time")]
    TimedOut {
        /// Host and port as the URL has them.
        server: String,
    },
    /// Something answers that is no Keystone.
    #[error("{server} does not answer like a Keystone v3 ({reason}); `auth_url` is its public URL")]
    NotKeystone {
        /// Host and port as the URL has them.
        server: String,
        /// What it answered instead.
        reason: String,
    },
    /// The credential is refused.
    #[error("Keystone refuses the {0}")]
    Unauthorized(&'static str),
    /// Whoever asks may not ask about the token.
    #[error("Keystone does not let the user ask about tokens of others")]
    Forbidden,
    /// The token has expired or was revoked, or is none of this Keystone's.
    #[error("Keystone does not know the token, or it has expired")]
    TokenInvalid,
    /// It makes no trust.
    #[error("Keystone makes no trust: {0}")]
    NoTrust(String),
    /// Keystone itself has trouble.
    #[error("Keystone at {server} answers {status}")]
    Status {
        /// Host and port as the URL has them.
        server: String,
        /// The HTTP status.
        status: u16,
    },
}

/// A trust that is to be made: the trustee may act for the trustor, in their project and with these of their roles.
#[derive(Debug)]
pub struct NewTrust<'a> {
    /// The id of the user who trusts.
    pub trustor: &'a str,
    /// The id of the user who is trusted.
    pub trustee: &'a str,
    /// The id of the project.
    pub project: &'a str,
    /// The names of the roles.
    pub roles: &'a [String],
}

/// One Keystone.
#[derive(Clone)]
pub struct Keystone {
    client: Client,
    base: Url,
    timeout: Duration,
    ids: Option<RequestContext>,
}

impl std::fmt::Debug for Keystone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keystone")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Keystone {
    /// The Keystone at `auth_url`, with or without `/v3`, wherever it is: for the user's own machine and for what the
    /// operator configured. Asks nobody yet.
    ///
    /// # Errors
    /// When the URL is not http or https, or carries more than a path.
    pub fn new(auth_url: &Url, tls: Tls) -> Result<Self, Error> {
        let limits = Limits {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(90),
            idle_connections: 8,
        };
        let client = Client::new(tls, Arc::new(Roots::default()), None, None, limits);
        Self::over(client, auth_url, Duration::from_secs(60))
    }

    pub(super) fn over(client: Client, auth_url: &Url, timeout: Duration) -> Result<Self, Error> {
        Ok(Self {
            client,
            base: versioned(auth_url)?,
            timeout,
            ids: None,
        })
    }

    /// The same Keystone, with the ids of a request to send onward.
    #[must_use]
    pub fn for_request(&self, ids: &RequestContext) -> Self {
        Self {
            ids: Some(ids.clone()),
            ..self.clone()
        }
    }

    /// Its URL, with `/v3`.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.base
    }

    /// A token for `credential`: issued for a password or an application credential, asked about for a token.
    ///
    /// `project_id` is the scope where the credential does not name the project.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn authenticate(
        &self,
        credential: &Credential,
        project_id: Option<&str>,
    ) -> Result<Issued, Error> {
        let what = match credential {
            Credential::Token(token) => return self.token(token).await,
            Credential::Password { .. } => "user name, password or project",
            Credential::ApplicationCredential { .. } => "application credential",
            // It says nothing of who is trusted.
            Credential::Trust(_) => return Err(Error::Unauthorized("trust")),
        };
        self.issue(auth_body(credential, project_id), what).await
    }

    /// A token by a trust, for whom `credential` proves to be the one who is trusted.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Unauthorized`] when the trust is gone, too.
    pub async fn authenticate_by_trust(
        &self,
        credential: &Credential,
        id: TrustId,
    ) -> Result<Issued, Error> {
        let mut body = auth_body(credential, None);
        if let Some(body) = &mut body {
            let id = id.uuid().simple().to_string();
            body.auth.scope = Some(json!({ "OS-TRUST:trust": { "id": id } }));
        }
        self.issue(body, "trust").await
    }

    /// Makes a trust with a token of the trustor's.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::NoTrust`] when Keystone refuses.
    pub async fn make_trust(&self, token: &Secret, trust: &NewTrust<'_>) -> Result<TrustId, Error> {
        let roles: Vec<Value> = trust
            .roles
            .iter()
            .map(|name| json!({ "name": name }))
            .collect();
        let body = json!({ "trust": {
            "trustor_user_id": trust.trustor,
            "trustee_user_id": trust.trustee,
            "project_id": trust.project,
            "roles": roles,
            "impersonation": true,
        }});
        let headers = self.with_token(token)?;
        let body = Some(body.to_string().into());
        let (status, _, bytes) = self.call(Method::POST, TRUSTS, headers, body).await?;
        match status {
            StatusCode::CREATED | StatusCode::OK => {
                let made: Option<Value> = serde_json::from_slice(&bytes).ok();
                let id = made.as_ref().and_then(|made| made.pointer("/trust/id"));
                id.and_then(Value::as_str)
                    .and_then(|id| id.parse().ok())
                    .ok_or_else(|| self.not_keystone("no trust in its answer"))
            }
            status if status.is_client_error() && is_keystone_fault(&bytes) => {
                Err(Error::NoTrust(fault_message(&bytes)))
            }
            status => Err(self.unexpected(status, TRUSTS)),
        }
    }

    /// Removes a trust with a token of the trustor's; one that is gone already is no error.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remove_trust(&self, token: &Secret, id: TrustId) -> Result<(), Error> {
        let path = format!("{TRUSTS}/{}", id.uuid().simple());
        let headers = self.with_token(token)?;
        let (status, _, bytes) = self.call(Method::DELETE, &path, headers, None).await?;
        match status {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND if is_keystone_fault(&bytes) => Ok(()),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Error::Forbidden),
            status => Err(self.unexpected(status, TRUSTS)),
        }
    }

    fn with_token(&self, token: &Secret) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(
            X_AUTH_TOKEN,
            token::header(token).ok_or(Error::TokenInvalid)?,
        );
        Ok(headers)
    }

    /// What Keystone says about `token` when the token itself asks.
    ///
    /// # Errors
    /// See [`Error`]; a token that it does not take is [`Error::TokenInvalid`].
    pub async fn token(&self, token: &Secret) -> Result<Issued, Error> {
        match self.validate(token, token).await {
            Err(Error::Unauthorized(_) | Error::Forbidden) => Err(Error::TokenInvalid),
            answer => answer,
        }
    }

    /// What Keystone says about `subject` when `asking` asks.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Unauthorized`] when `asking` is not taken, [`Error::Forbidden`] when it may not ask,
    /// [`Error::TokenInvalid`] when `subject` is not taken.
    pub async fn validate(&self, asking: &Secret, subject: &Secret) -> Result<Issued, Error> {
        let mut headers = self.with_token(asking)?;
        headers.insert(
            X_SUBJECT_TOKEN,
            token::header(subject).ok_or(Error::TokenInvalid)?,
        );
        let (status, _, bytes) = self.call(Method::GET, TOKENS, headers, None).await?;
        match status {
            StatusCode::OK => self.issued(subject.clone(), bytes),
            StatusCode::UNAUTHORIZED => Err(Error::Unauthorized("token")),
            StatusCode::FORBIDDEN => Err(Error::Forbidden),
            StatusCode::NOT_FOUND if is_keystone_fault(&bytes) => Err(Error::TokenInvalid),
            status => Err(self.unexpected(status, TOKENS)),
        }
    }

    async fn issue(&self, body: Option<AuthBody<'_>>, what: &'static str) -> Result<Issued, Error> {
        let body = private_json(&body).expect("a body of texts has a form in JSON");
        // Sent from this very buffer, which is zeroed when it is dropped.
        let body = Some(Bytes::from_owner(body));
        let (status, headers, bytes) = self
            .call(Method::POST, TOKENS, HeaderMap::new(), body)
            .await?;
        match status {
            StatusCode::CREATED | StatusCode::OK => {
                let token = headers
                    .get(X_SUBJECT_TOKEN)
                    .and_then(|value| value.to_str().ok())
                    .filter(|token| token.len() >= SHORTEST_TOKEN)
                    .map(|token| Secret::new(token.to_owned()))
                    .filter(|token| token::header(token).is_some())
                    .ok_or_else(|| self.not_keystone("no X-Subject-Token in its answer"))?;
                self.issued(token, bytes)
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Error::Unauthorized(what)),
            status => Err(self.unexpected(status, TOKENS)),
        }
    }

    fn issued(&self, token: Secret, bytes: Vec<u8>) -> Result<Issued, Error> {
        let not_keystone = || self.not_keystone("no token in its answer");
        let body = TokenBody::from_keystone(&bytes).ok_or_else(not_keystone)?;
        let json = String::from_utf8(bytes).map_err(|_| not_keystone())?;
        Ok(Issued {
            token,
            body,
            json: Secret::new(json),
        })
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        mut headers: HeaderMap,
        body: Option<Bytes>,
    ) -> Result<(StatusCode, HeaderMap, Vec<u8>), Error> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(ids) = &self.ids {
            insert_ids(&mut headers, ids);
        }
        let mut request = reqwest::Request::new(method, url);
        if let Some(body) = body {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            *request.body_mut() = Some(body.into());
        }
        *request.headers_mut() = headers;
        let exchange = async {
            let response = self.client.execute(request).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            let bytes = body::read(response, token::MOST_BYTES as u64).await?;
            Ok((status, headers, bytes))
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(Ok((status, headers, Some(bytes)))) => Ok((status, headers, bytes)),
            Ok(Ok((_, _, None))) => Err(self.not_keystone("an answer of more than 2 MiB")),
            Ok(Err(failure)) => Err(self.failed(failure)),
            Err(_) => Err(self.failed(Failure::TimedOut)),
        }
    }

    fn failed(&self, failure: Failure) -> Error {
        let server = self.server();
        match failure {
            Failure::Refused(refused) => Error::Refused {
                server,
                reason: Refused::to_string(&refused),
            },
            Failure::Tls(reason) => Error::Tls { server, reason },
            Failure::TimedOut => Error::TimedOut { server },
            Failure::Unreachable(reason) => Error::Unreachable { server, reason },
        }
    }

    fn unexpected(&self, status: StatusCode, path: &str) -> Error {
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Error::Status {
                server: self.server(),
                status: status.as_u16(),
            };
        }
        self.not_keystone(&format!("HTTP {} on {path}", status.as_u16()))
    }

    fn not_keystone(&self, reason: &str) -> Error {
        Error::NotKeystone {
            server: self.server(),
            reason: reason.to_owned(),
        }
    }

    fn server(&self) -> String {
        server(&self.base)
    }
}

/// Host and port as a URL has them.
pub(super) fn server(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Writes the ids that tie a request together across services.
pub(super) fn insert_ids(headers: &mut HeaderMap, ids: &RequestContext) {
    for (name, value) in [
        ("x-openstack-request-id", &ids.request_id),
        ("traceparent", &ids.traceparent),
    ] {
        if let Ok(value) = HeaderValue::from_str(value)
            && !value.is_empty()
        {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// A 404 of Keystone's own, not of a server that has no such path.
fn is_keystone_fault(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Value>(bytes).is_ok_and(|fault| fault.pointer("/error/code").is_some())
}

/// What Keystone says itself.
fn fault_message(bytes: &[u8]) -> String {
    let fault: Option<Value> = serde_json::from_slice(bytes).ok();
    let message = fault.as_ref().and_then(|it| it.pointer("/error/message"));
    let message = message.and_then(Value::as_str).unwrap_or_default();
    message.chars().take(MOST_WORDS).collect()
}

/// `auth_url` with `/v3` at its end, once.
fn versioned(auth_url: &Url) -> Result<Url, Error> {
    let bad = |reason: &str| Err(Error::BadUrl(reason.to_owned()));
    if !matches!(auth_url.scheme(), "http" | "https") || !auth_url.has_host() {
        return bad("is not an http or https URL");
    }
    if !auth_url.username().is_empty() || auth_url.password().is_some() {
        return bad("has a user name or password in it; credentials have their own fields");
    }
    if auth_url.query().is_some() || auth_url.fragment().is_some() {
        return bad("has a query or fragment; it is the plain URL of a Keystone");
    }
    let mut segments: Vec<&str> = auth_url
        .path_segments()
        .into_iter()
        .flatten()
        .filter(|segment| !segment.is_empty())
        .collect();
    if segments
        .last()
        .is_some_and(|last| api_version(last).is_some())
    {
        segments.pop();
    }
    segments.push("v3");
    let mut url = auth_url.clone();
    url.set_path(&segments.join("/"));
    Ok(url)
}

/// What is sent to get a token. The only place where a secret stands in the clear is the buffer that is made of this.
#[derive(Serialize)]
struct AuthBody<'a> {
    auth: Auth<'a>,
}

#[derive(Serialize)]
struct Auth<'a> {
    identity: Identity<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<Value>,
}

#[derive(Serialize)]
struct Identity<'a> {
    methods: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<ByPassword<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_credential: Option<ByApplicationCredential<'a>>,
}

#[derive(Serialize)]
struct ByPassword<'a> {
    user: User<'a>,
}

#[derive(Serialize)]
struct User<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<Value>,
    password: InClear<'a>,
}

#[derive(Serialize)]
struct ByApplicationCredential<'a> {
    id: &'a str,
    secret: InClear<'a>,
}

/// The body that asks for a token for `credential`; none for a token, which is asked about, and for a trust, which proves
/// nothing.
fn auth_body<'a>(
    credential: &'a Credential,
    fallback_project: Option<&str>,
) -> Option<AuthBody<'a>> {
    let (identity, scope) = match credential {
        Credential::Token(_) | Credential::Trust(_) => return None,
        Credential::ApplicationCredential { id, secret } => {
            let identity = Identity {
                methods: ["application_credential"],
                password: None,
                application_credential: Some(ByApplicationCredential {
                    id,
                    secret: InClear(secret),
                }),
            };
            (identity, None)
        }
        Credential::Password {
            username,
            user_id,
            user_domain_name,
            user_domain_id,
            password,
            project_name,
            project_domain_name,
            project_domain_id,
        } => {
            let by_name = user_id.is_none();
            let user = User {
                id: user_id.as_deref(),
                name: username.as_deref().filter(|_| by_name),
                domain: by_name
                    .then(|| domain(user_domain_id.as_deref(), user_domain_name.as_deref())),
                password: InClear(password),
            };
            let identity = Identity {
                methods: ["password"],
                password: Some(ByPassword { user }),
                application_credential: None,
            };
            let project = match (fallback_project, project_name) {
                (Some(id), _) => Some(json!({"id": id})),
                (None, Some(name)) => Some(json!({
                    "name": name,
                    "domain": domain(project_domain_id.as_deref(), project_domain_name.as_deref()),
                })),
                (None, None) => None,
            };
            (identity, project.map(|project| json!({"project": project})))
        }
    };
    Some(AuthBody {
        auth: Auth { identity, scope },
    })
}

fn domain(id: Option<&str>, name: Option<&str>) -> Value {
    match (id, name) {
        (Some(id), _) => json!({"id": id}),
        (None, Some(name)) => json!({"name": name}),
        (None, None) => json!({"id": "default"}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auth_url_is_taken_with_and_without_its_version() {
        for (given, used) in [
            ("http://k:5000", "http://k:5000/v3"),
            ("http://k:5000/", "http://k:5000/v3"),
            ("http://k:5000/v3", "http://k:5000/v3"),
            ("http://k:5000/v3/", "http://k:5000/v3"),
            ("http://k:5000/v2.0/", "http://k:5000/v3"),
            ("https://k/identity", "https://k/identity/v3"),
            ("https://k/identity/v3/", "https://k/identity/v3"),
        ] {
            let url = versioned(&Url::parse(given).unwrap()).unwrap();
            assert_eq!(url.as_str(), used);
        }
        for bad in [
            "ftp://k/",
            "http://u:p@k/",
            "http://k/?x=1",
            "http://k/#x",
            "data:x",
        ] {
            assert!(versioned(&Url::parse(bad).unwrap()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_domain_is_default_where_none_is_given() {
        let credential = Credential::Password {
            username: Some("u".into()),
            user_id: None,
            user_domain_name: None,
            user_domain_id: None,
            password: Secret::new("p".into()),
            project_name: Some("x".into()),
            project_domain_name: Some("D".into()),
            project_domain_id: None,
        };
        let body = |project| serde_json::to_value(auth_body(&credential, project)).unwrap();
        assert_eq!(
            body(None),
            json!({"auth": {
                "identity": {"methods": ["password"], "password": {"user": {
                    "name": "u", "password": "p", "domain": {"id": "default"}}}},
                "scope": {"project": {"name": "x", "domain": {"name": "D"}}}}})
        );
        let by_id = body(Some("p1"));
        assert_eq!(by_id["auth"]["scope"], json!({"project": {"id": "p1"}}));
    }
}
