//! The real clouds that `scripts/cloud` brought up, and users of a test's own on them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{unique, wait};

/// A user that every cloud has.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// The user's name, in the default domain.
    pub username: String,
    /// The user's password.
    pub password: String,
    /// The project in which the user has a role.
    pub project_name: String,
    /// That project's id.
    pub project_id: String,
}

#[derive(Debug, Deserialize)]
struct Description {
    name: String,
    region: String,
    auth_url: String,
    ca_file: Option<String>,
    users: BTreeMap<String, User>,
}

/// One cloud.
#[derive(Clone, Debug)]
pub struct Cloud {
    description: Arc<Description>,
    admin: User,
    ca_pem: Option<String>,
    http: reqwest::Client,
}

impl Cloud {
    /// The cloud with plain HTTP and every service.
    pub fn a() -> Result<Self> {
        Self::load("A")
    }

    /// The cloud with TLS under its own CA.
    pub fn b() -> Result<Self> {
        Self::load("B")
    }

    /// A cloud that is a Keystone without TLS and no other service.
    pub fn of_keystone(auth_url: &str, admin_password: &str) -> Result<Self> {
        let admin = User {
            username: "admin".into(),
            password: admin_password.into(),
            project_name: "admin".into(),
            project_id: String::new(),
        };
        let description = Description {
            name: "K".into(),
            region: "RegionK".into(),
            auth_url: auth_url.into(),
            ca_file: None,
            users: BTreeMap::new(),
        };
        Ok(Self {
            description: Arc::new(description),
            admin,
            ca_pem: None,
            http: crate::http_client(None)?,
        })
    }

