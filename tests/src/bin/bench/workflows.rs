//! Executions of workflows: here, and on a real Mistral in the same run where there is one.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use e2e::client::{Client, result_of};
use e2e::host::Host;
use e2e::peer::peer;
use e2e::{guests, unique};
use serde_json::Value;
use tokio::time::interval;

use super::{Measured, ROUNDS, median, settings};

/// How often an execution that is waited for is looked at: far below what any of them takes on a real Mistral.
const LOOK: Duration = Duration::from_millis(2);

/// How many executions are begun at a time.
const CLIENTS: usize = 8;

/// Tasks of the sequence whose gaps are measured: what one page of a list shows.
const GAPS: usize = 1_000;

/// Lengths of the sequence by which the cost of a task is compared.
const LENGTHS: [usize; 4] = [10, 100, 1_000, 10_000];

/// A workflow and how many executions of it are made in one round, here and there.
struct Case {
    name: &'static str,
    document: String,
    here: usize,
    there: usize,
}

/// `count` tasks of the action, one after the other.
fn sequence(name: &str, count: usize, action: &str) -> String {
    let mut document = format!("version: '2.0'\n{name}:\n  tasks:\n");
    for task in 0..count {
        let _ = write!(document, "    t{task}:\n      action: {action}\n");
        if task + 1 < count {
            let _ = writeln!(document, "      on-success: [t{}]", task + 1);
        }
    }
    document
}

fn cases() -> Vec<Case> {
    let items = "version: '2.0'\nitems:\n  tasks:\n    each:\n      with-items: i in <% range(0, 1000) %>\n      action: std.noop\n";
    let mut join = "version: '2.0'\njoin:\n  tasks:\n".to_owned();
    for branch in 0..200 {
        let _ = write!(
            join,
            "    b{branch}:\n      action: std.noop\n      on-success: [last]\n"
        );
    }
    join += "    last:\n      join: all\n      action: std.noop\n";
    vec![
        Case {
            name: "one",
            document: sequence("one", 1, "std.noop"),
            here: 400,
            there: 40,
        },
        Case {
            name: "ten",
            document: sequence("ten", 10, "std.noop"),
            here: 100,
            there: 8,
        },
        Case {
            name: "items",
            document: items.to_owned(),
            here: 3,
            there: 1,
        },
        Case {
            name: "join",
            document: join,
            here: 5,
            there: 1,
        },
    ]
}

/// Executions a second, from the first start to the last end.
async fn rate(client: &Client, workflow: &str, count: usize, namespace: &str) -> Result<f64> {
    let start = Instant::now();
    let starters = (0..CLIENTS.min(count)).map(|number| async move {
        for _ in (number..count).step_by(CLIENTS) {
            one(client, workflow, namespace, LOOK).await?;
        }
        Ok::<_, anyhow::Error>(())
    });
    futures::future::try_join_all(starters).await?;
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

/// One execution, from its start to its end, for which it looks so often.
async fn one(client: &Client, workflow: &str, namespace: &str, look: Duration) -> Result<()> {
    let start = client
        .start(workflow)
        .member("workflow_namespace", namespace);
    let id = start.id().await?;
    let mut looks = interval(look);
    loop {
        let execution = client.execution(&id).await?;
        match execution.get("state").and_then(Value::as_str) {
            Some("SUCCESS") => return Ok(()),
            Some("RUNNING") => looks.tick().await,
            _ => anyhow::bail!("{workflow} did not succeed: {execution}"),
        };
    }
}

/// Milliseconds from when a task's action looked at the clock to when the next one's did, in order of length. An action
/// does nothing else, so these are the times between the end of a task and the start of the next.
async fn gaps(client: &Client, namespace: &str) -> Result<Vec<f64>> {
    let probe = guests::guest("probe")?;
    client.push("probe", probe).await?.expect(201)?;
    let document = sequence("gaps", GAPS, "probe.now");
    client.define(&document, namespace).await?.expect(201)?;
    one(client, "gaps", namespace, LOOK * 100).await?;
    let path = format!(
        "/v2/action_executions?name=probe.now&include_output=true&sort_keys=created_at&limit={GAPS}"
    );
    let runs = client.get(&path).await?.expect(200)?;
    let runs = runs.get("action_executions").and_then(Value::as_array);
    let runs = runs.context("a list of runs")?;
    let times: Vec<f64> = runs
        .iter()
        .map(|run| result_of(run)?.as_f64().context("microseconds"))
        .collect::<Result<_>>()?;
    let mut gaps: Vec<f64> = times
        .iter()
        .zip(times.iter().skip(1))
        .map(|(time, next)| (next - time) / 1e3)
        .collect();
    gaps.sort_by(f64::total_cmp);
    Ok(gaps)
}

/// Executions a second of each case, here and there in turns; and what a task of a sequence takes, by its length.
pub(super) async fn workflows(measured: &mut Measured) -> Result<()> {
    let host = Host::start_with(settings()).await?;
    let (ours, theirs) = (host.client()?, peer().ok());
    let namespace = unique("bench");
    for case in cases() {
        ours.define(&case.document, &namespace).await?.expect(201)?;
        rate(&ours, case.name, CLIENTS, &namespace).await?;
        if let Some(theirs) = &theirs {
            theirs
                .define(&case.document, &namespace)
                .await?
                .expect(201)?;
        }
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            here.push(rate(&ours, case.name, case.here, &namespace).await?);
            if let Some(theirs) = &theirs {
                there.push(rate(theirs, case.name, case.there, &namespace).await?);
            }
        }
        let here = median(here);
        measured.insert(format!("workflow.{}.executions_per_s", case.name), here);
        if theirs.is_some() {
            let there = median(there);
            measured.insert(format!("mistral.{}.executions_per_s", case.name), there);
            measured.insert(
                format!("ratio.workflow.{}.to_mistral", case.name),
                here / there,
            );
        }
    }
    let gaps = gaps(&ours, &namespace).await?;
    for percent in [50, 99] {
        let gap = gaps.get(gaps.len() * percent / 100).context("no gaps")?;
        measured.insert(format!("workflow.gap.p{percent}_ms"), *gap);
    }
    for length in LENGTHS {
        let name = format!("sequence{length}");
        ours.define(&sequence(&name, length, "std.noop"), &namespace)
            .await?
            .expect(201)?;
        // A look at a long one reads its long definition: it is to be no part of what is measured.
        let look = LOOK.max(Duration::from_micros(20) * u32::try_from(length)?);
        let mut took = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            one(&ours, &name, &namespace, look).await?;
            took.push(start.elapsed().as_secs_f64() * 1e3 / length as f64);
        }
        measured.insert(
            format!("workflow.sequence.{length}.ms_per_task"),
            median(took),
        );
    }
    Ok(())
}
