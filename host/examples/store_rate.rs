//! Measures how many saved action executions a second the embedded store makes durable with 1, 8 and 64 writers.
//!
//! `store_rate [SECONDS] [FOLDER]` prints one JSON object, `{"c1": …, "c8": …, "c64": …}`.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use serde_json::json;
use zonda_host::{
    domain::{
        ActionExecution, ActionExecutionId, ActionName, Digest, JsonText, NewActionExecution,
        Outcome, Params, ProjectId, Sealed, Timestamp,
    },
    store::{Commit, Settings, SledStore, Store as _},
};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "its result")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments
        .next()
        .map_or(Ok(3), |text| text.parse())
        .context("SECONDS is a whole number")?;
    let parent = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let mut rates = serde_json::Map::new();
    for writers in [1, 8, 64] {
        let folder = parent.join(format!("zonda-store-rate-{}-{writers}", std::process::id()));
        let rate = measure(&folder, writers, Duration::from_secs(seconds)).await;
        std::fs::remove_dir_all(&folder)?;
        rates.insert(format!("c{writers}"), json!(rate?));
    }
    println!("{}", serde_json::Value::from(rates));
    Ok(())
}

/// Durable commits a second with `writers` at once.
async fn measure(folder: &std::path::Path, writers: u32, span: Duration) -> anyhow::Result<u64> {
    let store = Arc::new(SledStore::open(folder, Settings::default().cache_mib)?);
    let total = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let (store, total) = (Arc::clone(&store), Arc::clone(&total));
            tokio::spawn(async move {
                while begin.elapsed() < span {
                    let commit = Commit::new().create(&execution()?);
                    store.commit(commit).await?;
                    total.fetch_add(1, Ordering::Relaxed);
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let milliseconds = u64::try_from(begin.elapsed().as_millis())?;
    Ok(total.load(Ordering::Relaxed) * 1000 / milliseconds)
}

/// A saved synchronous run as it is kept: ended, with a sealed custom context.
fn execution() -> anyhow::Result<ActionExecution> {
    let new = NewActionExecution {
        id: ActionExecutionId::generate(),
        project_id: ProjectId::new("0c2f6d7be51a4a3e8f5b1d5b6a7c8d9e"),
        name: ActionName::parse("nova.servers_list")?,
        digest: Digest::of(b"component"),
        input: JsonText::parse(r#"{"detailed": true, "search_opts": {"status": "ACTIVE"}}"#)?,
        description: None,
        params: Params {
            save_result: true,
            run_sync: true,
            ..Params::default()
        },
        is_idempotent: true,
        is_asynchronous: false,
        ad_hoc: None,
        task: None,
        request_id: "req-0c2f6d7b-e51a-4a3e-8f5b-1d5b6a7c8d9e".into(),
        custom_context: Some(Sealed(vec![0x5a; 200])),
        target: None,
    };
    let mut execution = ActionExecution::start(new, Timestamp::from_unix_ms(1_763_784_101_900));
    let result =
        json!({"id": "a", "name": "web-1", "status": "ACTIVE", "addresses": "x".repeat(300)});
    execution.complete(
        &Outcome::Done(JsonText::from_value(&result)),
        Timestamp::from_unix_ms(1_763_784_101_950),
    )?;
    Ok(execution)
}
