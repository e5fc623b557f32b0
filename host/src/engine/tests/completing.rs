//! How runs end: by themselves, through the API, by a cancellation.

use super::*;

#[tokio::test]
async fn a_pending_run_is_completed_by_an_update() {
    let host = Host::start().await;
    let id = host.leave("t.later").await;
    host.work_off().await;
    host.update(id, State::Success, Some("[1]")).await.unwrap();
    let execution = host.get(id).await;
    assert_eq!(execution.state(), State::Success);
    assert_eq!(output(&execution), r#"{"result": [1]}"#);
}

#[tokio::test]
async fn completing_a_completed_run_is_a_conflict() {
    let host = Host::start().await;
    let id = host.leave("t.echo").await;
    host.work_off().await;
    for state in [State::Success, State::Error, State::Cancelled] {
        let Err(Error::Conflict(reason)) = host.update(id, state, Some("2")).await else {
            panic!("it was completed again, by {state}")
        };
        assert!(reason.contains("SUCCESS"), "{reason}");
    }
    assert_eq!(output(&host.get(id).await), r#"{"result": {"n":1}}"#);
}

#[tokio::test]
async fn cancelling_ends_the_run_and_refuses_its_result() {
    let mut host = Host::start().await;
    let id = host.leave("t.hold").await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let run = host.begun().await;
    run.call.scope.journal.log(LogLine {
        at: Timestamp::from_unix_ms(0),
        level: LogLevel::Info,
        message: "said before".to_owned(),
        fields: String::new(),
    });

    host.update(id, State::Cancelled, None).await.unwrap();
    assert!(run.call.cancel.is_cancelled());
    run.end(done("1"));
    worker.stop().await;

    let execution = host.get(id).await;
    assert_eq!(
        (execution.state(), &execution.output),
        (State::Cancelled, &None)
    );
    let journal = host.engine.journal(&op("p"), id).await.unwrap();
    assert_eq!(journal.log[0].message, "said before");
}

#[tokio::test]
async fn a_run_that_is_cancelled_before_it_begins_is_not_made() {
    let mut host = Host::start().await;
    let id = host.leave("t.hold").await;
    host.update(id, State::Cancelled, None).await.unwrap();
    host.work_off().await;
    assert!(host.runs.try_recv().is_err());
    assert_eq!(host.get(id).await.state(), State::Cancelled);
}

#[tokio::test]
async fn a_result_that_an_update_gave_first_stays() {
    let mut host = Host::start().await;
    let id = host.leave("t.hold_later").await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let run = host.begun().await;
    host.update(id, State::Success, Some("\"by update\""))
        .await
        .unwrap();
    run.end(done("\"by the run\""));
    worker.stop().await;
    assert_eq!(output(&host.get(id).await), r#"{"result": "by update"}"#);
}

#[tokio::test]
async fn a_paused_run_takes_its_result() {
    let mut host = Host::start().await;
    let id = host.leave("t.hold_later").await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let run = host.begun().await;
    host.update(id, State::Paused, None).await.unwrap();
    run.end(done("1"));
    worker.stop().await;
    assert_eq!(host.get(id).await.state(), State::Success);
}

#[tokio::test]
async fn a_run_that_answers_pending_after_its_pause_stays_paused() {
    let mut host = Host::start().await;
    let id = host.leave("t.hold_later").await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let run = host.begun().await;
    host.update(id, State::Paused, None).await.unwrap();
    run.end(Outcome::Pending);
    worker.stop().await;
    assert_eq!(host.get(id).await.state(), State::Paused);
    host.update(id, State::Running, None).await.unwrap();
    host.update(id, State::Error, None).await.unwrap();
    assert_eq!(
        output(&host.get(id).await),
        r#"{"result": "Unknown error"}"#
    );
}

#[tokio::test]
async fn a_synchronous_run_is_not_paused() {
    let host = Host::start().await;
    let id = host.leave("t.hold").await;
    let Err(Error::BadInput(_)) = host.update(id, State::Paused, None).await else {
        panic!("it was paused")
    };
}

#[tokio::test]
async fn a_panic_in_a_run_ends_that_run_alone() {
    let host = Host::start().await;
    let at_once = host.run(unsaved("t.panic")).await.unwrap().execution;
    let mut kept = saved("t.panic");
    kept.params.run_sync = true;
    let kept = host.run(kept).await.unwrap().execution;
    let left = host.leave("t.panic").await;
    host.work_off().await;
    for execution in [at_once, kept, host.get(left).await] {
        assert_eq!(execution.state(), State::Error);
        let output = output(&execution);
        assert!(output.contains("fault of its own") && !output.contains("in a run"));
    }
    assert_eq!(
        host.run(unsaved("t.echo")).await.unwrap().execution.state(),
        State::Success
    );
}
