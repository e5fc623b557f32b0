//! A running `zonda` of a test's own: on a free port, with its own data folder and configuration.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::client::Client;
use crate::cloud::{Cloud, Tenant};
use crate::{compiled, wait};

/// The configuration of a host, section by section.
#[derive(Clone, Debug)]
pub struct Settings(toml::Table);

impl Settings {
    /// No authentication, loopback allowed, and the most talkative logs, since tests search them for secrets.
    pub fn new() -> Self {
        Self(toml::Table::new())
            .set("listen", "address", "127.0.0.1:0")
            .set("auth", "type", "none")
            .set("openstack", "allow", vec!["127.0.0.0/8"])
            .set("log", "level", "trace")
            .set("log", "format", "json")
    }

    /// Sets `key` in `[section]`; sections nest by dots.
    pub fn set(mut self, section: &str, key: &str, value: impl Into<toml::Value>) -> Self {
        let mut table = &mut self.0;
        for part in section.split('.') {
            let inner = table
                .entry(part)
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            let toml::Value::Table(inner) = inner else {
                return self;
            };
            table = inner;
        }
        table.insert(key.into(), value.into());
        self
    }

    /// Sets a list of tables, `[[name]]`.
    pub fn list(mut self, name: &str, entries: Vec<toml::Value>) -> Self {
        self.0.insert(name.into(), entries.into());
        self
    }

    /// Callers are whom this cloud's Keystone says they are.
    pub fn keystone(self, cloud: &Cloud) -> Self {
        let admin = cloud.admin();
        let section = "auth.keystone";
        let settings = self
            .set("auth", "type", "keystone")
            .set(section, "auth_url", cloud.auth_url())
            .set(section, "username", admin.username.as_str())
            .set(section, "password", admin.password.as_str())
            .set(section, "project_name", admin.project_name.as_str())
            .set(section, "user_domain_name", "Default")
            .set(section, "project_domain_name", "Default");
        match cloud.ca_file() {
            Some(path) => settings.set(section, "ca_file", path),
            None => settings,
        }
    }

    /// The user who asks Keystone about callers, in place of the admin.
    pub fn service_user(self, user: &Tenant) -> Self {
        let section = "auth.keystone";
        self.set(section, "username", user.user_name.as_str())
            .set(section, "password", user.password.as_str())
            .set(section, "project_name", user.project_name.as_str())
    }

