//! What callers do with executions that there are.

use super::*;
use crate::domain::{Limit, OwnLimits};

#[tokio::test]
async fn a_cancelled_execution_cancels_what_is_under_way_below_it() {
    let mut host = Host::start().await;
    host.define("hold", "tasks:\n  a:\n    action: t.hold")
        .await;
    host.define(
        "top",
        "tasks:\n  s:\n    workflow: hold\n  b:\n    action: t.hold",
    )
    .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("top").await;
    let (one, two) = (host.begun().await, host.begun().await);
    let stop = UpdateExecution::Stop(State::Cancelled, Some("enough".to_owned()));
    let ended = host.update_workflow(id, stop).await.unwrap();
    assert_eq!(ended.state, State::Cancelled);
    assert_eq!(ended.state_info.as_deref(), Some("enough"));
    for run in [one, two] {
        run.call.cancel.cancelled().await;
        run.end(Outcome::Cancelled);
    }
    host.no_jobs().await;
    let executions: Vec<WorkflowExecution> = host.all().await;
    assert!(executions.iter().all(|it| it.state == State::Cancelled));
    let runs: Vec<ActionExecution> = host.all().await;
    assert!(runs.iter().all(|run| run.state() == State::Cancelled));
    worker.stop().await;
}

#[tokio::test]
async fn a_held_execution_begins_nothing_before_it_is_resumed() {
    let mut host = Host::start().await;
    host.define(
        "hold",
        "tasks:\n  a:\n    action: t.hold\n    on-success: b\n  b:\n    action: t.echo",
    )
    .await;
    host.define("top", "tasks:\n  s:\n    workflow: hold").await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("top").await;
    let run = host.begun().await;
    host.update_workflow(id, UpdateExecution::Pause)
        .await
        .unwrap();
    let below: Vec<WorkflowExecution> = host.all().await;
    let below = below.into_iter().find(|it| it.parent.is_some()).unwrap();
    host.until(below.id, State::Paused).await;
    run.end(done("1"));
    host.no_jobs().await;
    assert_eq!(host.all::<ActionExecution>().await.len(), 1);
    host.update_workflow(id, UpdateExecution::Resume(None))
        .await
        .unwrap();
    host.until(id, State::Success).await;
    assert_eq!(host.all::<ActionExecution>().await.len(), 2);
    host.no_jobs().await;
    worker.stop().await;
}

#[tokio::test]
async fn a_failed_task_is_run_again_and_its_executions_go_on() {
    let mut host = Host::start().await;
    host.define("hold", "tasks:\n  a:\n    action: t.hold")
        .await;
    host.define(
        "top",
        "tasks:\n  s:\n    workflow: hold\n    on-success: z\n  z:\n    action: t.echo",
    )
    .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("top").await;
    host.begun().await.end(Outcome::Failed(Failure::new("no")));
    host.until(id, State::Error).await;
    host.no_jobs().await;
    let task = host.task("a").await.id;
    let rerun = || RerunTask {
        reset: true,
        env: None,
        target: None,
    };
    let again = host
        .engine
        .rerun_task(&op("p"), task, rerun())
        .await
        .unwrap();
    assert_eq!(again.state, State::Running);
    let refused = host.engine.rerun_task(&op("p"), task, rerun()).await;
    assert!(matches!(refused, Err(Error::BadInput(_))), "{refused:?}");
    host.until(id, State::Running).await;
    host.begun().await.end(done("1"));
    host.until(id, State::Success).await;
    assert_eq!(host.task("z").await.state, State::Success);
    host.no_jobs().await;
    worker.stop().await;
}

#[tokio::test]
async fn a_failed_task_is_skipped() {
    let host = Host::start().await;
    host.define(
        "bad",
        "tasks:\n  a:\n    action: t.fail\n    on-skip: b\n  b:\n    action: t.echo",
    )
    .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("bad").await;
    host.until(id, State::Error).await;
    let task = host.task("a").await.id;
    let skipped = host.engine.skip_task(&op("p"), task, None).await.unwrap();
    assert_eq!(skipped.state, State::Skipped);
    host.until(id, State::Success).await;
    let foreign = host.engine.skip_task(&op("q"), task, None).await;
    assert!(matches!(foreign, Err(Error::NotFound(_))), "{foreign:?}");
    worker.stop().await;
}

