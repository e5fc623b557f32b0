//! The target cloud as it travels in `custom_context["os.auth"]`.

use serde_json::{Map, Value};

use super::{
    keystone_login::{self, Token},
    login::{Domain, Identity, Login, Named},
};

/// The `os.auth` for `login`: a token that this client got, with its catalog, or, with `passes_credential`, the
/// credential itself, so that the host can renew tokens on a long run.
///
/// # Errors
/// When the target's Keystone gives no token.
pub(super) async fn os_auth(
    login: &Login,
    passes_credential: bool,
) -> Result<Map<String, Value>, keystone_login::Error> {
    let mut auth = match &login.identity {
        Identity::Password { user, password } if passes_credential => {
            let mut auth = Map::new();
            put_named(&mut auth, user, "user_id", "username", "user_domain");
            put(&mut auth, "password", password.expose());
            if let Some(project) = &login.project {
                put_named(
                    &mut auth,
                    project,
                    "project_id",
                    "project_name",
                    "project_domain",
                );
            }
            auth
        }
        Identity::ApplicationCredential { id, secret } if passes_credential => {
            let mut auth = Map::new();
            put(&mut auth, "application_credential_id", id);
            put(&mut auth, "application_credential_secret", secret.expose());
            auth
        }
        Identity::Password { .. } | Identity::ApplicationCredential { .. } | Identity::Token(_) => {
            of_token(&keystone_login::login(login).await?)
        }
    };
    put(&mut auth, "auth_url", login.auth_url.as_str());
    if let Some(region) = &login.region {
        put(&mut auth, "region_name", region);
    }
    if let Some(pem) = &login.tls.ca_cert {
        put(&mut auth, "ca_cert", pem);
    }
    if login.tls.is_insecure {
        auth.insert("insecure".to_owned(), Value::Bool(true));
    }
    Ok(auth)
}

fn of_token(token: &Token) -> Map<String, Value> {
    let mut auth = Map::new();
    put(&mut auth, "auth_token", token.id.expose());
    for (member, pointer) in [("project_id", "/project/id"), ("user_id", "/user/id")] {
        if let Some(id) = token.body.pointer(pointer).and_then(Value::as_str) {
            put(&mut auth, member, id);
        }
    }
    // Mistral takes a catalog only in a token body, with `methods`.
    const MEMBERS: [&str; 6] = [
        "methods",
        "catalog",
        "expires_at",
        "project",
        "user",
        "roles",
    ];
    if token.body.get("catalog").is_some() {
        let body: Map<String, Value> = MEMBERS
            .iter()
            .filter_map(|member| Some(((*member).to_owned(), token.body.get(member)?.clone())))
            .collect();
        auth.insert("service_catalog".to_owned(), Value::Object(body));
    }
    auth
}

fn put(auth: &mut Map<String, Value>, member: &str, text: &str) {
    auth.insert(member.to_owned(), text.into());
}

fn put_named(
    auth: &mut Map<String, Value>,
    named: &Named,
    id_member: &str,
    name_member: &str,
    domain_member: &str,
) {
    match named {
        Named::Id(id) => put(auth, id_member, id),
        Named::Name(name, domain) => {
            put(auth, name_member, name);
            let (suffix, domain) = match domain {
                Domain::Id(id) => ("id", id),
                Domain::Name(name) => ("name", name),
            };
            put(auth, &format!("{domain_member}_{suffix}"), domain);
        }
    }
}
