//! A real Keystone of a test's own: it can be stopped, started again, and lose its keys.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command as Blocking, Stdio};

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::cloud::Cloud;
use crate::gate::{Gate, Gateway};
use crate::{http_client, wait};

const PASSWORD: &str = "the-admins-password";
const DATABASE: &str = "keystone.db";
const FERNET_KEYS: &str = "fernet-keys";
const CREDENTIAL_KEYS: &str = "credential-keys";

/// A Keystone behind a gate, with users and keys of its own; it ends with this value.
#[derive(Debug)]
pub struct Keystone {
    folder: TempDir,
    gateway: Gateway,
    process: Option<Child>,
}

impl Keystone {
    /// Starts a Keystone whose tokens last an hour.
    pub async fn start() -> Result<Self> {
        Self::start_with(3600).await
    }

    /// Starts a Keystone whose tokens last this many seconds.
    pub async fn start_with(token_secs: u32) -> Result<Self> {
        let mut keystone = Self::stopped(token_secs).await?;
        keystone.resume().await?;
        Ok(keystone)
    }

    /// A Keystone that is not started yet.
    pub async fn stopped(token_secs: u32) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().to_owned();
        tokio::task::spawn_blocking(move || {
            copy(&template()?, &path)?;
            configure(&path, token_secs)
        })
        .await??;
        let gateway = Gateway::before(&folder.path().join("socket")).await?;
        Ok(Self {
            folder,
            gateway,
            process: None,
        })
    }

    /// The Keystone as a cloud that has no other service.
    pub fn cloud(&self) -> Result<Cloud> {
        Cloud::of_keystone(&self.gateway.url("/v3"), PASSWORD)
    }

    /// Puts it into its own catalog, where the `openstack` command looks for it.
    pub async fn publish(&self) -> Result<()> {
        let cloud = self.cloud()?;
        let admin = cloud.admin_token().await?;
        let service = json!({ "service": { "type": "identity", "name": "keystone" } });
        let made = cloud
            .identity(&admin, Method::POST, "/services", Some(service))
            .await?;
        let endpoint = json!({ "endpoint": {
            "service_id": made["service"]["id"], "interface": "public",
            "region_id": cloud.region(), "url": cloud.auth_url(),
        }});
        cloud
            .identity(&admin, Method::POST, "/endpoints", Some(endpoint))
            .await?;
        Ok(())
    }

    /// What stands before it.
    pub fn gate(&self, gate: Gate) {
        self.gateway.set(gate);
    }

    /// How many questions about tokens it has answered.
    pub fn questions(&self) -> Result<usize> {
        let log = fs::read_to_string(self.folder.path().join("access.log"))?;
        Ok(log.matches("GET /v3/auth/tokens").count())
    }

    /// Ends the process, and with it every connection.
    pub async fn stop(&mut self) -> Result<()> {
        let mut process = self.process.take().context("it is not running")?;
        let id = process.id().context("it has ended already")?;
        let pid = Pid::from_raw(i32::try_from(id)?).context("a process id is never 0")?;
        kill_process(pid, Signal::QUIT)?;
        tokio::time::timeout(wait::PATIENCE, process.wait())
            .await
            .context("Keystone does not end")??;
        Ok(())
    }

    /// Starts it, at the same address as before.
    pub async fn resume(&mut self) -> Result<()> {
        let folder = self.folder.path();
        let log = File::create(folder.join("out.log"))?;
        let process = Command::new(program("gunicorn"))
            .env("GUNICORN_CMD_ARGS", "-c gunicorn.py")
            .env("OS_KEYSTONE_CONFIG_FILES", folder.join("keystone.conf"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONWARNINGS", "ignore")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("Keystone does not start: run scripts/cloud up --all")?;
        self.process = Some(process);
        let (http, url) = (http_client(None)?, self.gateway.url("/v3"));
        wait::until("Keystone answers", || async {
            let answer = http.get(&url).send().await;
            Ok(answer.ok().filter(|answer| answer.status() == 200))
        })
        .await?;
        Ok(())
    }

    /// Rotates the keys of tokens, until none remains that made a token so far.
    pub async fn forget_keys(&self) -> Result<()> {
        let (folder, oldest) = (self.folder.path(), self.newest_key()?);
        while folder.join(FERNET_KEYS).join(oldest.to_string()).exists() {
            self.rotate_keys().await?;
        }
        Ok(())
    }

    /// Rotates the keys of tokens once; the one before still opens what it made.
    pub async fn rotate_keys(&self) -> Result<()> {
        let folder = self.folder.path().to_owned();
        let [user, group] = owner();
        let rotate = move || manage(&folder, &["fernet_rotate", &user, &group]);
        tokio::task::spawn_blocking(rotate).await?
    }

    fn newest_key(&self) -> Result<u32> {
        let keys = fs::read_dir(self.folder.path().join(FERNET_KEYS))?;
        keys.filter_map(|key| key.ok()?.file_name().to_str()?.parse().ok())
            .max()
            .context("Keystone has no keys")
    }
}

fn program(name: &str) -> PathBuf {
    crate::state_folder().join("venvs/core/bin").join(name)
}

/// A folder with the database and the keys of a Keystone that only has an admin: made once, then copied.
fn template() -> Result<PathBuf> {
    let home = crate::state_folder().join("venvs/core");
    let folder = home.join("keystone-of-tests");
    let lock = File::create(home.join("keystone-of-tests.lock"))
        .context("there is no Keystone: run scripts/cloud up --all")?;
    lock.lock()?;
    if !folder.exists() {
        let draft = tempfile::tempdir_in(&home)?;
        for keys in [FERNET_KEYS, CREDENTIAL_KEYS] {
            fs::create_dir(draft.path().join(keys))?;
        }
        configure(draft.path(), 3600)?;
        let [user, group] = owner();
        for keys in ["fernet_setup", "credential_setup"] {
            manage(draft.path(), &[keys, &user, &group])?;
        }
        manage(draft.path(), &["db_sync"])?;
        let admin = ["bootstrap", "--bootstrap-password", PASSWORD];
        manage(
            draft.path(),
            &[&admin[..], &["--bootstrap-region-id", "RegionK"]].concat(),
        )?;
        fs::rename(draft.keep(), &folder)?;
    }
    Ok(folder)
}

/// Whom new keys belong to, which Keystone has to be told when it is root.
fn owner() -> [String; 2] {
    let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
    [
        format!("--keystone-user={}", user.as_raw()),
        format!("--keystone-group={}", group.as_raw()),
    ]
}

fn configure(folder: &Path, token_secs: u32) -> Result<()> {
    let at = folder.display();
    // No cache, or it goes on with tokens whose keys are gone. With the default rounds a token costs a second.
    let keystone = format!(
        "[database]\nconnection = sqlite:///{at}/{DATABASE}\n\
         [token]\nprovider = fernet\nexpiration = {token_secs}\n\
         [fernet_tokens]\nkey_repository = {at}/{FERNET_KEYS}\n\
         [credential]\nkey_repository = {at}/{CREDENTIAL_KEYS}\n\
         [identity]\npassword_hash_rounds = 4\n[cache]\nenabled = false\n"
    );
    fs::write(folder.join("keystone.conf"), keystone)?;
    let server = format!(
        "bind = 'unix:{at}/socket'\nwsgi_app = 'keystone.wsgi.api:application'\nworkers = 1\n\
         worker_class = 'gthread'\nthreads = 4\ntimeout = 120\nkeepalive = 60\naccesslog = '{at}/access.log'\ncontrol_socket_disable = True\n"
    );
    Ok(fs::write(folder.join("gunicorn.py"), server)?)
}

fn manage(folder: &Path, arguments: &[&str]) -> Result<()> {
    let output = Blocking::new(program("keystone-manage"))
        .arg("--config-file")
        .arg(folder.join("keystone.conf"))
        .args(arguments)
        .env("PYTHONWARNINGS", "ignore")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{arguments:?} failed: {stderr}");
    Ok(())
}

/// Copies a folder with what is below it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
