//! The real `murano` command of python-muranoclient, and its library.

use anyhow::Result;

use crate::clients;
use crate::cloud::Tenant;

/// The command with its environment: a service and who calls it.
#[derive(Clone, Debug)]
pub struct Murano {
    url: String,
    caller: Tenant,
    environment: Vec<(String, String)>,
}

impl Murano {
    /// The caller signs in at their own cloud, and the service is at `url`, which has no version in it.
    pub fn new(url: &str, caller: &Tenant) -> Self {
        let mut environment = vec![
            ("OS_AUTH_URL", caller.cloud.auth_url()),
            ("OS_USERNAME", &caller.user_name),
            ("OS_PASSWORD", &caller.password),
            ("OS_PROJECT_NAME", &caller.project_name),
            ("OS_REGION_NAME", caller.cloud.region()),
            ("OS_USER_DOMAIN_NAME", "Default"),
            ("OS_PROJECT_DOMAIN_NAME", "Default"),
        ];
        environment.extend(caller.cloud.ca_file().map(|path| ("OS_CACERT", path)));
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            url: url.to_owned(),
            caller: caller.clone(),
            environment: environment.into_iter().map(owned).collect(),
        }
    }

    /// Runs the command and answers with what it printed; an error holds what it complained of.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut all = vec!["--murano-url", &self.url];
        all.extend(arguments);
        clients::run("murano".as_ref(), &all, &self.environment).await
    }

    /// Runs a command that prints a table, and answers with its rows without the heading.
    pub async fn rows(&self, arguments: &[&str]) -> Result<Vec<Vec<String>>> {
        let printed = self.run(arguments).await?;
        let cells = |line: &str| {
            let line = line.strip_prefix('|')?.strip_suffix('|')?;
            Some(line.split('|').map(|cell| cell.trim().to_owned()).collect())
        };
        Ok(printed.lines().filter_map(cells).skip(1).collect())
    }

    /// Runs a Python script that finds the service's URL and a token of the caller's in its environment, as `MURANO_URL`
    /// and `OS_AUTH_TOKEN`.
    pub async fn python(&self, script: &str) -> Result<String> {
        let environment = [
            ("MURANO_URL".to_owned(), self.url.clone()),
            (
                "OS_AUTH_TOKEN".to_owned(),
                self.caller.token().await?.secret,
            ),
        ];
        clients::run("python".as_ref(), &["-c", script], &environment).await
    }
}