    /// The operator trusts this cloud's CA for every target.
    pub fn trust(self, cloud: &Cloud) -> Self {
        match cloud.ca_file() {
            Some(path) => self.set("openstack", "ca_files", vec![path]),
            None => self,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

/// A host process and its folder; both end with this value.
#[derive(Debug)]
pub struct Host {
    folder: TempDir,
    process: Child,
    url: String,
    starts: u32,
    variables: Vec<(String, String)>,
}

impl Host {
    /// Starts a host with [`Settings::new`].
    pub async fn start() -> Result<Self> {
        Self::start_with(Settings::new()).await
    }

    /// Starts a host and waits until it is ready.
    pub async fn start_with(settings: Settings) -> Result<Self> {
        Self::start_among(settings, &[]).await
    }

    /// Starts a host with more variables in its environment.
    pub async fn start_among(settings: Settings, variables: &[(&str, &str)]) -> Result<Self> {
        let folder = TempDir::new()?;
        compiled::put_into(&folder.path().join("data")).await?;
        Self::start_in(folder, settings, variables).await
    }

    /// Starts a host in a folder.
    pub(crate) async fn start_in(
        folder: TempDir,
        settings: Settings,
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        let data = folder.path().join("data");
        let settings = settings.set("store", "path", data.to_string_lossy().as_ref());
        std::fs::write(
            folder.path().join("zonda.toml"),
            toml::to_string(&settings.0)?,
        )?;
        let variables: Vec<(String, String)> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let process = spawn(folder.path(), 1, &variables)?;
        let mut host = Self {
            folder,
            process,
            url: String::new(),
            starts: 1,
            variables,
        };
        host.wait_until_ready().await?;
        Ok(host)
    }

    /// A client without a token.
    pub fn client(&self) -> Result<Client> {
        Client::new(&self.url)
    }

    /// Where the host listens, such as `http://127.0.0.1:41234`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process id.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// The memory that it has in use, in bytes.
    pub fn resident_bytes(&self) -> Result<u64> {
        let id = self.pid().context("the host has ended already")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))
            .context("the kernel does not say")?;
        Ok(kib.parse::<u64>()? << 10)
    }

    /// Ends the host as a power cut would.
    pub async fn kill(&mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }

    /// Asks the host to end (SIGTERM) and waits until it has; its exit must be a success.
    pub async fn stop(&mut self) -> Result<()> {
        let status = self.end_by(Signal::TERM).await?;
        if !status.success() {
            bail!("the host ended with {status}:\n{}", self.log());
        }
        Ok(())
    }

    /// Starts the host again on the same folder, after [`Self::kill`] or [`Self::stop`].
    pub async fn restart(&mut self) -> Result<()> {
        if self.process.try_wait()?.is_none() {
            self.kill().await?;
        }
        self.starts += 1;
        self.process = spawn(self.folder.path(), self.starts, &self.variables)?;
        self.wait_until_ready().await
    }

    /// All that the host has logged since its first start.
    pub fn log(&self) -> String {
        (1..=self.starts)
            .filter_map(|start| std::fs::read(log_path(self.folder.path(), start)).ok())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect()
    }

    /// The files of modules and of uploads under way.
    pub fn module_files(&self) -> Result<BTreeSet<PathBuf>> {
        let mut files = BTreeSet::new();
        for folder in ["modules", "uploads"] {
            for entry in std::fs::read_dir(self.folder.path().join("data").join(folder))? {
                files.insert(entry?.path());
            }
        }
        Ok(files)
    }

    /// Where the host keeps what it keeps.
    pub fn data_folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Every file that the host wrote, and what tests put beside them: logs, the store, modules and their code.
    pub fn files(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                let path = entry.path();
                if entry.file_type()?.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("zonda.toml") {
                    let bytes = std::fs::read(&path)?;
                    found.push((path, bytes));
                }
            }
        }
        Ok(found)
    }

    /// Ends the host with a signal, and tells how it ended.
    pub async fn end_by(&mut self, signal: Signal) -> Result<ExitStatus> {
        let id = self.process.id().context("the host has ended already")?;
        let pid = Pid::from_raw(i32::try_from(id)?).context("a process id is never 0")?;
        kill_process(pid, signal)?;
        tokio::time::timeout(wait::PATIENCE, self.process.wait())
            .await
            .context("the host does not end")?
            .map_err(Into::into)
    }

    /// Runs another command of the program with the host's configuration.
    pub async fn command(&self, arguments: &[&str]) -> Result<Output> {
        let output = Command::new(program())
            .args(arguments)
            .arg("--config")
            .arg(self.folder.path().join("zonda.toml"))
            .stdin(Stdio::null())
            .output();
        Ok(output.await?)
    }

    /// Runs a client command of the program against this host, with these variables and no others.
    pub async fn client_command(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Output> {
        let output = Command::new(program())
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("ZONDA_URL", format!("{}/v2", self.url))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output();
        Ok(output.await?)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let log = log_path(self.folder.path(), self.starts);
        self.url = wait::until("the host says where it listens", || {
            let ended = self.process.try_wait();
            let text = std::fs::read_to_string(&log);
            async move {
                let text = text?;
                let url = address_in(&text);
                if let (None, Some(status)) = (&url, ended?) {
                    bail!("the host ended with {status}:\n{text}");
                }
                Ok(url)
            }
        })
        .await?;
        let client = self.client()?;
        wait::until("the host is ready", || async {
            Ok(client
                .get("/readyz")
                .await
                .ok()
                .filter(|answer| answer.status == 200))
        })
        .await
        .with_context(|| self.log())?;
        Ok(())
    }
}

/// The address in the log line `listening on http://127.0.0.1:PORT`.
fn address_in(log: &str) -> Option<String> {
    let (_, rest) = log.split_once("listening on http://")?;
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'))?;
    Some(format!("http://{}", rest.get(..end)?))
}

fn log_path(folder: &Path, start: u32) -> PathBuf {
    folder.join(format!("log-{start}"))
}

/// The program that is tested.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("ZONDA_BIN")
        .map_or_else(|| crate::target_folder().join("debug/zonda"), PathBuf::from)
}

fn spawn(folder: &Path, start: u32, variables: &[(String, String)]) -> Result<Child> {
    let binary = program();
    Command::new(&binary)
        .arg("serve")
        .arg("--config")
        .arg(folder.join("zonda.toml"))
        .current_dir(folder)
        .env("HOME", folder)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(log_path(folder, start))?)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| {
            format!(
                "{} does not start: run scripts/test, or set ZONDA_BIN",
                binary.display()
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_either_log_format() {
        let json = r#"{"fields":{"message":"listening on http://127.0.0.1:4711","listen.address":"127.0.0.1:4711"}}"#;
        let human = "INFO listening on http://127.0.0.1:4711 listen.address=127.0.0.1:4711\n";
        for line in [json, human] {
            assert_eq!(address_in(line).as_deref(), Some("http://127.0.0.1:4711"));
        }
    }

    #[test]
    fn a_half_written_address_is_not_taken() {
        assert_eq!(address_in("listening on http://127.0.0.1:47"), None);
    }
}
