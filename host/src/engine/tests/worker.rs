//! The worker: how many runs it makes at once, and how it stops.

use super::*;

#[tokio::test]
async fn work_that_is_added_is_begun_without_waiting_for_the_time() {
    let mut host = Host::start().await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.leave("t.hold").await;
    let run = host.begun().await;
    assert_eq!(run.call.id, id);
    run.end(done("1"));
    worker.stop().await;
}

#[tokio::test]
async fn many_runs_are_made_at_the_same_time() {
    let mut host = Host::start().await;
    for _ in 0..100 {
        host.leave("t.hold").await;
    }
    let worker = Worker::start(&host.engine, &host.clock).await;
    let mut runs = Vec::new();
    for _ in 0..100 {
        runs.push(host.begun().await);
    }
    let ids: Vec<_> = runs.iter().map(|run| run.call.id).collect();
    for run in runs {
        run.end(done("1"));
    }
    worker.stop().await;
    for id in ids {
        assert_eq!(host.get(id).await.state(), State::Success);
    }
}

#[tokio::test]
async fn a_worker_that_stops_waits_for_its_runs_and_begins_no_more() {
    let mut host = Host::start().await;
    let id = host.leave("t.hold").await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let run = host.begun().await;
    worker.stop.cancel();
    let waiting = host.leave("t.hold").await;
    run.end(done("1"));
    worker.task.await.unwrap();
    assert_eq!(host.get(id).await.state(), State::Success);
    assert!(host.runs.try_recv().is_err());
    assert_eq!(host.get(waiting).await.state(), State::Running);
}

#[tokio::test]
async fn runs_that_outlast_the_grace_are_left_for_their_next_claim() {
    let mut host = Host::start().await;
    let id = host.leave("t.hold_again").await;
    let grace = Duration::from_secs(5);
    let worker = Worker::start_with_grace(&host.engine, &host.clock, grace).await;
    let run = host.begun().await;
    worker.stop.cancel();
    // The one that waits for work has woken; the one that measures the grace sleeps in its place.
    while !run.call.cancel.is_cancelled() {
        host.clock.until_asleep(1).await;
        host.clock.advance(grace);
        tokio::task::yield_now().await;
    }
    run.end(done("\"never kept\""));
    worker.task.await.unwrap();
    assert_eq!(host.get(id).await.state(), State::Running);

    host.clock.advance(LEASE);
    let engine = host.another_engine().await;
    let worker = Worker::start(&engine, &host.clock).await;
    let run = host.begun().await;
    assert_eq!((run.call.id, run.call.attempt), (id, 2));
    run.end(done("2"));
    worker.stop().await;
    assert_eq!(output(&host.get(id).await), r#"{"result": 2}"#);
}

#[tokio::test]
async fn a_project_has_no_more_stored_runs_under_way_than_may_run() {
    let mut host = Host::start_with(Settings {
        runs_per_project: 2,
        ..settings()
    })
    .await;
    for _ in 0..4 {
        host.leave("t.hold").await;
    }
    let worker = Worker::start(&host.engine, &host.clock).await;
    let (first, second) = (host.begun().await, host.begun().await);
    assert!(host.runs.try_recv().is_err(), "a third is under way");
    // The next is claimed as soon as there is room, without waiting for the time.
    first.end(done("1"));
    let third = host.begun().await;
    assert!(host.runs.try_recv().is_err(), "a fourth is under way");
    for run in [second, third] {
        run.end(done("1"));
    }
    host.begun().await.end(done("1"));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_end_while_there_is_no_room_for_more_let_more_begin() {
    let mut host = Host::start_with(Settings {
        runs_per_project: 2,
        ..settings()
    })
    .await;
    for _ in 0..200 {
        host.leave("t.hold").await;
    }
    // Time stands still: nothing is found by looking again.
    let worker = Worker::start(&host.engine, &host.clock).await;
    for _ in 0..200 {
        host.begun().await.end(done("1"));
    }
    worker.stop().await;
}

#[tokio::test]
async fn stored_runs_of_projects_are_made_in_turn() {
    let mut host = Host::start_with(Settings {
        concurrent_jobs: 1,
        ..settings()
    })
    .await;
    for project in ["p", "p", "p", "p", "q"] {
        host.engine
            .start_action(&op(project), saved("t.hold"))
            .await
            .unwrap();
    }
    let worker = Worker::start(&host.engine, &host.clock).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        let run = host.begun().await;
        made.push(run.call.scope.project_id.to_string());
        run.end(done("1"));
    }
    worker.stop().await;
    assert_eq!(made, ["p", "q", "p", "p", "p"]);
}
