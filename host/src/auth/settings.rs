//! The settings of `[auth]`.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    clock::SystemClock,
    domain::{Secret, hidden_option},
    openstack::keystone::Tls,
};

use super::{Authenticator, SettingsError};

/// How callers prove who they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Not at all: everybody is the same caller.
    #[default]
    None,
    /// By a Keystone token in `X-Auth-Token`.
    Keystone,
    /// By an OpenID provider's token, in Keycloak's layout, in `X-Auth-Token` or as `Authorization: Bearer`.
    Oidc,
}

/// `[auth]`: who may call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How callers prove who they are: `none`, `keystone` or `oidc`; default `none`.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The Keystone that issues callers' tokens.
    pub keystone: KeystoneSettings,
    /// The OpenID provider that issues callers' tokens.
    pub oidc: OidcSettings,
}

impl Settings {
    /// The first thing that keeps these settings from being used; reads the CA file, and asks nobody.
    #[must_use]
    pub fn fault(&self) -> Option<SettingsError> {
        Authenticator::new(self, Arc::new(SystemClock)).err()
    }
}

/// `[auth.keystone]`: the Keystone that issues callers' tokens, and the service user who asks it about them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeystoneSettings {
    /// Its URL, with or without `/v3`; needed with `type = "keystone"`.
    pub auth_url: Option<String>,
    /// The service user's name; default none. The user needs the role `service` (or `admin`) in its
    /// project, so that it may ask about tokens.
    pub username: Option<String>,
    /// The service user's password; default none.
    #[serde(with = "hidden_option")]
    #[schemars(with = "Option<String>")]
    pub password: Option<Secret>,
    /// The domain of the service user, by name; default `Default`.
    pub user_domain_name: String,
    /// The project of the service user, by name; default `service`.
    pub project_name: String,
    /// The domain of that project, by name; default `Default`.
    pub project_domain_name: String,
    /// An application credential's id, in place of user name and password; default none.
    pub application_credential_id: Option<String>,
    /// The application credential's secret; default none.
    #[serde(with = "hidden_option")]
    #[schemars(with = "Option<String>")]
    pub application_credential_secret: Option<Secret>,
    /// Whether callers' triggers that name no target cloud work on this Keystone's cloud, by trusts that callers give the
    /// service user; default true. Needs `username` and `password`: Keystone lets no application credential use a trust.
    pub trusts: bool,
    /// A PEM file of certificate authorities for it, besides the system's; default none.
    pub ca_file: Option<PathBuf>,
    /// Whether its certificate goes unchecked; default false.
    pub insecure: bool,
    /// Seconds for which a verified token is believed without asking again, and so the longest that one goes on after
    /// it was revoked while Keystone answers; 0 asks about every request. Default 60.
    pub cache_secs: u64,
    /// The most seconds that a caller waits for Keystone, before a 503; default 10.
    pub timeout_secs: u64,
}

impl Default for KeystoneSettings {
    fn default() -> Self {
        Self {
            auth_url: None,
            username: None,
            password: None,
            user_domain_name: "Default".to_owned(),
            project_name: "service".to_owned(),
            project_domain_name: "Default".to_owned(),
            application_credential_id: None,
            application_credential_secret: None,
            trusts: true,
            ca_file: None,
            insecure: false,
            cache_secs: 60,
            timeout_secs: 10,
        }
    }
}

impl KeystoneSettings {
    pub(super) fn url(&self) -> Option<Url> {
        Url::parse(self.auth_url.as_deref()?).ok()
    }
}

/// `[auth.oidc]`: the OpenID provider that issues callers' tokens, in Keycloak's layout: a realm is a project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OidcSettings {
    /// The URL below which its realms are, as `/realms/REALM`, and with which tokens' `iss` begins: `https://sso.example`
    /// or `https://sso.example/auth`; needed with `type = "oidc"`.
    pub issuer_url: Option<String>,
    /// The audiences of which a token's `aud` must have one; needed with `type = "oidc"`.
    pub audience: Vec<String>,
    /// The realms whose tokens are accepted; default none, which is every realm below the URL.
    pub realms: Vec<String>,
    /// A PEM file of certificate authorities for it, besides the system's; default none.
    pub ca_file: Option<PathBuf>,
    /// Whether its certificate goes unchecked; default false.
    pub insecure: bool,
    /// Seconds by which its clock and the host's may differ; default 30.
    pub leeway_secs: u64,
    /// Seconds after which a realm's keys are fetched again, so that what a removed key has signed is refused; default
    /// 300. While the provider is away they are used for up to a day.
    pub keys_max_age_secs: u64,
}

impl Default for OidcSettings {
    fn default() -> Self {
        Self {
            issuer_url: None,
            audience: Vec::new(),
            realms: Vec::new(),
            ca_file: None,
            insecure: false,
            leeway_secs: 30,
            keys_max_age_secs: 300,
        }
    }
}

/// How a server that the operator names is known, and the CA certificates in `ca_file`; or what is wrong with that file.
pub(super) fn tls(ca_file: Option<&Path>, insecure: bool) -> Result<(Tls, Option<String>), String> {
    let read = |path: &Path| {
        fs::read_to_string(path)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))
    };
    let ca_cert = ca_file.map(read).transpose()?;
    let tls = Tls::new(ca_cert.as_deref(), insecure).map_err(|bad| bad.to_string())?;
    Ok((tls, ca_cert))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_and_never_shown() {
        let settings: Settings =
            toml::from_str("type = 'keystone'\n[keystone]\npassword = 's3cr3t'").unwrap();
        assert_eq!(settings.kind, Kind::Keystone);
        assert_eq!(
            settings.keystone.password.clone().unwrap().expose(),
            "s3cr3t"
        );
        assert!(!format!("{settings:?}").contains("s3cr3t"));
        assert!(!serde_json::to_string(&settings).unwrap().contains("s3cr3t"));
    }

    #[test]
    fn unknown_settings_are_refused() {
        assert!(toml::from_str::<Settings>("type = 'ldap'").is_err());
        assert!(toml::from_str::<Settings>("[keystone]\npasword = 'x'").is_err());
    }
}
