//! Gets a token and its catalog from a Keystone.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::{
    http_client::{self, sensitive},
    login::{Domain, Identity, Login, Named},
};
use crate::domain::Secret;

/// Why Keystone gave no token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection, a broken one, or TLS that does not check out.
    #[error("cannot reach Keystone at {auth_url}")]
    Unreachable {
        /// Keystone's URL.
        auth_url: Url,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// Keystone refused.
    #[error("Keystone at {auth_url} refused: {message} (HTTP {status})")]
    Refused {
        /// Keystone's URL.
        auth_url: Url,
        /// The HTTP status.
        status: u16,
        /// Keystone's own words.
        message: String,
    },
    /// What answers is no Keystone, or a very old one.
    #[error("{auth_url} does not answer like Keystone v3: {reason}")]
    NotKeystone {
        /// The URL.
        auth_url: Url,
        /// What is odd.
        reason: &'static str,
    },
    /// The HTTP client cannot be built: a bad CA certificate, or none installed on this machine.
    #[error("cannot set up TLS for Keystone at {auth_url}")]
    Tls {
        /// Keystone's URL.
        auth_url: Url,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
}

/// A token with what Keystone says of it.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// What is sent as `X-Auth-Token`.
    pub(super) id: Secret,
    /// The member `token` of Keystone's answer: catalog, project, user, expiry. It holds no secret.
    pub(super) body: Value,
}

/// Gets a token: one request, or two when a given token must be moved to another project first.
///
/// # Errors
/// When Keystone is unreachable, is none, or refuses.
pub(super) async fn login(login: &Login) -> Result<Token, Error> {
    let keystone = Keystone::new(login)?;
    match &login.identity {
        Identity::Token(given) => {
            let token = keystone.inspect(given).await?;
            match &login.project {
                Some(project) if !is_scoped_to(&token.body, project) => {
                    let identity = json!({"methods": ["token"], "token": {"id": given.expose()}});
                    keystone.issue(identity, Some(project)).await
                }
                Some(_) | None => Ok(token),
            }
        }
        Identity::Password { user, password } => {
            let mut user = named(user);
            if let Some(user) = user.as_object_mut() {
                user.insert("password".to_owned(), password.expose().into());
            }
            let identity = json!({"methods": ["password"], "password": {"user": user}});
            keystone.issue(identity, login.project.as_ref()).await
        }
        Identity::ApplicationCredential { id, secret } => {
            let identity = json!({
                "methods": ["application_credential"],
                "application_credential": {"id": id, "secret": secret.expose()},
            });
            keystone.issue(identity, None).await
        }
    }
}

struct Keystone {
    http: reqwest::Client,
    auth_url: Url,
    tokens_url: Url,
}

impl Keystone {
    fn new(login: &Login) -> Result<Self, Error> {
        let auth_url = login.auth_url.clone();
        let http = http_client::build(&auth_url, &login.tls, Some(Duration::from_secs(60)))
            .map_err(|source| Error::Tls {
                auth_url: auth_url.clone(),
                source,
            })?;
        let mut tokens_url = auth_url.clone();
        tokens_url.set_path(&format!("{}/auth/tokens", auth_url.path()));
        Ok(Self {
            http,
            auth_url,
            tokens_url,
        })
    }

    async fn issue(&self, identity: Value, project: Option<&Named>) -> Result<Token, Error> {
        let mut auth = json!({"auth": {"identity": identity}});
        if let (Some(project), Some(auth)) = (project, auth.get_mut("auth")) {
            auth["scope"] = json!({"project": named(project)});
        }
        let request = self.http.post(self.tokens_url.clone()).json(&auth);
        let response = self.send(request).await?;
        let id = response
            .headers()
            .get("x-subject-token")
            .and_then(|value| value.to_str().ok())
            .map(|text| Secret::new(text.to_owned()))
            .ok_or_else(|| self.odd("it sent no X-Subject-Token"))?;
        let body = self.token_body(response).await?;
        Ok(Token { id, body })
    }

    async fn inspect(&self, token: &Secret) -> Result<Token, Error> {
        let header = sensitive(token).ok_or_else(|| Error::Refused {
            auth_url: self.auth_url.clone(),
            status: 401,
            message: "the given token has characters that no token has".to_owned(),
        })?;
        let request = self
            .http
            .get(self.tokens_url.clone())
            .header("x-auth-token", header.clone())
            .header("x-subject-token", header);
        let response = self.send(request).await?;
        let body = self.token_body(response).await?;
        Ok(Token {
            id: token.clone(),
            body,
        })
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, Error> {
        let response = request.send().await.map_err(|err| self.unreachable(err))?;
        let status = response.status();
        if matches!(status, StatusCode::OK | StatusCode::CREATED) {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        let words = serde_json::from_str::<Value>(&text)
            .ok()
            .and_then(|body| body.pointer("/error/message")?.as_str().map(str::to_owned));
        match words {
            Some(message) => Err(Error::Refused {
                auth_url: self.auth_url.clone(),
                status: status.as_u16(),
                message,
            }),
            None if status.is_server_error() => Err(Error::Refused {
                auth_url: self.auth_url.clone(),
                status: status.as_u16(),
                message: "it failed without saying why".to_owned(),
            }),
            None => Err(self.odd("its refusal is not Keystone's; is the URL right?")),
        }
    }

    async fn token_body(&self, response: Response) -> Result<Value, Error> {
        let bytes = response
            .bytes()
            .await
            .map_err(|err| self.unreachable(err))?;
        serde_json::from_slice::<Value>(&bytes)
            .ok()
            .and_then(|mut body| Some(body.get_mut("token")?.take()))
            .filter(Value::is_object)
            .ok_or_else(|| self.odd("its answer has no token"))
    }

    fn unreachable(&self, source: reqwest::Error) -> Error {
        Error::Unreachable {
            auth_url: self.auth_url.clone(),
            source: source.without_url(),
        }
    }

    fn odd(&self, reason: &'static str) -> Error {
        Error::NotKeystone {
            auth_url: self.auth_url.clone(),
            reason,
        }
    }
}

fn named(named: &Named) -> Value {
    match named {
        Named::Id(id) => json!({"id": id}),
        Named::Name(name, Domain::Id(id)) => json!({"name": name, "domain": {"id": id}}),
        Named::Name(name, Domain::Name(domain)) => {
            json!({"name": name, "domain": {"name": domain}})
        }
    }
}

fn is_scoped_to(body: &Value, project: &Named) -> bool {
    let text = |pointer| body.pointer(pointer).and_then(Value::as_str);
    match project {
        Named::Id(id) => text("/project/id") == Some(id),
        Named::Name(name, domain) => {
            text("/project/name") == Some(name)
                && match domain {
                    Domain::Id(id) => text("/project/domain/id") == Some(id),
                    Domain::Name(name) => text("/project/domain/name") == Some(name),
                }
        }
    }
}
