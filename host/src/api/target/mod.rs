//! The target cloud of a request: from `X-Target-*` headers or from `os.auth`, or a 400 that names the field.
//!
//! URL and exactly one credential, or nothing at all: an execution is never made on another cloud than the one meant.

mod catalog;
mod fields;
#[cfg(test)]
mod tests;

use axum::http::HeaderMap;
use serde_json::Value;
use url::Url;

use self::fields::{Field, Given};
use super::{error::ApiError, json_text::JsonObject};
use crate::{
    auth::Caller,
    domain::{Credential, CustomContext, PrivateObject, TargetCloud, wipe},
};

/// The longest unknown key that a refusal repeats: what is longer may be a token in the wrong place.
const LONGEST_SHOWN_KEY: usize = 32;

/// The key of a custom context under which the target cloud comes.
const OS_AUTH: &str = "os.auth";

/// What a request says about its target cloud, and the custom context that remains.
#[derive(Debug)]
pub(crate) struct Target {
    /// The cloud that the request names; none when it names none.
    pub(crate) cloud: Option<TargetCloud>,
    /// The custom context without `os.auth`.
    pub(crate) custom_context: Option<CustomContext>,
}

impl Target {
    /// What a request that starts something says: where it names no cloud, its caller's own, if there is one.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub(crate) fn of_request(
        headers: &HeaderMap,
        custom_context: Option<JsonObject>,
        caller: &Caller,
    ) -> Result<Self, ApiError> {
        let custom_context = custom_context.map(|context| PrivateObject::new(context.0));
        let mut target = Self::take(headers, custom_context)?;
        target.cloud = target.cloud.or_else(|| caller.home.clone());
        Ok(target)
    }

    /// Reads the headers, and takes `os.auth` out of `custom_context`.
    ///
    /// # Errors
    /// A 400 that says which field is wrong and what would be right.
    pub(crate) fn take(
        headers: &HeaderMap,
        custom_context: Option<PrivateObject>,
    ) -> Result<Self, ApiError> {
        let from_headers = from_headers(headers)?;
        let mut custom_context = custom_context;
        let os_auth = custom_context
            .as_mut()
            .and_then(|context| context.take(OS_AUTH));
        let cloud = match (from_headers, os_auth) {
            (Some(first), Some(os_auth)) => {
                wipe(os_auth);
                return Err(ApiError::bad_request(format!(
                    "{}: the target cloud comes by X-Target-* headers or by custom_context[\"os.auth\"], not by both; \
                     leave one of them out.",
                    first.first().map_or("X-Target-*", Given::name)
                )));
            }
            (Some(given), None) => Some(target_cloud(given, "X-Target-Auth-Uri")?),
            (None, Some(os_auth)) => from_os_auth(os_auth)?,
            (None, None) => None,
        };
        Ok(Self {
            cloud,
            custom_context: custom_context.as_ref().map(CustomContext::new),
        })
    }
}

fn from_headers(headers: &HeaderMap) -> Result<Option<Vec<Given>>, ApiError> {
    let mut given: Vec<Given> = Vec::new();
    for (name, value) in headers {
        if !name.as_str().starts_with("x-target-") {
            continue;
        }
        let Some(field) = Field::of_header(name.as_str()) else {
            return Err(ApiError::bad_request(format!(
                "{name}: there is no such header; known are {}.",
                Field::headers().join(", ")
            )));
        };
        if field.is_ignored_header() {
            continue;
        }
        let shown = field.header();
        if given.iter().any(|other| other.field == field) {
            return Err(wrong(shown, "is given twice."));
        }
        let text = value
            .to_str()
            .map_err(|_| wrong(shown, "must be printable ASCII."))?;
        given.push(Given::text(field, shown.to_owned(), text.to_owned()));
    }
    given.retain(Given::is_meant);
    Ok((!given.is_empty()).then_some(given))
}