    fn load(name: &str) -> Result<Self> {
        let clouds = std::env::var_os("ZONDA_CLOUDS")
            .map_or_else(|| crate::state_folder().join("clouds"), PathBuf::from);
        let path = clouds.join(name).join("cloud.json");
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("{} is missing: run scripts/cloud up --all", path.display())
        })?;
        let description: Description = serde_json::from_str(&text)?;
        let admin = description
            .users
            .get("admin")
            .context("the cloud has no admin")?
            .clone();
        let ca_pem = description
            .ca_file
            .as_ref()
            .map(std::fs::read_to_string)
            .transpose()?;
        let http = crate::http_client(ca_pem.as_deref())?;
        Ok(Self {
            description: Arc::new(description),
            admin,
            ca_pem,
            http,
        })
    }

    /// `A` or `B`.
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// The cloud's only region.
    pub fn region(&self) -> &str {
        &self.description.region
    }

    /// Keystone's address, with its version.
    pub fn auth_url(&self) -> &str {
        &self.description.auth_url
    }

    /// The path of the CA that signed the cloud's certificates.
    pub fn ca_file(&self) -> Option<&str> {
        self.description.ca_file.as_deref()
    }

    /// The CA's certificate.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The admin.
    pub fn admin(&self) -> &User {
        &self.admin
    }

    /// Makes a project and a user with the role `member` in it, known to nobody else.
    pub async fn tenant(&self) -> Result<Tenant> {
        self.tenant_with(&["member"]).await
    }

    /// Makes a project and a user with these roles in it.
    pub async fn tenant_with(&self, roles: &[&str]) -> Result<Tenant> {
        let admin = self.admin_token().await?;
        let (project_name, user_name, password) =
            (unique("project"), unique("user"), unique("password"));
        let project_id = self
            .make(
                &admin,
                "project",
                json!({ "name": project_name, "domain_id": "default" }),
            )
            .await?;
        let user = json!({ "name": user_name, "domain_id": "default", "password": password, "default_project_id": project_id });
        let user_id = self.make(&admin, "user", user).await?;
        for role in roles {
            let found = self
                .identity(&admin, Method::GET, &format!("/roles?name={role}"), None)
                .await?;
            let role_id = found["roles"][0]["id"]
                .as_str()
                .with_context(|| format!("no role {role}"))?;
            let path = format!("/projects/{project_id}/users/{user_id}/roles/{role_id}");
            self.identity(&admin, Method::PUT, &path, None).await?;
        }
        Ok(Tenant {
            cloud: self.clone(),
            project_id,
            project_name,
            user_id,
            user_name,
            password,
        })
    }

    /// A token of the admin.
    pub async fn admin_token(&self) -> Result<Token> {
        let identity = by_password(&self.admin.username, &self.admin.password);
        let scope = json!({ "project": in_default_domain(&self.admin.project_name) });
        self.authenticate(identity, Some(scope)).await
    }

    /// A token of an application credential.
    pub async fn token_by_credential(&self, id: &str, secret: &str) -> Result<Token> {
        let identity = json!({
            "methods": ["application_credential"],
            "application_credential": { "id": id, "secret": secret },
        });
        self.authenticate(identity, None).await
    }

    async fn authenticate(&self, identity: Value, scope: Option<Value>) -> Result<Token> {
        let mut auth = json!({ "identity": identity });
        if let Some(scope) = scope {
            auth["scope"] = scope;
        }
        let request = self
            .http
            .post(format!("{}/auth/tokens", self.auth_url()))
            .json(&json!({ "auth": auth }));
        let response = request.send().await?;
        let status = response.status();
        ensure!(
            status == 201,
            "Keystone answered {status}: {}",
            response.text().await?
        );
        let secret = response
            .headers()
            .get("x-subject-token")
            .context("Keystone sent no token")?
            .to_str()?
            .to_owned();
        Ok(Token {
            secret,
            body: response.json().await?,
        })
    }

    /// A call to Keystone's own API; any status but success is an error.
    pub async fn identity(
        &self,
        token: &Token,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value> {
        self.call(token, method, &format!("{}{path}", self.auth_url()), body)
            .await
    }

    /// A call to a service as the catalog of `token` names it.
    pub async fn service(
        &self,
        token: &Token,
        method: Method,
        kind: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value> {
        let endpoint = token.endpoint(kind)?;
        self.call(token, method, &format!("{endpoint}{path}"), body)
            .await
    }

    /// A Heat template that needs no other service.
    pub fn template() -> Value {
        json!({ "heat_template_version": "2018-08-31", "resources": { "random": { "type": "OS::Heat::RandomString" } } })
    }

    /// Makes a stack directly, not through Zonda.
    pub async fn create_stack(&self, token: &Token, name: &str) -> Result<()> {
        let body = json!({ "stack_name": name, "template": Self::template() });
        self.service(token, Method::POST, "orchestration", "/stacks", Some(body))
            .await?;
        Ok(())
    }

    async fn call(
        &self,
        token: &Token,
        method: Method,
        url: &str,
        body: Option<Value>,
    ) -> Result<Value> {
        let mut request = self
            .http
            .request(method.clone(), url)
            .header("X-Auth-Token", &token.secret);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let (status, text) = (response.status(), response.text().await?);
        ensure!(
            status.is_success(),
            "{method} {url} answered {status}: {text}"
        );
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn make(&self, admin: &Token, kind: &str, fields: Value) -> Result<String> {
        let made = self
            .identity(
                admin,
                Method::POST,
                &format!("/{kind}s"),
                Some(json!({ kind: fields })),
            )
            .await?;
        Ok(made[kind]["id"]
            .as_str()
            .with_context(|| format!("Keystone made no {kind}"))?
            .to_owned())
    }
}

/// A user in a project.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Where they are.
    pub cloud: Cloud,
    /// The project's id.
    pub project_id: String,
    /// The project's name, in the default domain.
    pub project_name: String,
    /// The user's id.
    pub user_id: String,
    /// The user's name, in the default domain.
    pub user_name: String,
    /// The user's password.
    pub password: String,
}

impl Tenant {
    /// A token scoped to the project.
    pub async fn token(&self) -> Result<Token> {
        let scope = json!({ "project": { "id": self.project_id } });
        self.cloud
            .authenticate(by_password(&self.user_name, &self.password), Some(scope))
            .await
    }

    /// A token for the default domain, in which the user gets the role `reader`.
    pub async fn domain_token(&self) -> Result<Token> {
        let scope = json!({ "domain": { "id": "default" } });
        self.token_as_reader("/domains/default", scope).await
    }

    /// A token for the whole system, in which the user gets the role `reader`.
    pub async fn system_token(&self) -> Result<Token> {
        let scope = json!({ "system": { "all": true } });
        self.token_as_reader("/system", scope).await
    }

    async fn token_as_reader(&self, place: &str, scope: Value) -> Result<Token> {
        let (cloud, admin) = (&self.cloud, self.cloud.admin_token().await?);
        let found = cloud
            .identity(&admin, Method::GET, "/roles?name=reader", None)
            .await?;
        let role = found["roles"][0]["id"].as_str().context("no role reader")?;
        let path = format!("{place}/users/{}/roles/{role}", self.user_id);
        cloud.identity(&admin, Method::PUT, &path, None).await?;
        cloud
            .authenticate(by_password(&self.user_name, &self.password), Some(scope))
            .await
    }

    /// A token for the project of `trustor`, who trusts this user with the role `member`.
    pub async fn token_by_trust_of(&self, trustor: &Self) -> Result<Token> {
        let trust = json!({ "trust": {
            "trustor_user_id": trustor.user_id, "trustee_user_id": self.user_id,
            "project_id": trustor.project_id, "impersonation": true, "roles": [{ "name": "member" }],
        }});
        let token = trustor.token().await?;
        let made = self
            .cloud
            .identity(&token, Method::POST, "/OS-TRUST/trusts", Some(trust))
            .await?;
        let scope = json!({ "OS-TRUST:trust": { "id": made["trust"]["id"] } });
        self.cloud
            .authenticate(by_password(&self.user_name, &self.password), Some(scope))
            .await
    }

    /// A token that has no scope and so no catalog.
    pub async fn unscoped_token(&self) -> Result<Token> {
        self.cloud
            .authenticate(
                by_password(&self.user_name, &self.password),
                Some(json!("unscoped")),
            )
            .await
    }

    /// Makes an application credential: its id and its secret.
    pub async fn application_credential(&self) -> Result<(String, String)> {
        let token = self.token().await?;
        let path = format!("/users/{}/application_credentials", self.user_id);
        let body = json!({ "application_credential": { "name": unique("credential") } });
        let made = self
            .cloud
            .identity(&token, Method::POST, &path, Some(body))
            .await?;
        let field = |name: &str| {
            made["application_credential"][name]
                .as_str()
                .map(str::to_owned)
        };
        Ok((
            field("id").context("no id")?,
            field("secret").context("no secret")?,
        ))
    }

    /// Makes a token worthless, as if it had expired.
    pub async fn revoke(&self, token: &Token) -> Result<()> {
        let request = self
            .cloud
            .http
            .delete(format!("{}/auth/tokens", self.cloud.auth_url()));
        let response = request
            .header("X-Auth-Token", &token.secret)
            .header("X-Subject-Token", &token.secret)
            .send()
            .await?;
        ensure!(
            response.status() == 204,
            "Keystone does not revoke: {}",
            response.status()
        );
        // The first request after it may still meet Keystone's cache.
        wait::until("Keystone refuses the token", || async {
            Ok(self
                .cloud
                .identity(token, Method::GET, "/auth/catalog", None)
                .await
                .err())
        })
        .await?;
        Ok(())
    }

    /// The `X-Target-*` headers that make this user's cloud the target, with its CA.
    pub fn target_headers(&self, token: &Token) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("X-Target-Auth-Uri", self.cloud.auth_url().to_owned()),
            ("X-Target-Auth-Token", token.secret.clone()),
            ("X-Target-Project-Id", self.project_id.clone()),
            ("X-Target-Region-Name", self.cloud.region().to_owned()),
        ];
        if let Some(pem) = self.cloud.ca_pem() {
            headers.push(("X-Target-Ca-Cert", base64(pem)));
        }
        headers
    }

    /// The `os.auth` that makes this user's cloud the target by password.
    pub fn os_auth(&self) -> Value {
        let mut auth = self.os_auth_base();
        auth["username"] = json!(self.user_name);
        auth["password"] = json!(self.password);
        auth["user_domain_name"] = json!("Default");
        auth["project_id"] = json!(self.project_id);
        auth
    }

    /// The `os.auth` that makes this user's cloud the target by an application credential.
    pub fn application_credential_os_auth(&self, id: &str, secret: &str) -> Value {
        let mut auth = self.os_auth_base();
        auth["application_credential_id"] = json!(id);
        auth["application_credential_secret"] = json!(secret);
        auth
    }

    /// What every form of `os.auth` for this cloud has: URL, region and CA.
    pub fn os_auth_base(&self) -> Value {
        let mut auth =
            json!({ "auth_url": self.cloud.auth_url(), "region_name": self.cloud.region() });
        if let Some(pem) = self.cloud.ca_pem() {
            auth["ca_cert"] = json!(pem);
        }
        auth
    }
}

