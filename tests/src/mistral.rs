//! The real `mistral` command of python-mistralclient, and others that take the same environment.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::clients;
use crate::cloud::{Cloud, Tenant};
use crate::host::Host;

/// The command with its environment.
///
/// By default it has no URL, and finds the host in the caller's catalog.
#[derive(Clone, Debug, Default)]
pub struct Mistral {
    environment: Vec<(String, String)>,
}

impl Mistral {
    /// For a host without authentication.
    pub fn new(host: &Host) -> Self {
        Self {
            environment: vec![("OS_MISTRAL_URL".into(), format!("{}/v2", host.url()))],
        }
    }

    /// The caller signs in as this user.
    #[must_use]
    pub fn caller(self, tenant: &Tenant) -> Self {
        self.cloud("OS_", tenant)
            .set("OS_PROJECT_NAME", &tenant.project_name)
            .set("OS_IDENTITY_API_VERSION", "3")
    }

    /// The caller is the cloud's own admin.
    #[must_use]
    pub fn operator(self, cloud: &Cloud) -> Self {
        let admin = cloud.admin();
        self.caller(&Tenant {
            cloud: cloud.clone(),
            project_id: admin.project_id.clone(),
            project_name: admin.project_name.clone(),
            user_id: String::new(),
            user_name: admin.username.clone(),
            password: admin.password.clone(),
        })
    }

    /// Actions work on this user's cloud.
    #[must_use]
    pub fn target(self, tenant: &Tenant) -> Self {
        self.cloud("OS_TARGET_", tenant)
    }

    /// Sets a variable.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn cloud(self, prefix: &str, tenant: &Tenant) -> Self {
        let mistral = self
            .set(&format!("{prefix}AUTH_URL"), tenant.cloud.auth_url())
            .set(&format!("{prefix}USERNAME"), &tenant.user_name)
            .set(&format!("{prefix}PASSWORD"), &tenant.password)
            .set(&format!("{prefix}TENANT_NAME"), &tenant.project_name)
            .set(&format!("{prefix}REGION_NAME"), tenant.cloud.region())
            .set(&format!("{prefix}USER_DOMAIN_NAME"), "Default")
            .set(&format!("{prefix}PROJECT_DOMAIN_NAME"), "Default");
        match tenant.cloud.ca_file() {
            Some(path) => mistral.set(&format!("{prefix}CACERT"), path),
            None => mistral,
        }
    }

    /// Runs the command and answers with what it printed; an error holds what it complained of.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        self.command("mistral", arguments).await
    }

    /// Runs the `openstack` command, of which the client is a plug-in.
    pub async fn openstack(&self, arguments: &[&str]) -> Result<String> {
        self.command("openstack", arguments).await
    }

    /// Runs our own command line.
    pub async fn zonda(&self, arguments: &[&str]) -> Result<String> {
        clients::run(&crate::host::program(), arguments, &self.environment).await
    }

    /// Runs a Python script in which the client's library can be imported.
    pub async fn python(&self, script: &str, arguments: &[&str]) -> Result<String> {
        let mut all = vec!["-c", script];
        all.extend(arguments);
        self.command("python", &all).await
    }

    async fn command(&self, program: &str, arguments: &[&str]) -> Result<String> {
        clients::run(program.as_ref(), arguments, &self.environment).await
    }

    /// Runs a command that can print JSON, with `-f json`.
    pub async fn json(&self, arguments: &[&str]) -> Result<Value> {
        let mut arguments = arguments.to_vec();
        arguments.extend(["-f", "json"]);
        let text = self.run(&arguments).await?;
        serde_json::from_str(&text).with_context(|| format!("mistral printed no JSON: {text}"))
    }
}
