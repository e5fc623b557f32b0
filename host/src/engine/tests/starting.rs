//! Runs that are made at once, and runs that are left to a worker.

use super::*;
use crate::domain::Order;
use crate::executor::ADMITTED;
use crate::store::{Kind, Query, Store, Wanted};

async fn count(store: &SledStore, kind: Kind) -> usize {
    let query = Query {
        kind,
        project: None,
        index: None,
        sort: None,
        order: Order::Ascending,
        after: None,
        limit: 1000,
    };
    store.list(query).await.unwrap().len()
}

#[tokio::test]
async fn an_unsaved_run_is_made_at_once_and_leaves_nothing() {
    let host = Host::start().await;
    let started = host.run(unsaved("t.echo")).await.unwrap();
    assert!(!started.is_saved);
    assert_eq!(started.execution.state(), State::Success);
    assert_eq!(output(&started.execution), r#"{"result": {"n":1}}"#);
    assert_eq!(count(&host.store, Kind::ActionExecution).await, 0);
    assert_eq!(count(&host.store, Kind::Journal).await, 0);
    let jobs = host.store.claim_jobs(
        crate::domain::HostId::generate(),
        Timestamp::from_unix_ms(i64::MAX),
        LEASE,
        Wanted::any(10),
    );
    assert_eq!(jobs.await.unwrap(), []);
}

#[tokio::test]
async fn a_run_that_fails_is_an_answer_and_not_an_error() {
    let host = Host::start().await;
    let started = host.run(unsaved("t.fail")).await.unwrap();
    assert_eq!(started.execution.state(), State::Error);
    assert_eq!(output(&started.execution), r#"{"result": "no luck"}"#);
}

#[tokio::test]
async fn a_saved_run_is_left_to_a_worker() {
    let host = Host::start().await;
    let id = host.leave("t.echo").await;
    assert_eq!(host.get(id).await.output, None);
    host.work_off().await;
    let execution = host.get(id).await;
    assert_eq!(execution.state(), State::Success);
    assert_eq!(output(&execution), r#"{"result": {"n":1}}"#);
}

#[tokio::test]
async fn a_saved_run_that_is_waited_for_is_kept_when_it_has_ended() {
    let host = Host::start().await;
    let mut start = saved("t.echo");
    start.params.run_sync = true;
    let started = host.run(start).await.unwrap();
    assert!(started.is_saved);
    assert_eq!(host.get(started.execution.id).await, started.execution);
    assert_eq!(started.execution.state(), State::Success);
    let journal = host
        .engine
        .journal(&op("p"), started.execution.id)
        .await
        .unwrap();
    assert_eq!(journal.log[0].message, "said by the action");
}

#[tokio::test]
async fn a_saved_run_outlives_the_client_that_waits_for_it() {
    let mut host = Host::start().await;
    let mut start = saved("t.hold");
    start.params.run_sync = true;
    let engine = Arc::clone(&host.engine);
    let client = tokio::spawn(async move { engine.start_action(&op("p"), start).await });
    let run = host.begun().await;
    let id = run.call.id;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    run.end(done("1"));
    while host.engine.running.journal(id).is_some() {
        tokio::task::yield_now().await;
    }
    loop {
        // It is kept right after it has left the runs under way.
        match host.engine.action_execution(&op("p"), id).await {
            Ok(execution) => break assert_eq!(execution.state(), State::Success),
            Err(Error::NotFound(_)) => tokio::task::yield_now().await,
            Err(err) => panic!("{err}"),
        }
    }
}

#[tokio::test]
async fn an_asynchronous_run_is_kept_and_stays_running_when_it_answers_pending() {
    let host = Host::start().await;
    let started = host.run(unsaved("t.later")).await.unwrap();
    assert!(started.is_saved);
    host.work_off().await;
    let execution = host.get(started.execution.id).await;
    assert_eq!(
        (execution.state(), &execution.output),
        (State::Running, &None)
    );
}

#[tokio::test]
async fn an_asynchronous_action_is_not_waited_for() {
    let host = Host::start().await;
    let mut start = unsaved("t.later");
    start.params.run_sync = true;
    let Err(Error::BadInput(reason)) = host.run(start).await else {
        panic!("it ran")
    };
    assert_eq!(reason, "Action does not support synchronous execution.");
    assert_eq!(count(&host.store, Kind::ActionExecution).await, 0);
}

#[tokio::test]
async fn a_timeout_is_above_zero_and_below_the_operators_limit() {
    let host = Host::start().await;
    for timeout_ms in [0, 3_600_001] {
        let mut start = unsaved("t.echo");
        start.params.timeout_ms = Some(timeout_ms);
        let Err(Error::BadInput(reason)) = host.run(start).await else {
            panic!("a timeout of {timeout_ms} ms was taken")
        };
        assert!(reason.starts_with("params.timeout: "), "{reason}");
    }
}

#[tokio::test]
async fn a_run_is_given_its_timeout_and_its_callback() {
    let mut host = Host::start().await;
    let mut start = saved("t.hold");
    start.params.timeout_ms = Some(1500);
    let id = host.run(start).await.unwrap().execution.id;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let run = host.begun().await;
    assert_eq!((run.call.id, run.call.attempt), (id, 1));
    assert_eq!(run.call.timeout, Duration::from_millis(1500));
    assert_eq!(run.call.callback_url, None);
    run.end(done("1"));
    worker.stop().await;
}

#[tokio::test]
async fn an_unknown_action_is_named_in_the_refusal() {
    let host = Host::start().await;
    let Err(Error::BadInput(reason)) = host.run(unsaved("t.ecoh")).await else {
        panic!("it ran")
    };
    assert_eq!(reason, "Failed to find action [action_name=t.ecoh]");
}

#[tokio::test]
async fn an_input_that_does_not_fit_is_refused_with_every_place() {
    let host = Host::start().await;
    let Err(Error::BadInput(reason)) = host.run(saved("t.strict")).await else {
        panic!("it ran")
    };
    assert!(
        reason.starts_with("Invalid input [name=t.strict]: "),
        "{reason}"
    );
    assert!(
        reason.contains("/n: ") && reason.contains("\"m\""),
        "{reason}"
    );
    assert_eq!(count(&host.store, Kind::ActionExecution).await, 0);
}

#[tokio::test]
async fn a_start_that_finds_the_line_full_is_refused_and_leaves_nothing() {
    let mut host = Host::start().await;
    let mut waiting = Vec::new();
    for _ in 0..ADMITTED {
        let engine = Arc::clone(&host.engine);
        waiting.push(tokio::spawn(async move {
            engine.start_action(&op("p"), unsaved("t.hold")).await
        }));
    }
    let mut runs = Vec::new();
    for _ in 0..ADMITTED {
        runs.push(host.begun().await);
    }
    let mut start = saved("t.echo");
    start.params.run_sync = true;
    for start in [unsaved("t.echo"), start] {
        let Err(Error::Busy(reason)) = host.run(start).await else {
            panic!("it ran")
        };
        assert!(reason.contains("runtime.waiting_runs"), "{reason}");
    }
    assert_eq!(count(&host.store, Kind::ActionExecution).await, 0);
    // What its caller gives up is free again.
    waiting.remove(0).abort();
    while let Err(Error::Busy(_)) = host.run(unsaved("t.echo")).await {
        tokio::task::yield_now().await;
    }
    for run in runs {
        run.end(done("1"));
    }
}

#[tokio::test]
async fn a_project_stores_no_more_runs_than_it_may() {
    let host = Host::start_with(Settings {
        jobs_per_project: 2,
        ..settings()
    })
    .await;
    let first = host.leave("t.echo").await;
    host.run(unsaved("t.later")).await.unwrap();
    for start in [saved("t.echo"), unsaved("t.later")] {
        let Err(Error::Busy(reason)) = host.run(start).await else {
            panic!("it was stored")
        };
        assert!(reason.contains("engine.jobs_per_project = 2"), "{reason}");
    }
    assert_eq!(count(&host.store, Kind::ActionExecution).await, 2);
    let other = host.engine.start_action(&op("q"), saved("t.echo")).await;
    other.unwrap();
    host.run(unsaved("t.echo")).await.unwrap();

    // One that is cancelled before it begins waits no more, nor does one that has been made.
    host.update(first, State::Cancelled, None).await.unwrap();
    host.leave("t.echo").await;
    host.work_off().await;
    host.leave("t.echo").await;
    assert_eq!(host.get(first).await.state(), State::Cancelled);
}
