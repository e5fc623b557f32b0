//! The key ring for the host, and for the operator who looks after it: `zonda keys`.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::geteuid;

use crate::{
    clock::Clock,
    config::Config,
    engine,
    store::{KeyRing, RingError, SledStore},
};

/// The variable of the environment that holds the key ring, where it is not a file in the data folder.
const VARIABLE: &str = "ZONDA_KEYS";
/// The key ring's file in the data folder.
const FILE: &str = "keys";

/// The ring of the host whose data is in `folder`; made where there is none.
pub(super) fn load(folder: &Path, clock: &dyn Clock) -> Result<KeyRing> {
    match std::env::var_os(VARIABLE) {
        Some(text) => of_variable(text),
        None => {
            KeyRing::load(&folder.join(FILE), clock.now()).context("the key ring cannot be read")
        }
    }
}

/// Prints the ids and ages of the keys.
///
/// # Errors
/// When there is no ring or it cannot be read.
pub fn list(config: &Config) -> Result<()> {
    let mut out = io::stdout().lock();
    for key in existing(&folder(config)?)?.keys() {
        let created_at = key.created_at.to_string().replace(' ', "T");
        let seals = if key.seals { "  seals" } else { "" };
        writeln!(out, "{}  {created_at}Z{seals}", key.id)?;
    }
    Ok(())
}

/// Adds a key, which seals as soon as the host has started again.
///
/// # Errors
/// When there is no ring, it is not a file, or the caller does not own it.
pub fn rotate(config: &Config, clock: &dyn Clock) -> Result<()> {
    let folder = folder(config)?;
    let mut ring = existing(&folder)?;
    check_owner(&folder)?;
    ring.rotate(clock.now())?;
    for key in ring.keys().into_iter().filter(|key| key.seals) {
        say(&format!(
            "added key {} to {}; restart the host, and it seals with that one",
            key.id,
            folder.join(FILE).display()
        ))?;
    }
    Ok(())
}

/// Seals again what the key `id` sealed, and takes it out of the ring. The host must not be running.
///
/// # Errors
/// When there is no such key, it is the newest, the host is running, or what is sealed does not open.
pub fn drop_key(config: &Config, id: &str) -> Result<()> {
    let folder = folder(config)?;
    let mut ring = existing(&folder)?;
    ring.check_droppable(id)?;
    check_owner(&folder)?;
    let store = SledStore::open(&folder.join("store"), config.store.cache_mib)?;
    let count = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(engine::reseal(&store, &ring))
        .context("not everything could be sealed again, so the key stays")?;
    say(&format!("sealed {count} records again"))?;
    ring.drop_key(id)?;
    say(&format!("dropped key {id}"))
}

/// Prints a line with a fresh key for a ring in the environment.
///
/// # Errors
/// When the machine gives no random bytes.
pub fn generate(clock: &dyn Clock) -> Result<()> {
    let line = KeyRing::fresh_line(clock.now())?;
    Ok(io::stdout().lock().write_all(line.as_bytes())?)
}

fn say(text: &str) -> Result<()> {
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

fn folder(config: &Config) -> Result<PathBuf> {
    config
        .store
        .folder()
        .context("[store] path is not set, and the user has no home folder")
}

fn existing(folder: &Path) -> Result<KeyRing> {
    if let Some(text) = std::env::var_os(VARIABLE) {
        return of_variable(text);
    }
    match KeyRing::read(&folder.join(FILE)) {
        Err(RingError::File { path, source }) if source.kind() == io::ErrorKind::NotFound => {
            Err(anyhow::anyhow!(
                "there is no key ring at {}: the host makes it when it first starts; see [store] path",
                path.display()
            ))
        }
        ring => ring.context("the key ring cannot be read"),
    }
}

fn of_variable(text: OsString) -> Result<KeyRing> {
    let text = text
        .to_str()
        .with_context(|| format!("{VARIABLE} is not UTF-8"))?;
    KeyRing::parse(text).with_context(|| format!("{VARIABLE} holds no key ring"))
}

/// What another user writes here, the host could not read.
fn check_owner(folder: &Path) -> Result<()> {
    let owner = fs::metadata(folder)?.uid();
    ensure!(
        geteuid().as_raw() == owner,
        "run this as the user who owns {}, whose id is {owner}: the host could not read what another writes there",
        folder.display()
    );
    Ok(())
}
