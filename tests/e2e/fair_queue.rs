//! Projects share a host: what one has waiting or computing delays no other, and a full line is refused.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use e2e::client::{Answer, Client, Run, id_of};
use e2e::cloud::Cloud;
use e2e::faults::FaultServer;
use e2e::host::{Host, Settings};
use e2e::{guests, wait};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// A run that asks `cloud` and waits for the answer until somebody ends it.
fn hanging<'a>(client: &'a Client, cloud: &FaultServer) -> Run<'a> {
    let auth = json!({
        "auth_url": cloud.url("/v3"), "auth_token": "t0ken", "service_catalog": cloud.catalog(""),
    });
    client
        .run("openstack.request")
        .input(json!({ "service_type": "compute", "method": "GET", "path": "/hang" }))
        .custom_context(json!({ "os.auth": auth }))
}

/// A stored run of 50 ms.
fn short(client: &Client) -> Run<'_> {
    let input = json!({ "seconds": 0.05 });
    client.run("std.sleep").input(input).saved()
}

/// A request of its own task, so that it goes on while the test does something else.
type Sent = JoinHandle<Result<Answer>>;

fn send_hanging(client: &Client, cloud: &FaultServer) -> Sent {
    let (client, run) = (client.clone(), hanging(client, cloud).into_body());
    tokio::spawn(async move {
        client
            .send_json(reqwest::Method::POST, "/v2/action_executions", &run)
            .await
    })
}

async fn hang(cloud: &FaultServer, count: usize) -> Result<()> {
    wait::until("the runs wait for the cloud", || async {
        Ok((cloud.seen().len() >= count).then_some(()))
    })
    .await
}

/// The next answer, which must be a refusal of a full line by `setting`.
fn refused(answer: Answer, setting: &str) -> Result<()> {
    let after = answer
        .headers
        .get("retry-after")
        .context("no Retry-After")?
        .to_str()?
        .parse::<u64>()?;
    ensure!((1..=60).contains(&after), "Retry-After: {after}");
    let fault = answer.fault(429)?;
    ensure!(fault.contains(setting), "{fault}");
    Ok(())
}

/// Two projects with a client each, on a host of their own.
async fn two_projects(settings: Settings) -> Result<(Host, Client, Client)> {
    let cloud = Cloud::a()?;
    let (one, two) = (cloud.tenant().await?, cloud.tenant().await?);
    let host = Host::start_with(settings.keystone(&cloud)).await?;
    let first = host.client()?.with_token(&one.token().await?.secret);
    let second = host.client()?.with_token(&two.token().await?.secret);
    Ok((host, first, second))
}

async fn of_state(client: &Client, state: &str) -> Result<usize> {
    let path = format!("/v2/action_executions?state={state}&limit=1000");
    let list = client.get(&path).await?.expect(200)?;
    Ok(list["action_executions"].as_array().map_or(0, Vec::len))
}

#[tokio::test]
async fn a_full_line_is_refused_and_a_place_that_is_given_up_is_free() -> Result<()> {
    let cloud = FaultServer::start().await?;
    let settings = Settings::new()
        .set("runtime", "concurrent_runs_per_project", 2)
        .set("runtime", "waiting_runs_per_project", 3);
    let host = Host::start_with(settings).await?;
    let client = host.client()?;
    let mut sent: Vec<Sent> = (0..2).map(|_| send_hanging(&client, &cloud)).collect();
    hang(&cloud, 2).await?;

    // Three wait, and the other two are refused.
    let mut more: FuturesUnordered<Sent> = (0..5).map(|_| send_hanging(&client, &cloud)).collect();
    for _ in 0..2 {
        let answer = more.next().await.context("five were sent")???;
        refused(answer, "runtime.waiting_runs_per_project = 3")?;
    }
    let waiting: Vec<Sent> = more.into_iter().collect();
    assert_eq!(waiting.len(), 3);
    assert_eq!(cloud.seen().len(), 2, "one more than may run has begun");

    // Its caller gives one up; the next to come waits in its place until its timeout.
    let gone = waiting.into_iter().next().context("three wait")?;
    gone.abort();
    let words = wait::until("there is a place in the line", || async {
        let run = client.run("std.noop").param("timeout", 1);
        let answer = run.send().await?;
        Ok((answer.status != 429).then_some(answer))
    })
    .await?
    .expect(201)?;
    assert!(words["output"].to_string().contains("timeout"), "{words}");
    sent.drain(..).for_each(|run| run.abort());
    Ok(())
}