/// A Keystone token, and what Keystone said of it.
#[derive(Clone, Debug)]
pub struct Token {
    /// What `X-Auth-Token` carries.
    pub secret: String,
    /// `{"token": {…}}` with the catalog.
    pub body: Value,
}

impl Token {
    /// The public endpoint of a service type.
    pub fn endpoint(&self, kind: &str) -> Result<String> {
        let catalog = self.body["token"]["catalog"]
            .as_array()
            .context("the token has no catalog")?;
        let service = catalog.iter().find(|service| service["type"] == kind);
        let endpoints = service.and_then(|service| service["endpoints"].as_array());
        let public = endpoints.and_then(|all| {
            all.iter()
                .find(|endpoint| endpoint["interface"] == "public")
        });
        let url = public.and_then(|endpoint| endpoint["url"].as_str());
        Ok(url
            .with_context(|| format!("no endpoint of type {kind}"))?
            .to_owned())
    }

    /// The value of `X-Target-Service-Catalog`: the token's body in base64.
    pub fn catalog_header(&self) -> String {
        base64(&self.body["token"].to_string())
    }
}

/// Standard base64 of a text.
pub fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn in_default_domain(name: &str) -> Value {
    json!({ "name": name, "domain": { "id": "default" } })
}

fn by_password(username: &str, password: &str) -> Value {
    let mut user = in_default_domain(username);
    user["password"] = json!(password);
    json!({ "methods": ["password"], "password": { "user": user } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_cloud_gives_a_test_its_own_user_token_credential_and_stack() -> Result<()> {
        for cloud in [Cloud::a()?, Cloud::b()?] {
            let tenant = cloud.tenant().await?;
            let token = tenant.token().await?;
            cloud.create_stack(&token, &unique("stack")).await?;
            let listed = cloud
                .service(&token, Method::GET, "orchestration", "/stacks", None)
                .await?;
            assert_eq!(listed["stacks"].as_array().map(Vec::len), Some(1));

            tenant.application_credential().await?;
            assert!(tenant.unscoped_token().await?.endpoint("image").is_err());
            tenant.revoke(&token).await?;
            // Each process of Keystone hears of it in its own time.
            wait::until("the token is refused", async || {
                let refused = cloud.identity(&token, Method::GET, "/auth/catalog", None);
                Ok(refused.await.is_err().then_some(()))
            })
            .await?;
        }
        Ok(())
    }
}
