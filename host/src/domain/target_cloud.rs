//! Where an execution works; never who called.

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Secret, TrustId, plain, plain_option};

/// The one credential with which the host acts on a target cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Credential {
    /// A scoped token that the caller got.
    Token(#[serde(with = "plain")] Secret),
    /// A user's password, with which the host gets and renews tokens.
    Password {
        /// The user's name, or none when the id is given.
        username: Option<String>,
        /// The user's id.
        user_id: Option<String>,
        /// The user's domain by name.
        user_domain_name: Option<String>,
        /// The user's domain by id; `default` where neither is given.
        user_domain_id: Option<String>,
        /// The password.
        #[serde(with = "plain")]
        password: Secret,
        /// The project's name, or none when the id is given.
        project_name: Option<String>,
        /// The project's domain by name.
        project_domain_name: Option<String>,
        /// The project's domain by id; `default` where neither is given.
        project_domain_id: Option<String>,
    },
    /// An application credential, with which the host gets and renews tokens.
    ApplicationCredential {
        /// Its id.
        id: String,
        /// Its secret.
        #[serde(with = "plain")]
        secret: Secret,
    },
    /// A trust that a caller gave the host's own user on the home cloud, with which the host gets tokens. Made by the host
    /// alone: no caller may name one.
    Trust(TrustId),
}

/// The OpenStack cloud that an execution works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetCloud {
    /// Keystone's URL, with or without `/v3`.
    pub auth_url: Url,
    /// How the host proves itself there.
    pub credential: Credential,
    /// The region of the endpoints; any when none.
    pub region: Option<String>,
    /// The project, where the caller named it; must be the token's.
    pub project_id: Option<String>,
    /// The user's id, where the caller named it.
    pub user_id: Option<String>,
    /// The user's name, where the caller named it.
    pub user_name: Option<String>,
    /// CA certificates in PEM that TLS to this cloud must chain to, besides the operator's.
    pub ca_cert: Option<String>,
    /// Whether TLS certificates go unchecked.
    pub insecure: bool,
    /// A token body or catalog as JSON that came with the request, which saves the identity call. Bodies of Keystone
    /// v2 have the token in them.
    #[serde(with = "plain_option")]
    pub catalog: Option<Secret>,
    /// False in legacy mode: the caller's own token on the host's own cloud.
    pub is_target: bool,
}
