//! Programs of the Python environment that `scripts/setup clients` makes.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// Runs one in an environment of its own and answers with what it printed; an error holds what it complained of.
pub(crate) async fn run(
    program: &str,
    arguments: &[&str],
    environment: &[(String, String)],
) -> Result<String> {
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
        .with_context(|| format!("{program} does not start: run scripts/setup clients"))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{program} {} failed: {stderr}",
        arguments.join(" ")
    );
    Ok(String::from_utf8(output.stdout)?)
}
