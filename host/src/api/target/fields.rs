//! The fields of a target cloud, under all their names.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{super::error::ApiError, wrong};
use crate::domain::{Secret, private_json, wipe};

macro_rules! fields {
    ($($variant:ident: $header:literal, [$first:literal $(, $alias:literal)*];)*) => {
        /// One field of a target cloud.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Field { $($variant,)* }

        impl Field {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its header; empty for what only `os.auth` takes.
            pub(super) const fn header(self) -> &'static str {
                match self { $(Self::$variant => $header,)* }
            }

            const fn names(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$first $(, $alias)*],)* }
            }
        }
    };
}

fields! {
    AuthUrl: "X-Target-Auth-Uri", ["auth_url", "auth_uri"];
    AuthToken: "X-Target-Auth-Token", ["auth_token"];
    ProjectId: "X-Target-Project-Id", ["project_id"];
    UserId: "X-Target-User-Id", ["user_id"];
    UserName: "X-Target-User-Name", ["username", "user_name"];
    Region: "X-Target-Region-Name", ["region_name", "region"];
    Insecure: "X-Target-Insecure", ["insecure"];
    ServiceCatalog: "X-Target-Service-Catalog", ["service_catalog"];
    CaCert: "X-Target-Ca-Cert", ["ca_cert"];
    UserDomainName: "X-Target-User-Domain-Name", ["user_domain_name"];
    ProjectDomainName: "X-Target-Project-Domain-Name", ["project_domain_name"];
    UserDomainId: "", ["user_domain_id"];
    ProjectDomainId: "", ["project_domain_id"];
    ProjectName: "", ["project_name"];
    Password: "", ["password"];
    ApplicationCredentialId: "", ["application_credential_id"];
    ApplicationCredentialSecret: "", ["application_credential_secret"];
}

impl Field {
    /// The field that a header carries, whatever the case of its name.
    pub(super) fn of_header(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|field| field.header().eq_ignore_ascii_case(name))
    }

    /// The field that a member of `os.auth` carries: by its own name or by the header's.
    pub(super) fn of_member(key: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|field| field.names().contains(&key))
            .or_else(|| Self::of_header(key))
    }

    /// Headers that the stock client sends and that say nothing about a token.
    pub(super) const fn is_ignored_header(self) -> bool {
        matches!(self, Self::UserDomainName | Self::ProjectDomainName)
    }

    /// The names of all headers.
    pub(super) fn headers() -> Vec<&'static str> {
        let headers = Self::ALL.iter().map(|field| field.header());
        headers.filter(|header| !header.is_empty()).collect()
    }

    /// The first names of all members of `os.auth`.
    pub(super) fn members() -> Vec<&'static str> {
        let names = Self::ALL.iter().filter_map(|field| field.names().first());
        names.copied().collect()
    }

    /// Whether an empty value is a mistake rather than another way of leaving it out.
    const fn must_be_filled(self) -> bool {
        matches!(
            self,
            Self::AuthUrl
                | Self::AuthToken
                | Self::Insecure
                | Self::ServiceCatalog
                | Self::CaCert
                | Self::Password
                | Self::ApplicationCredentialId
                | Self::ApplicationCredentialSecret
        )
    }
}

/// A value as the caller gave it. It is zeroed on drop and does not print.
pub(super) struct Given {
    pub(super) field: Field,
    name: String,
    text: Zeroizing<String>,
}

impl Given {
    pub(super) fn text(field: Field, name: String, text: String) -> Self {
        Self {
            field,
            name,
            text: Zeroizing::new(text),
        }
    }

    /// A member of `os.auth`; none when it is null.
    pub(super) fn member(
        field: Field,
        name: String,
        value: Value,
    ) -> Result<Option<Self>, ApiError> {
        let text = match (field, value) {
            (_, Value::Null) => return Ok(None),
            (_, Value::String(text)) => text,
            (Field::Insecure, Value::Bool(flag)) => flag.to_string(),
            (Field::ServiceCatalog, value @ (Value::Object(_) | Value::Array(_))) => {
                let json = private_json(&value);
                wipe(value);
                let mut json = json.expect("a JSON value has a form in JSON");
                String::from_utf8(std::mem::take(&mut *json)).expect("JSON is UTF-8")
            }
            (Field::Insecure, value) => {
                wipe(value);
                return Err(wrong(&name, "must be true or false."));
            }
            (Field::ServiceCatalog, value) => {
                wipe(value);
                return Err(wrong(&name, "must be a token body, or base64 of one."));
            }
            (_, value) => {
                wipe(value);
                return Err(wrong(&name, "must be a string."));
            }
        };
        Ok(Some(Self::text(field, name, text)))
    }

    /// How the caller names it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// False for an empty value that is another way of leaving the field out.
    pub(super) fn is_meant(&self) -> bool {
        !self.text.is_empty() || self.field.must_be_filled()
    }

    pub(super) fn as_text(&self) -> &str {
        &self.text
    }

    pub(super) fn into_text(mut self) -> String {
        std::mem::take(&mut *self.text)
    }

    pub(super) fn into_secret(self) -> Secret {
        Secret::new(self.into_text())
    }
}

/// The text that base64 holds.
pub(super) fn from_base64(text: &str) -> Option<Zeroizing<String>> {
    let mut compact = Zeroizing::new(String::with_capacity(text.len()));
    compact.extend(text.chars().filter(|c| !c.is_ascii_whitespace()));
    let mut bytes = Zeroizing::new(STANDARD.decode(&*compact).ok()?);
    String::from_utf8(std::mem::take(&mut *bytes))
        .map(Zeroizing::new)
        .map_err(|error| Zeroizing::new(error.into_bytes()))
        .ok()
}
