//! Executions of workflows: here, and on a real Mistral in the same run where there is one.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::client::Client;
use e2e::host::Host;
use e2e::peer::peer;
use e2e::unique;
use serde_json::Value;
use tokio::time::interval;

use super::{Measured, ROUNDS, median, settings};

/// How often an execution that is waited for is looked at: far below what any of them takes on a real Mistral.
const LOOK: Duration = Duration::from_millis(2);

/// How many executions are begun at a time.
const CLIENTS: usize = 8;

/// Lengths of the sequence by which the cost of a task is compared.
const LENGTHS: [usize; 4] = [10, 100, 1_000, 10_000];

/// A workflow and how many executions of it are made in one round, here and there.
struct Case {
    name: &'static str,
    document: String,
    here: usize,
    there: usize,
}

/// `count` tasks that do nothing, one after the other.
fn sequence(name: &str, count: usize) -> String {
    let mut document = format!("version: '2.0'\n{name}:\n  tasks:\n");
    for task in 0..count {
        let _ = write!(document, "    t{task}:\n      action: std.noop\n");
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
            document: sequence("one", 1),
            here: 400,
            there: 40,
        },
        Case {
            name: "ten",
            document: sequence("ten", 10),
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
    for length in LENGTHS {
        let name = format!("sequence{length}");
        ours.define(&sequence(&name, length), &namespace)
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