fn from_os_auth(os_auth: Value) -> Result<Option<TargetCloud>, ApiError> {
    let Value::Object(members) = os_auth else {
        wipe(os_auth);
        return Err(wrong(OS_AUTH, "must be an object."));
    };
    let names: Vec<String> = members.keys().cloned().collect();
    let mut members = PrivateObject::new(members);
    let mut given: Vec<Given> = Vec::new();
    for key in names {
        let value = members.take(&key).unwrap_or_default();
        let Some(field) = Field::of_member(&key) else {
            wipe(value);
            let shown = if key.len() <= LONGEST_SHOWN_KEY {
                format!("unknown key \"{key}\"")
            } else {
                "an unknown key of great length".to_owned()
            };
            return Err(ApiError::bad_request(format!(
                "os.auth: {shown}; known are {}, and the names of the X-Target-* headers.",
                Field::members().join(", ")
            )));
        };
        let name = format!("{OS_AUTH}.{key}");
        if let Some(other) = given.iter().find(|other| other.field == field) {
            return Err(wrong(
                &name,
                &format!("is the same as {}; give one of them.", other.name()),
            ));
        }
        if let Some(member) = Given::member(field, name, value)? {
            given.push(member);
        }
    }
    given.retain(Given::is_meant);
    if given.is_empty() {
        return Err(wrong(
            OS_AUTH,
            "is empty; give auth_url and one credential, or leave it out.",
        ));
    }
    target_cloud(given, "os.auth.auth_url").map(Some)
}

/// A 400 of the form `NAME: FAULT`. The value is never repeated.
fn wrong(name: &str, fault: &str) -> ApiError {
    ApiError::bad_request(format!("{name}: {fault}"))
}

fn take(given: &mut Vec<Given>, field: Field) -> Option<Given> {
    let at = given.iter().position(|given| given.field == field)?;
    Some(given.swap_remove(at))
}

fn take_text(given: &mut Vec<Given>, field: Field) -> Option<String> {
    take(given, field).map(Given::into_text)
}

fn target_cloud(mut given: Vec<Given>, url_name: &str) -> Result<TargetCloud, ApiError> {
    let first = given
        .first()
        .map_or_else(String::new, |given| given.name().to_owned());
    let Some(auth_url) = take(&mut given, Field::AuthUrl) else {
        return Err(wrong(
            url_name,
            &format!(
                "is missing beside {first}; a target cloud needs its Keystone's URL and one credential, or leave all \
                 target values out."
            ),
        ));
    };
    let auth_url = parse_url(&auth_url)?;
    let region = take_text(&mut given, Field::Region);
    let project_id = take_text(&mut given, Field::ProjectId);
    let insecure = match take(&mut given, Field::Insecure) {
        Some(flag) => parse_flag(&flag)?,
        None => false,
    };
    let ca_cert = match take(&mut given, Field::CaCert) {
        Some(pem) => Some(parse_pem(&pem)?),
        None => None,
    };
    let catalog = match take(&mut given, Field::ServiceCatalog) {
        Some(catalog) => Some(catalog::parse(&catalog)?),
        None => None,
    };
    let identity = Identity {
        user_id: take_text(&mut given, Field::UserId),
        user_name: take_text(&mut given, Field::UserName),
        has_project_id: project_id.is_some(),
    };
    let credential = credential(&mut given, &identity, url_name)?;
    Ok(TargetCloud {
        auth_url,
        credential,
        region,
        project_id,
        user_id: identity.user_id,
        user_name: identity.user_name,
        ca_cert,
        insecure,
        catalog,
        is_target: true,
    })
}

struct Identity {
    user_id: Option<String>,
    user_name: Option<String>,
    has_project_id: bool,
}

