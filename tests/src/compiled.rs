//! What each host would compile at its first start, compiled once for all of them: it is what the tests would spend most
//! of their time on.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::guests;
use crate::host::{Host, Settings};

/// The data folder of a host that has ended.
static MADE: OnceCell<PathBuf> = OnceCell::const_new();

/// Puts compiled code, and the key that protects it, into the data folder of a host that was never started. What is
/// missing there the host compiles.
pub(crate) async fn put_into(data: &Path) -> Result<()> {
    copy(MADE.get_or_try_init(make).await?, data)
}

/// Has a host compile the modules that it comes with, and the one that most tests upload. The folder stays for the next
/// tests to replace.
async fn make() -> Result<PathBuf> {
    let mut host = Host::start_in(TempDir::new()?, Settings::new(), &[]).await?;
    let (client, probe) = (host.client()?, guests::guest("probe")?);
    client.push("probe", probe).await?.expect(201)?;
    host.stop().await?;
    let folder = crate::target_folder().join("e2e-compiled");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    copy(&host.data_folder(), &folder)?;
    Ok(folder)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.join("modules"))?;
    fs::copy(from.join("keys"), to.join("keys"))?;
    for entry in fs::read_dir(from.join("modules"))? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|kind| kind == "cwasm") {
            fs::copy(entry.path(), to.join("modules").join(entry.file_name()))?;
        }
    }
    Ok(())
}
