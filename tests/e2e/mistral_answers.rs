//! Workflows as people write them give the same states and outputs here as on a real Mistral, run side by side.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use e2e::client::{Client, id_of};
use e2e::host::Host;
use e2e::peer::peer;
use e2e::unique;
use e2e::workflows::json_in;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

/// One run that a fixture asks for in a line `# run: {…}` at its top.
struct Run {
    fixture: String,
    asked: Value,
}

/// The fixtures' documents and the runs that they ask for.
fn fixtures() -> Result<(Vec<String>, Vec<Run>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/workflows");
    let (mut documents, mut runs) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let fixture = path.file_stem().context("a file has a name")?;
        let document = std::fs::read_to_string(&path)?;
        for line in document.lines() {
            let Some(asked) = line.strip_prefix("# run: ") else {
                break;
            };
            runs.push(Run {
                fixture: fixture.to_string_lossy().into_owned(),
                asked: serde_json::from_str(asked)?,
            });
        }
        documents.push(document);
    }
    Ok((documents, runs))
}

/// What a run came to, as far as it must be the same.
async fn outcome(client: &Client, run: &Run, namespace: &str) -> Result<Value> {
    let mut start = client
        .start(
            run.asked["workflow"]
                .as_str()
                .context("a run names its workflow")?,
        )
        .member("workflow_namespace", namespace);
    for member in ["input", "params"] {
        if let Some(value) = run.asked.get(member) {
            start = start.member(member, value.clone());
        }
    }
    let id = id_of(&start.send().await?.expect(201)?)?;
    let execution = client.ended(&id).await?;
    let mut tasks = Vec::new();
    // Not each by itself: for some that publish globally a real Mistral has no answer.
    let list = client.get(&format!("/v2/executions/{id}/tasks")).await?;
    let list = list.expect(200)?;
    for task in list["tasks"].as_array().context("no list of tasks")? {
        let published = json_in(task, "published")?;
        tasks.push(json!([task["name"], task["state"], published]));
    }
    tasks.sort_by_key(Value::to_string);
    let mut output = json_in(&execution, "output")?;
    if execution["state"] == "ERROR"
        && let Some(output) = output.as_object_mut()
        && let Some(result) = output.get_mut("result")
    {
        *result = first_words(result).into();
    }
    Ok(json!({
        "state": execution["state"],
        "why": first_words(&execution["state_info"]),
        "output": output,
        "tasks": tasks,
    }))
}

/// What a report begins with: what comes after it are ids, and a real Mistral's own stack.
fn first_words(text: &Value) -> String {
    let line = text.as_str().and_then(|text| text.lines().next());
    let line = line.unwrap_or_default();
    let end = line.find(" [").unwrap_or(line.len());
    line.get(..end).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn workflows_end_as_they_do_on_a_real_mistral() -> Result<()> {
    let host = Host::start().await?;
    let (ours, theirs) = (host.client()?, peer()?);
    let (documents, runs) = fixtures()?;
    let namespace = unique("answers");
    for document in &documents {
        theirs.define(document, &namespace).await?.expect(201)?;
        ours.define(document, &namespace).await?.expect(201)?;
    }
    let compare = |run: &Run| {
        let name = format!("{}: {}", run.fixture, run.asked);
        let (ours, theirs, namespace) = (&ours, &theirs, &namespace);
        let run = Run {
            fixture: name.clone(),
            asked: run.asked.clone(),
        };
        async move {
            let (ours, theirs) = tokio::join!(
                outcome(ours, &run, namespace),
                outcome(theirs, &run, namespace)
            );
            let (ours, theirs) = (
                ours.with_context(|| format!("here, {name}"))?,
                theirs.with_context(|| format!("on Mistral, {name}"))?,
            );
            Ok::<_, anyhow::Error>(
                (ours != theirs).then(|| format!("{name}\n  here:    {ours}\n  Mistral: {theirs}")),
            )
        }
    };
    let different: Vec<Option<String>> = futures::stream::iter(runs.iter().map(compare))
        .buffer_unordered(8)
        .try_collect()
        .await?;
    let different: Vec<String> = different.into_iter().flatten().collect();
    ensure!(
        runs.len() > 50,
        "the fixtures ask for {} runs only",
        runs.len()
    );
    ensure!(
        different.is_empty(),
        "{} of {} runs differ:\n{}",
        different.len(),
        runs.len(),
        different.join("\n")
    );
    Ok(())
}