fn credential(
    given: &mut Vec<Given>,
    identity: &Identity,
    url_name: &str,
) -> Result<Credential, ApiError> {
    let token = take(given, Field::AuthToken);
    let password = take(given, Field::Password);
    let credential_id = take(given, Field::ApplicationCredentialId);
    let credential_secret = take(given, Field::ApplicationCredentialSecret);
    let first_of_pair = credential_id.as_ref().or(credential_secret.as_ref());
    let kinds: Vec<&str> = [token.as_ref(), password.as_ref(), first_of_pair]
        .into_iter()
        .flatten()
        .map(Given::name)
        .collect();
    if let [first, second, ..] = kinds.as_slice() {
        return Err(wrong(
            second,
            &format!("comes beside {first}; give exactly one credential."),
        ));
    }
    let empty = [&token, &password, &credential_id, &credential_secret]
        .into_iter()
        .flatten()
        .find(|given| given.as_text().is_empty());
    if let Some(empty) = empty {
        return Err(wrong(empty.name(), "is empty."));
    }
    if let Some(token) = token {
        return Ok(Credential::Token(token.into_secret()));
    }
    if let Some(password) = password {
        return password_credential(given, identity, password);
    }
    match (credential_id, credential_secret) {
        (Some(id), Some(secret)) => Ok(Credential::ApplicationCredential {
            id: id.into_text(),
            secret: secret.into_secret(),
        }),
        (Some(id), None) => Err(wrong(
            id.name(),
            "comes without application_credential_secret.",
        )),
        (None, Some(secret)) => Err(wrong(
            secret.name(),
            "comes without application_credential_id.",
        )),
        (None, None) if url_name == Field::AuthUrl.header() => Err(wrong(
            Field::AuthToken.header(),
            "is missing beside X-Target-Auth-Uri; give a token for that cloud, or leave all X-Target-* headers out.",
        )),
        (None, None) => Err(wrong(
            "os.auth.auth_token",
            "is missing beside the URL; give auth_token, or password with username, or application_credential_id with \
             application_credential_secret.",
        )),
    }
}

fn password_credential(
    given: &mut Vec<Given>,
    identity: &Identity,
    password: Given,
) -> Result<Credential, ApiError> {
    let project_name = take_text(given, Field::ProjectName);
    if identity.user_name.is_none() && identity.user_id.is_none() {
        return Err(wrong(
            password.name(),
            "comes without username; give username or user_id.",
        ));
    }
    if project_name.is_none() && !identity.has_project_id {
        return Err(wrong(
            password.name(),
            "comes without a project; give project_name or project_id.",
        ));
    }
    Ok(Credential::Password {
        username: identity.user_name.clone(),
        user_id: identity.user_id.clone(),
        user_domain_name: take_text(given, Field::UserDomainName),
        user_domain_id: take_text(given, Field::UserDomainId),
        password: password.into_secret(),
        project_name,
        project_domain_name: take_text(given, Field::ProjectDomainName),
        project_domain_id: take_text(given, Field::ProjectDomainId),
    })
}

fn parse_url(given: &Given) -> Result<Url, ApiError> {
    let url = Url::parse(given.as_text().trim()).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|h| !h.is_empty())
    });
    let Some(url) = url else {
        return Err(wrong(
            given.name(),
            "must be Keystone's http or https URL, such as https://keystone.example:5000/v3.",
        ));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            given.name(),
            "must not hold a user or a password; give them as fields of their own.",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(
            given.name(),
            "must end with its path: without `?` and `#`.",
        ));
    }
    Ok(url)
}

fn parse_flag(given: &Given) -> Result<bool, ApiError> {
    match given.as_text() {
        "True" | "true" => Ok(true),
        "False" | "false" => Ok(false),
        _ => Err(wrong(given.name(), "must be True or False.")),
    }
}

fn parse_pem(given: &Given) -> Result<String, ApiError> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    let text = given.as_text();
    let pem = if text.contains(BEGIN) {
        text.to_owned()
    } else {
        fields::from_base64(text)
            .map(|pem| pem.to_string())
            .filter(|pem| pem.contains(BEGIN))
            .ok_or_else(|| {
                let right = if given.name() == Field::CaCert.header() {
                    "must be base64 of certificates in PEM."
                } else {
                    "must be certificates in PEM, or base64 of them."
                };
                wrong(given.name(), right)
            })?
    };
    if pem.matches(BEGIN).count() == pem.matches("-----END CERTIFICATE-----").count() {
        Ok(pem)
    } else {
        Err(wrong(
            given.name(),
            "must be certificates in PEM: one of them has no end.",
        ))
    }
}

/// The headers of a target cloud.
pub(crate) fn header_names() -> Vec<&'static str> {
    Field::headers()
}
