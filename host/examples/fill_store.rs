//! Fills the store of a data folder with ended action executions, in big commits: what lists are measured over.
//!
//! `fill_store FOLDER EXECUTIONS PROJECTS`: one in eight ended in ERROR, and their actions have 97 names.

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::json;
use zonda_host::{
    domain::{
        ActionExecution, ActionExecutionId, ActionName, Digest, Failure, JsonText,
        NewActionExecution, Outcome, Params, ProjectId, Timestamp,
    },
    store::{Commit, Settings, SledStore, Store as _},
};

/// Executions in one commit.
const BATCH: u64 = 1000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().context("FOLDER is missing")?);
    let mut number = |name: &str| -> anyhow::Result<u64> {
        let text = arguments
            .next()
            .with_context(|| format!("{name} is missing"))?;
        text.parse()
            .with_context(|| format!("{name} is a whole number"))
    };
    let (executions, projects) = (number("EXECUTIONS")?, number("PROJECTS")?.max(1));
    let store = SledStore::open(&folder, Settings::default().cache_mib)?;
    let mut next = 0;
    while next < executions {
        let end = executions.min(next + BATCH);
        let mut commit = Commit::new();
        for at in next..end {
            commit = commit.create(&execution(at, projects)?);
        }
        store.commit(commit).await?;
        next = end;
    }
    Ok(())
}

/// The `at`th saved run, a millisecond after the one before.
fn execution(at: u64, projects: u64) -> anyhow::Result<ActionExecution> {
    let project = at.wrapping_mul(0x9e37_79b9_7f4a_7c15) % projects;
    let started = Timestamp::from_unix_ms(1_763_784_101_900 + i64::try_from(at)?);
    let new = NewActionExecution {
        id: ActionExecutionId::generate(),
        project_id: ProjectId::new(format!("{project:032x}")),
        name: ActionName::parse(&format!("nova.servers_list_{}", at % 97))?,
        digest: Digest::of(b"component"),
        input: JsonText::parse(r#"{"detailed": true}"#)?,
        description: None,
        params: Params {
            save_result: true,
            ..Params::default()
        },
        is_idempotent: true,
        is_asynchronous: false,
        ad_hoc: None,
        task: None,
        request_id: "req-0c2f6d7b-e51a-4a3e-8f5b-1d5b6a7c8d9e".into(),
        custom_context: None,
        target: None,
    };
    let mut execution = ActionExecution::start(new, started);
    let outcome = if at.is_multiple_of(8) {
        Outcome::Failed(Failure::new("no such server"))
    } else {
        Outcome::Done(JsonText::from_value(
            &json!({"id": "a", "status": "ACTIVE"}),
        ))
    };
    execution.complete(&outcome, started)?;
    Ok(execution)
}
