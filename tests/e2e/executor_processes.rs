//! With `[executor] isolation = "project"`, each project's runs are made in a process of its own.

use anyhow::{Context, Result};
use e2e::client::{Client, id_of, result_of};
use e2e::cloud::Cloud;
use e2e::faults::{FaultServer, path};
use e2e::host::{Host, Settings};
use e2e::{guests, wait};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

fn isolated() -> Settings {
    Settings::new().set("executor", "isolation", "project")
}

/// The executor processes of a host.
fn processes(host: &Host) -> Result<Vec<u32>> {
    let host = host.pid().context("the host has ended")?;
    let mut found = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{host}/task"))? {
        let children = std::fs::read_to_string(thread?.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace() {
            let line =
                std::fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap_or_default();
            if line.contains("execute-actions") {
                found.push(child.parse()?);
            }
        }
    }
    Ok(found)
}

async fn caller(host: &Host, cloud: &Cloud) -> Result<Client> {
    let token = cloud.tenant().await?.token().await?.secret;
    let client = host.client()?.with_token(&token);
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    Ok(client)
}

async fn echo(client: &Client) -> Result<()> {
    let run = client.run("std.echo").input(json!({ "output": 1 }));
    assert_eq!(run.result().await?, 1);
    Ok(())
}

#[tokio::test]
async fn each_project_has_an_executor_process_of_its_own() -> Result<()> {
    let cloud = Cloud::a()?;
    let host = Host::start_with(isolated().keystone(&cloud)).await?;
    let (ours, theirs) = (caller(&host, &cloud).await?, caller(&host, &cloud).await?);
    assert!(
        processes(&host)?.is_empty(),
        "an upload waits for no project"
    );

    echo(&ours).await?;
    let first = processes(&host)?;
    assert_eq!(first.len(), 1);
    echo(&ours).await?;
    assert_eq!(processes(&host)?, first);
    echo(&theirs).await?;
    assert_eq!(processes(&host)?.len(), 2);
    for process in processes(&host)? {
        assert_eq!(std::fs::read(format!("/proc/{process}/environ"))?, b"");
    }
    Ok(())
}

#[tokio::test]
async fn a_run_in_another_process_has_and_leaves_all_that_it_would_here() -> Result<()> {
    let faults = FaultServer::start().await?;
    let host = Host::start_with(isolated()).await?;
    let client = host.client()?;
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    let headers = faults.target_headers("a-token", &faults.catalog(path::ECHO));

    let seen = client
        .run("probe.context")
        .custom_context(json!({ "color": "blue" }))
        .headers(headers.clone())?
        .result()
        .await?;
    assert_eq!(seen["custom_context"], json!({ "color": "blue" }));
    assert_eq!(seen["cloud"]["is_target"], true);

    let execution = client
        .run("probe.request")
        .input(json!({ "service_type": "compute", "path": "/servers" }))
        .headers(headers)?
        .saved()
        .param("run_sync", true)
        .created()
        .await?;
    assert_eq!(result_of(&execution)?["status"], 200, "{execution}");
    let execution_path = format!("/v2/action_executions/{}", id_of(&execution)?);
    let requests = client
        .get(&format!("{execution_path}/requests"))
        .await?
        .expect(200)?;
    assert!(requests.to_string().contains("/servers"), "{requests}");

    client
        .run("probe.flood_log")
        .input(json!({ "lines": 3000, "bytes": 10 }))
        .saved()
        .param("run_sync", true)
        .created()
        .await
        .map(|execution| id_of(&execution))??;

    let words = client
        .run("probe.panic")
        .input(json!({ "message": "oh dear" }));
    assert!(words.error().await?.contains("oh dear"));
    let words = client.run("probe.spin").param("timeout", 1).error().await?;
    assert!(words.contains("timeout"), "{words}");
    Ok(())
}

#[tokio::test]
async fn a_lost_process_takes_its_own_project_s_runs_along_and_no_others() -> Result<()> {
    let cloud = Cloud::a()?;
    let faults = FaultServer::start().await?;
    let host = Host::start_with(isolated().keystone(&cloud)).await?;
    let (ours, theirs) = (caller(&host, &cloud).await?, caller(&host, &cloud).await?);
    let waiting = async |client: &Client| -> Result<String> {
        let headers = faults.target_headers("a-token", &faults.catalog(""));
        let asked = faults.seen().len();
        let run = client
            .run("probe.wait")
            .input(json!({ "service_type": "compute", "path": path::HANG }))
            .headers(headers)?
            .saved();
        let id = id_of(&run.created().await?)?;
        wait::until("the run waits for its cloud", async || {
            Ok((faults.seen().len() > asked).then_some(()))
        })
        .await?;
        Ok(id)
    };
    let lost = waiting(&ours).await?;
    let process = *processes(&host)?.first().context("no process")?;
    let kept = waiting(&theirs).await?;

    let pid = Pid::from_raw(i32::try_from(process)?).context("a process id is never 0")?;
    kill_process(pid, Signal::KILL)?;
    let execution = ours.completed(&lost).await?;
    assert_eq!(execution["state"], "ERROR", "{execution}");
    assert!(
        execution["output"].to_string().contains("executor process"),
        "{execution}"
    );

    let execution = theirs.action_execution(&kept).await?.expect(200)?;
    assert_eq!(execution["state"], "RUNNING");
    theirs
        .update_action_execution(&kept, &json!({ "state": "CANCELLED" }))
        .await?
        .expect(200)?;
    assert_eq!(theirs.completed(&kept).await?["state"], "CANCELLED");
    echo(&ours).await
}

#[tokio::test]
async fn a_process_without_work_ends_and_makes_room_for_another_project() -> Result<()> {
    let cloud = Cloud::a()?;
    let settings = isolated().keystone(&cloud).set("executor", "processes", 1);
    let host = Host::start_with(settings).await?;
    let (ours, theirs) = (caller(&host, &cloud).await?, caller(&host, &cloud).await?);
    for _ in 0..3 {
        echo(&ours).await?;
        echo(&theirs).await?;
    }
    wait::until("one process is left", async || {
        Ok((processes(&host)?.len() == 1).then_some(()))
    })
    .await?;

    let host = Host::start_with(isolated().set("executor", "idle_secs", 0)).await?;
    echo(&host.client()?).await?;
    wait::until("no process is left", async || {
        Ok(processes(&host)?.is_empty().then_some(()))
    })
    .await
}
