//! A real OpenID provider of a test's own: npm's `oidc-provider` in Keycloak's layout, which `scripts/setup oidc` installs.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::host::Settings;
use crate::mistral::Mistral;
use crate::wait;

/// The provider's only client, which users log in with and which is a service account itself.
const CLIENT: [(&str, &str); 2] = [
    ("client_id", "zonda-cli"),
    ("client_secret", "zonda-cli-secret"),
];

/// What tokens are for, unless another resource is asked for.
pub const AUDIENCE: &str = "zonda";

/// A running provider; it ends with this value. Each realm has keys of its own, and the users `member` and `admin`, the
/// latter with the realm role `admin`.
#[derive(Debug)]
pub struct Provider {
    process: Child,
    url: String,
    http: reqwest::Client,
}

impl Provider {
    /// Starts a provider with these realms on a free port.
    pub async fn start(realms: &[&str]) -> Result<Self> {
        let modules = crate::state_folder().join("oidc/node_modules");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("provider/provider.mjs");
        let mut process = Command::new("node")
            .arg(script)
            .arg(&modules)
            .args(realms)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("node does not start: run scripts/setup oidc")?;
        let stdout = process.stdout.take().context("it has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let url = tokio::time::timeout(wait::PATIENCE, lines.next_line())
            .await
            .context("the provider does not start")??
            .context("the provider ended at once: run scripts/setup oidc")?;
        Ok(Self {
            process,
            url,
            http: crate::http_client(None)?,
        })
    }

    /// The URL below which the realms are.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Who issues the tokens of a realm.
    pub fn issuer(&self, realm: &str) -> String {
        format!("{}/realms/{realm}", self.url)
    }

    /// An access token of a user, who logs in with a password.
    pub async fn token(&self, realm: &str, user: &str) -> Result<String> {
        let form = [
            ("grant_type", "password"),
            ("username", user),
            ("password", user),
            ("scope", "profile"),
        ];
        self.grant(realm, &form).await
    }

    /// An access token of the client's service account for a resource; those at `https://zonda.test/ALGORITHM` are signed
    /// by that algorithm, and any other is an audience of its own.
    pub async fn service_token(&self, realm: &str, resource: &str) -> Result<String> {
        let form = [("grant_type", "client_credentials"), ("resource", resource)];
        self.grant(realm, &form).await
    }

    async fn grant(&self, realm: &str, form: &[(&str, &str)]) -> Result<String> {
        let url = format!("{}/protocol/openid-connect/token", self.issuer(realm));
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .extend_pairs(CLIENT)
            .finish();
        let request = self
            .http
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let answer: Value = request.send().await?.json().await?;
        Ok(answer["access_token"]
            .as_str()
            .with_context(|| format!("the provider gave no token: {answer}"))?
            .to_owned())
    }

    /// A token that no provider would issue, signed by a key of the realm's all the same; `alg`, and members of `header`
    /// and `claims`, say how it differs from a good one of the user `member`. A null takes a member out.
    pub async fn forge(&self, realm: &str, how: Value) -> Result<String> {
        let mut order = how;
        order["realm"] = json!(realm);
        let answer = self.order("sign", &order).await?;
        Ok(answer["token"].as_str().context("no token")?.to_owned())
    }

    /// Gives a realm new keys, in front of the old ones or in their place.
    pub async fn rotate(&self, realm: &str, keeps_old: bool) -> Result<()> {
        let order = json!({ "realm": realm, "keep": keeps_old });
        self.order("rotate", &order).await?;
        Ok(())
    }

    /// How often the keys of a realm were asked for.
    pub async fn asked(&self, realm: &str) -> Result<u64> {
        let answer = self.order("asked", &json!({})).await?;
        Ok(answer[realm].as_u64().unwrap_or_default())
    }

    /// Ends the provider as a power cut would.
    pub async fn kill(&mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }

    async fn order(&self, order: &str, body: &Value) -> Result<Value> {
        let url = format!("{}/test/{order}", self.url);
        let request = self.http.post(url).body(body.to_string());
        Ok(request.send().await?.error_for_status()?.json().await?)
    }
}

impl Settings {
    /// Callers are whom this provider says they are.
    pub fn oidc(self, provider: &Provider) -> Self {
        self.set("auth", "type", "oidc")
            .set("auth.oidc", "issuer_url", provider.url())
            .set("auth.oidc", "audience", vec![AUDIENCE])
    }
}

impl Mistral {
    /// The caller signs in at this provider as a user of a realm.
    #[must_use]
    pub fn oidc_caller(self, provider: &Provider, realm: &str, user: &str) -> Self {
        self.set("MISTRAL_AUTH_TYPE", "keycloak-oidc")
            .set("OS_AUTH_URL", provider.url())
            .set("OS_PROJECT_NAME", realm)
            .set("OS_USERNAME", user)
            .set("OS_PASSWORD", user)
            .set("OPENID_CLIENT_ID", CLIENT[0].1)
            .set("OPENID_CLIENT_SECRET", CLIENT[1].1)
    }
}
