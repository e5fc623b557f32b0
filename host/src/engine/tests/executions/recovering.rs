//! What is told twice, late, or after a crash.

use super::*;
use crate::{
    domain::{Job, Work},
    store::Write,
};

const HOLD: &str =
    "tasks:\n  a:\n    action: t.hold_again\n    on-success: b\n  b:\n    action: t.echo";

#[tokio::test]
async fn an_execution_goes_on_in_another_process() {
    let mut host = Host::start().await;
    host.define("hold", HOLD).await;
    let id = host.start_workflow("hold").await;
    let engine = host.another_engine().await;
    let worker = Worker::start(&engine, &host.clock).await;
    host.begun().await.end(done("1"));
    host.until(id, State::Success).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_run_that_its_host_lost_is_made_again_or_fails_its_task() {
    for (action, state) in [("t.hold_again", State::Success), ("t.hold", State::Error)] {
        let mut host = Host::start().await;
        host.define("hold", &format!("tasks:\n  a:\n    action: {action}"))
            .await;
        let id = host.start_workflow("hold").await;
        let worker = Worker::start(&host.engine, &host.clock).await;
        let lost = host.begun().await;
        worker.task.abort();
        drop(lost);
        host.clock.advance(LEASE * 2);
        let engine = host.another_engine().await;
        let worker = Worker::start(&engine, &host.clock).await;
        if state == State::Success {
            host.begun().await.end(done("1"));
        }
        host.until(id, state).await;
        worker.stop().await;
    }
}

#[tokio::test]
async fn what_is_told_twice_has_its_effects_once() {
    let mut host = Host::start().await;
    host.define("hold", HOLD).await;
    host.define(
        "top",
        "tasks:\n  s:\n    workflow: hold\n    on-success: z\n  z:\n    action: t.echo",
    )
    .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("top").await;
    let run = host.begun().await;
    let below: Vec<WorkflowExecution> = host.all().await;
    let below = below.into_iter().find(|it| it.parent.is_some()).unwrap().id;
    let twice = |work| {
        let now = Timestamp::from_unix_ms(0);
        let job = Job::new(ProjectId::new("p"), work, now);
        host.store.commit(Commit::new().and(Write::AddJob(job)))
    };
    for work in [
        Work::StartExecution(id),
        Work::StartExecution(below),
        Work::SubWorkflowChanged(id, below),
        Work::ActionChanged(below, run.call.id),
    ] {
        twice(work).await.unwrap();
    }
    run.end(done("1"));
    host.until(id, State::Success).await;
    for work in [
        Work::StartExecution(below),
        Work::SubWorkflowChanged(id, below),
        Work::ActionChanged(below, host.all::<ActionExecution>().await[0].id),
        Work::ChangeExecution(below, State::Cancelled),
        Work::BeginMore(id),
        Work::BeginMore(WorkflowExecutionId::generate()),
        Work::StartExecution(WorkflowExecutionId::generate()),
    ] {
        twice(work).await.unwrap();
    }
    host.start_workflow("top").await;
    drop(host.begun().await);
    assert_eq!(host.execution(id).await.state, State::Success);
    let of_first = |run: &&ActionExecution| {
        let task = run.task.as_ref().unwrap();
        task.root_execution_id == id
    };
    let runs: Vec<ActionExecution> = host.all().await;
    assert_eq!(runs.iter().filter(of_first).count(), 3);
    worker.stop().await;
}

#[tokio::test]
async fn two_hosts_that_step_one_execution_lose_nothing() {
    let mut host = Host::start().await;
    host.define(
        "joined",
        "tasks:\n  a:\n    action: t.hold\n    on-success: c\n  b:\n    action: t.later\n    on-success: c\n  c:\n    join: all\n    action: t.echo",
    )
    .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("joined").await;
    let run = host.begun().await;
    // The other host has it in memory now, and does not hear of what this one commits.
    let other = host.another_engine().await;
    let runs: Vec<ActionExecution> = host.all().await;
    let later = runs
        .iter()
        .find(|run| run.name.as_str() == "t.later")
        .unwrap()
        .id;
    let update = UpdateAction {
        state: State::Success,
        output: None,
    };
    other.update_action(&op("p"), later, update).await.unwrap();
    run.end(done("1"));
    host.until(id, State::Success).await;
    assert_eq!(host.task("c").await.state, State::Success);
    worker.stop().await;
}

#[tokio::test]
async fn executions_that_are_not_kept_in_memory_go_on() {
    let mut host = Host::start_with(Settings {
        cached_executions: 0,
        ..settings()
    })
    .await;
    host.define("hold", HOLD).await;
    host.define(
        "top",
        "tasks:\n  s:\n    with-items: i in [1, 2, 3]\n    workflow: hold\n    on-success: z\n  z:\n    action: t.echo",
    )
    .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("top").await;
    for _ in 0..3 {
        host.begun().await.end(done("1"));
    }
    host.until(id, State::Success).await;
    assert_eq!(host.all::<ActionExecution>().await.len(), 7);
    host.no_jobs().await;
    worker.stop().await;
}