#[tokio::test]
async fn variables_of_the_environment_change_only_while_nothing_runs() {
    let host = Host::start().await;
    host.define("wait", "tasks:\n  a:\n    action: t.later")
        .await;
    let mut wish = start("wait");
    wish.params = serde_json::from_str(r#"{"env": {"a": 1, "b": {"c": 2}}}"#).unwrap();
    let id = host
        .engine
        .start_execution(&op("p"), wish)
        .await
        .unwrap()
        .id;
    let env = || serde_json::from_str(r#"{"b": {"d": 3}}"#).unwrap();
    let running = UpdateExecution::Describe(None, Some(env()));
    let refused = host.update_workflow(id, running).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    host.update_workflow(id, UpdateExecution::Pause)
        .await
        .unwrap();
    let resumed = host
        .update_workflow(id, UpdateExecution::Resume(Some(env())))
        .await
        .unwrap();
    assert_eq!(
        resumed.params.as_str(),
        r#"{"env":{"a":1,"b":{"c":2,"d":3}},"namespace":""}"#
    );
    let words = UpdateExecution::Describe(Some("mine".to_owned()), None);
    let described = host.update_workflow(id, words).await.unwrap();
    assert_eq!(described.description.as_deref(), Some("mine"));
}

#[tokio::test]
async fn an_ended_execution_goes_nowhere_else() {
    let host = Host::start().await;
    host.define("two", TWO).await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("two").await;
    host.until(id, State::Success).await;
    let paused = host.update_workflow(id, UpdateExecution::Pause).await;
    let text = format!(
        "Can't change workflow execution state from SUCCESS to PAUSED. [workflow=two, execution_id={id}]"
    );
    assert!(
        matches!(&paused, Err(Error::BadInput(said)) if *said == text),
        "{paused:?}"
    );
    let resumed = host
        .update_workflow(id, UpdateExecution::Resume(None))
        .await;
    assert_eq!(resumed.unwrap().state, State::Success);
    worker.stop().await;
}

#[tokio::test]
async fn an_execution_is_deleted_with_all_below_it() {
    let mut host = Host::start().await;
    host.define("hold", "tasks:\n  a:\n    action: t.hold")
        .await;
    host.define(
        "top",
        "tasks:\n  s:\n    workflow: hold\n  e:\n    action: t.echo",
    )
    .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("top").await;
    let run = host.begun().await;
    let refused = host.engine.delete_execution(&op("p"), id, false).await;
    let text = format!(
        "Only completed executions can be deleted. Use --force to override this. Execution {id} is in RUNNING state"
    );
    assert!(
        matches!(&refused, Err(Error::Forbidden(said)) if *said == text),
        "{refused:?}"
    );
    host.engine
        .delete_execution(&op("p"), id, true)
        .await
        .unwrap();
    run.end(Outcome::Cancelled);
    host.no_jobs().await;
    assert!(host.all::<WorkflowExecution>().await.is_empty());
    assert!(host.all::<TaskExecution>().await.is_empty());
    assert!(host.all::<ActionExecution>().await.is_empty());
    assert!(host.all::<crate::store::Turn>().await.is_empty());
    assert!(host.all::<crate::store::KeptJournal>().await.is_empty());
    worker.stop().await;
}

#[tokio::test]
async fn a_project_has_no_more_executions_than_it_may() {
    let host = Host::start().await;
    host.define("wait", "tasks:\n  a:\n    action: t.later")
        .await;
    let limits = OwnLimits {
        running_executions: Some(Limit::at_most(1)),
        ..OwnLimits::default()
    };
    let project = ProjectId::new("p");
    host.engine
        .set_quotas(&op("p"), &project, limits)
        .await
        .unwrap();
    let id = host.start_workflow("wait").await;
    let refused = host.engine.start_execution(&op("p"), start("wait")).await;
    assert!(
        matches!(&refused, Err(Error::OverQuota(text)) if text.contains("running_executions")),
        "{refused:?}"
    );
    let stop = UpdateExecution::Stop(State::Success, None);
    host.update_workflow(id, stop).await.unwrap();
    host.start_workflow("wait").await;
}

#[tokio::test]
async fn ended_executions_go_when_they_are_too_old_or_too_many() {
    let host = Host::start_with(Settings {
        keep_executions_hours: 1,
        keep_executions: 2,
        ..settings()
    })
    .await;
    host.define("two", TWO).await;
    host.define("wait", "tasks:\n  a:\n    action: t.later")
        .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let under_way = host.start_workflow("wait").await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let id = host.start_workflow("two").await;
        host.until(id, State::Success).await;
        ids.push(id);
    }
    let stop = CancellationToken::new();
    assert_eq!(host.engine.sweep_executions(&stop).await.unwrap(), 1);
    let left: Vec<WorkflowExecution> = host.all().await;
    let left: Vec<_> = left.iter().map(|it| it.id).collect();
    assert_eq!(left, [under_way, ids[1], ids[2]]);
    host.clock.advance(Duration::from_secs(3601));
    assert_eq!(host.engine.sweep_executions(&stop).await.unwrap(), 2);
    let left: Vec<WorkflowExecution> = host.all().await;
    assert_eq!(left[0].id, under_way);
    assert_eq!(host.all::<TaskExecution>().await.len(), 1);
    worker.stop().await;
}
