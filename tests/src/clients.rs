//! Programs of the Python environment that `scripts/setup clients` makes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// Runs one, or the program of an absolute path, in an environment of its own and answers with what it printed; an error holds what it complained of.
pub(crate) async fn run(
    program: &Path,
    arguments: &[&str],
    environment: &[(String, String)],
) -> Result<String> {
    let name = program.display();
    let folder = std::env::var_os("ZONDA_CLIENTS").map_or_else(
        || crate::state_folder().join("venvs/clients/bin"),
        PathBuf::from,
    );
    let output = Command::new(folder.join(program))
        .args(arguments)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "HOME"))
        .env("PYTHONWARNINGS", "ignore")
        .envs(environment.iter().cloned())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("{name} does not start: run scripts/setup clients"))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8(output.stdout)?;
    // Of what it does to several objects, the stock client prints there why one is refused.
    ensure!(
        output.status.success(),
        "{name} {} failed: {stderr}{stdout}",
        arguments.join(" ")
    );
    Ok(stdout)
}