#[tokio::test]
async fn another_projects_run_passes_a_long_line() -> Result<()> {
    let cloud = FaultServer::start().await?;
    let settings = Settings::new()
        .set("runtime", "concurrent_runs", 1)
        .set("runtime", "waiting_runs", 31)
        .set("runtime", "waiting_runs_per_project", 30);
    let (_host, first, second) = two_projects(settings).await?;
    let running = send_hanging(&first, &cloud);
    hang(&cloud, 1).await?;

    let noop = |client: &Client, whose: &'static str| {
        let client = client.clone();
        tokio::spawn(async move { Ok((whose, client.run("std.noop").send().await?)) })
    };
    let mut runs: FuturesUnordered<JoinHandle<Result<(&str, Answer)>>> =
        (0..31).map(|_| noop(&first, "first")).collect();
    let (_, answer) = runs.next().await.context("the line is full")???;
    refused(answer, "runtime.waiting_runs_per_project = 30")?;
    runs.extend([noop(&second, "second"), noop(&second, "second")]);
    let (_, answer) = runs.next().await.context("both lines are full")???;
    refused(answer, "runtime.waiting_runs = 31")?;

    running.abort();
    let mut before = 0;
    while let Some(run) = runs.next().await {
        let (whose, answer) = run??;
        assert_eq!(answer.expect(201)?["state"], "SUCCESS");
        if whose == "second" {
            break;
        }
        before += 1;
    }
    // It is the second to begin, and the answers of a few others may pass it.
    assert!(before < 15, "{before} of the other project were before it");
    Ok(())
}

#[tokio::test]
async fn another_projects_stored_run_passes_a_long_line() -> Result<()> {
    let cloud = FaultServer::start().await?;
    let settings = Settings::new().set("engine", "concurrent_jobs", 1);
    let (_host, first, second) = two_projects(settings).await?;
    let running = id_of(&hanging(&first, &cloud).saved().created().await?)?;
    hang(&cloud, 1).await?;

    for _ in 0..200 {
        short(&first).created().await?;
    }
    let only = id_of(&short(&second).created().await?)?;
    let cancel = json!({ "state": "CANCELLED" });
    first
        .update_action_execution(&running, &cancel)
        .await?
        .expect(200)?;
    assert_eq!(second.completed(&only).await?["state"], "SUCCESS");
    let left = of_state(&first, "RUNNING").await?;
    assert!(left > 150, "only {left} of the other project are left");
    Ok(())
}

#[tokio::test]
async fn a_project_that_stores_too_many_runs_is_refused_until_one_ends() -> Result<()> {
    let cloud = FaultServer::start().await?;
    let settings =
        Settings::new()
            .set("engine", "concurrent_jobs", 1)
            .set("engine", "jobs_per_project", 3);
    let host = Host::start_with(settings).await?;
    let client = host.client()?;
    let mut stored = Vec::new();
    for _ in 0..3 {
        let run = hanging(&client, &cloud).saved().created().await?;
        stored.push(id_of(&run)?);
    }
    hang(&cloud, 1).await?;
    for action in ["std.noop", "std.async_noop"] {
        let answer = client.run(action).saved().send().await?;
        refused(answer, "engine.jobs_per_project = 3")?;
    }
    assert_eq!(of_state(&client, "RUNNING").await?, 3);
    client.run("std.noop").result().await?;

    // One that waits is cancelled: its place is free at once.
    let cancel = json!({ "state": "CANCELLED" });
    client
        .update_action_execution(&stored[2], &cancel)
        .await?
        .expect(200)?;
    client.run("std.noop").saved().created().await?;
    Ok(())
}

#[tokio::test]
async fn a_timeout_and_a_cancellation_take_effect_though_fifty_others_compute() -> Result<()> {
    let (_host, greedy, other) = two_projects(Settings::new()).await?;
    let probe = guests::guest("probe")?;
    greedy.push("probe", probe.clone()).await?.expect(201)?;
    other.push("probe", probe).await?.expect(201)?;
    let mut computing = Vec::new();
    for _ in 0..50 {
        let run = greedy.run("probe.spin").saved().param("timeout", 600);
        computing.push(id_of(&run.created().await?)?);
    }

    for client in [&greedy, &other] {
        let began = Instant::now();
        let words = client.run("probe.spin").param("timeout", 1).error().await?;
        assert!(words.contains("1 s, its timeout"), "{words}");
        assert!(began.elapsed() >= Duration::from_secs(1));
        // It is a second and some ten milliseconds; fifty that are not told apart would make it much more.
        assert!(began.elapsed() < Duration::from_secs(15));
    }
    other.run("std.noop").result().await?;
    for id in &computing {
        let answer = greedy
            .update_action_execution(id, &json!({ "state": "CANCELLED" }))
            .await?;
        assert_eq!(answer.expect(200)?["state"], "CANCELLED");
    }
    wait::until("nothing runs any more", || async {
        let metrics = other.get("/metrics").await?.text();
        let line = metrics
            .lines()
            .find(|line| line.starts_with("zonda_runs_in_flight "))
            .context("no zonda_runs_in_flight")?;
        Ok(line.ends_with(" 0").then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_run_that_computes_comes_to_its_end_in_the_slow_lane() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    // Some tens of milliseconds of computing; then logs and an answer.
    for _ in 0..2 {
        let taken = client.run("probe.allocate").input(json!({ "mib": 64 }));
        assert_eq!(taken.result().await?, json!(64));
        let run = client
            .run("probe.flood_log")
            .input(json!({ "lines": 20_000, "bytes": 100 }));
        let execution: Value = run.saved().param("run_sync", true).created().await?;
        if execution["state"] != "SUCCESS" {
            bail!("{execution}");
        }
    }
    assert!(!host.log().contains("have the priority of all others"));
    Ok(())
}
