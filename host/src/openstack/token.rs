//! Tokens and what Keystone says about them.

use http::HeaderValue;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::{Secret, Timestamp};

use super::catalog::{Catalog, WireService};

/// The most bytes of a token body: large clouds have catalogs of several hundred kilobytes.
pub(super) const MOST_BYTES: usize = 2 * 1024 * 1024;

/// A project or user as a token body names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Named {
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its domain.
    pub domain: Domain,
}

/// A domain as a token body names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Domain {
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// What Keystone says about a token; all but the catalog may be unknown when it came with a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenBody {
    /// The services and their endpoints.
    pub catalog: Catalog,
    /// The project that it is scoped to.
    pub project: Option<Named>,
    /// Whose it is.
    pub user: Option<Named>,
    /// The names of the roles that it carries.
    pub roles: Vec<String>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// How it was got.
    pub methods: Vec<String>,
}

#[derive(Deserialize)]
struct WireBody {
    #[serde(default)]
    catalog: Vec<WireService>,
    project: Option<Named>,
    user: Option<Named>,
    #[serde(default)]
    roles: Vec<Role>,
    expires_at: Option<String>,
    #[serde(default)]
    methods: Vec<String>,
}

#[derive(Deserialize)]
struct Role {
    name: Option<String>,
}

/// Keystone v2's form, which some clouds' tools still hand out.
#[derive(Deserialize)]
struct WireAccess {
    #[serde(rename = "serviceCatalog")]
    catalog: Vec<WireService>,
    token: Option<WireToken>,
    user: Option<WireUser>,
}

#[derive(Deserialize)]
struct WireToken {
    expires: Option<String>,
    tenant: Option<Named>,
}

#[derive(Deserialize)]
struct WireUser {
    id: Option<String>,
    name: Option<String>,
    #[serde(default)]
    roles: Vec<Role>,
}

/// A document that is neither token body nor catalog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadBody {
    #[error("is not JSON")]
    NotJson,
    #[error(
        "is no service catalog: a token body (`catalog`, `methods`, … or `{{\"token\": …}}`) or a list of services is wanted"
    )]
    NotACatalog,
    #[error(
        "is no service catalog: it has more than {MOST_BYTES} bytes, or more endpoints or longer names than any cloud"
    )]
    TooLarge,
    // Without serde's words, which quote what they do not like: it may be a token.
    #[error(
        "is no service catalog: each service has a `type` and a list of `endpoints`, the rest is as Keystone writes it"
    )]
    Shape,
}

impl TokenBody {
    /// Reads what Keystone answers: `{"token": …}`.
    pub(super) fn from_keystone(bytes: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Envelope {
            token: WireBody,
        }
        let envelope: Envelope = serde_json::from_slice(bytes).ok()?;
        envelope.token.into_body()
    }

    /// Reads what a caller gave: a token body of v3 or v2, with or without its envelope, or only a catalog.
    pub(super) fn from_caller(text: &str) -> Result<Self, BadBody> {
        let shape = |_: serde_json::Error| BadBody::Shape;
        if text.len() > MOST_BYTES {
            return Err(BadBody::TooLarge);
        }
        let value: Value = serde_json::from_str(text).map_err(|_| BadBody::NotJson)?;
        match value {
            Value::Array(_) => Ok(Self {
                catalog: Catalog::new(serde_json::from_value(value).map_err(shape)?)
                    .ok_or(BadBody::TooLarge)?,
                ..Self::default()
            }),
            Value::Object(mut members) => {
                let body = match members.remove("token").or_else(|| members.remove("access")) {
                    // In v2, `token` may stand beside `serviceCatalog`.
                    Some(token) if members.contains_key("serviceCatalog") => {
                        members.insert("token".to_owned(), token);
                        members
                    }
                    Some(Value::Object(inner)) => inner,
                    Some(_) => return Err(BadBody::NotACatalog),
                    None => members,
                };
                if body.contains_key("serviceCatalog") {
                    let access: WireAccess =
                        serde_json::from_value(Value::Object(body)).map_err(shape)?;
                    access.into_body().ok_or(BadBody::TooLarge)
                } else if body.contains_key("catalog") {
                    let body: WireBody =
                        serde_json::from_value(Value::Object(body)).map_err(shape)?;
                    body.into_body().ok_or(BadBody::TooLarge)
                } else {
                    Err(BadBody::NotACatalog)
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Err(BadBody::NotACatalog)
            }
        }
    }

    /// The project's id.
    #[must_use]
    pub fn project_id(&self) -> Option<&str> {
        self.project.as_ref()?.id.as_deref()
    }

    /// Whether a role is named exactly `admin`.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.roles.iter().any(|role| role == "admin")
    }
}

fn names(roles: Vec<Role>) -> Vec<String> {
    roles.into_iter().filter_map(|role| role.name).collect()
}

impl WireBody {
    fn into_body(self) -> Option<TokenBody> {
        Some(TokenBody {
            catalog: Catalog::new(self.catalog)?,
            project: self.project,
            user: self.user,
            roles: names(self.roles),
            expires_at: self
                .expires_at
                .as_deref()
                .and_then(Timestamp::parse_rfc3339),
            methods: self.methods,
        })
    }
}

impl WireAccess {
    fn into_body(self) -> Option<TokenBody> {
        let (expires, tenant) = self
            .token
            .map(|token| (token.expires, token.tenant))
            .unwrap_or_default();
        let (user, roles) = self
            .user
            .map(|user| {
                let named = Named {
                    id: user.id,
                    name: user.name,
                    ..Named::default()
                };
                (Some(named), names(user.roles))
            })
            .unwrap_or_default();
        Some(TokenBody {
            catalog: Catalog::new(self.catalog)?,
            project: tenant,
            user,
            roles,
            expires_at: expires.as_deref().and_then(Timestamp::parse_rfc3339),
            methods: Vec::new(),
        })
    }
}

/// A token with what Keystone said when it was issued or asked about.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The token.
    pub token: Secret,
    /// What it is.
    pub body: TokenBody,
    /// Keystone's own text of it, to hand on as a catalog.
    pub json: Secret,
}

/// The longest token. Keystone's are a few hundred bytes, and web servers take no longer header.
const LONGEST: usize = 8 << 10;

/// `secret` as a header that is in no log; none when a header cannot carry it.
pub(super) fn header(secret: &Secret) -> Option<HeaderValue> {
    if secret.expose().len() > LONGEST {
        return None;
    }
    let mut value = HeaderValue::from_str(secret.expose()).ok()?;
    value.set_sensitive(true);
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICES: &str = r#"[{"type":"compute","endpoints":[{"region":"R","interface":"public","url":"http://n/v2.1"}]}]"#;

    #[test]
    fn every_form_of_a_catalog_is_taken() {
        for text in [
            SERVICES.to_owned(),
            format!(r#"{{"catalog":{SERVICES}}}"#),
            format!(r#"{{"catalog":{SERVICES},"methods":["token"],"project":{{"id":"p1"}}}}"#),
            format!(r#"{{"token":{{"catalog":{SERVICES},"expires_at":"2026-11-22T16:41:17.000000Z"}}}}"#),
            r#"{"serviceCatalog":[{"type":"compute","endpoints":[{"region":"R","publicURL":"http://n/v2.1"}]}],"token":{"id":"x","tenant":{"id":"p1"}}}"#.to_owned(),
            r#"{"access":{"serviceCatalog":[{"type":"compute","endpoints":[{"region":"R","publicURL":"http://n/v2.1"}]}]}}"#.to_owned(),
        ] {
            let body = TokenBody::from_caller(&text).unwrap();
            assert_eq!(
                body.catalog.services("public"),
                [("compute".to_owned(), "R".to_owned())],
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_catalog_is_refused() {
        for text in [
            "",
            "hello",
            "7",
            "null",
            "\"x\"",
            "{}",
            "[7]",
            r#"[{"endpoints":[]}]"#,
            r#"{"catalog":{}}"#,
            r#"{"catalog":null}"#,
            r#"{"token":7}"#,
            r#"{"token":{}}"#,
            r#"{"methods":["token"]}"#,
            r#"{"serviceCatalog":"x"}"#,
            r#"{"access":{}}"#,
        ] {
            assert!(TokenBody::from_caller(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_catalog_that_is_longer_than_any_is_refused_unread() {
        let text = format!("[{}]", " ".repeat(MOST_BYTES));
        assert_eq!(TokenBody::from_caller(&text), Err(BadBody::TooLarge));
        let deep = "[".repeat(100_000);
        assert_eq!(TokenBody::from_caller(&deep), Err(BadBody::NotJson));
        assert_eq!(TokenBody::from_keystone(deep.as_bytes()), None);
    }

    #[test]
    fn a_refusal_does_not_repeat_what_it_refuses() {
        let text = r#"{"serviceCatalog":[],"token":"s3cr3t"}"#;
        let bad = TokenBody::from_caller(text).unwrap_err();
        assert!(!bad.to_string().contains("s3cr3t"));
    }

    #[test]
    fn facts_of_a_body_are_read() {
        let text = r#"{"token":{"catalog":[],"methods":["password"],"user":{"id":"u","name":"n"},
            "project":{"id":"p","name":"pn","domain":{"id":"default"}},"roles":[{"name":"admin"}],
            "expires_at":"2026-11-22T16:41:17.000000Z"}}"#;
        let body = TokenBody::from_caller(text).unwrap();
        assert_eq!(body.project_id(), Some("p"));
        assert!(body.is_admin());
        assert_eq!(body.expires_at.unwrap().to_string(), "2026-11-22 16:41:17");
    }
}
