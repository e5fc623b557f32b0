//! Hosts that are lost, and leases that are.

use super::*;
use crate::{
    domain::{HostId, Job, ListRequest, Reach},
    store::{Store, Wanted},
};

impl Host {
    /// Another host claims what is due at `now`.
    async fn claimed_elsewhere(&self, now: Timestamp) -> Vec<Job> {
        let other = HostId::generate();
        let wanted = Wanted::any(10);
        self.store
            .claim_jobs(other, now, LEASE, wanted)
            .await
            .unwrap()
    }

    /// A host claims what is due, and is never heard of again until its lease has ended.
    pub(super) async fn lose_a_host(&self) {
        use crate::clock::Clock as _;
        assert_eq!(self.claimed_elsewhere(self.clock.now()).await.len(), 1);
        self.clock.advance(LEASE);
    }
}

#[tokio::test]
async fn a_run_whose_host_was_lost_ends_and_says_so() {
    let mut host = Host::start().await;
    let id = host.leave("t.hold").await;
    host.lose_a_host().await;
    host.work_off().await;
    assert!(host.runs.try_recv().is_err(), "it ran again");
    let execution = host.get(id).await;
    assert_eq!(execution.state(), State::Error);
    assert!(output(&execution).contains("The host that ran the action stopped"));
    assert!(output(&execution).contains("not declared idempotent"));
}

#[tokio::test]
async fn an_idempotent_run_whose_host_was_lost_is_made_again() {
    let mut host = Host::start().await;
    let id = host.leave("t.hold_again").await;
    host.lose_a_host().await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let run = host.begun().await;
    assert_eq!((run.call.id, run.call.attempt), (id, 2));
    run.end(done("1"));
    worker.stop().await;
    assert_eq!(host.get(id).await.state(), State::Success);
}

#[tokio::test]
async fn a_result_that_comes_after_the_lease_is_dropped() {
    use crate::clock::Clock as _;
    let mut host = Host::start().await;
    let id = host.leave("t.hold_again").await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let run = host.begun().await;
    let after_the_lease = host.clock.now().after(LEASE);
    let jobs = host.claimed_elsewhere(after_the_lease).await;
    assert_eq!(jobs[0].attempt, 2);
    run.end(done("\"too late\""));
    worker.stop().await;
    let execution = host.get(id).await;
    assert_eq!(
        (execution.state(), &execution.output),
        (State::Running, &None)
    );
    let journal = host.engine.journal(&op("p"), id).await.unwrap();
    assert_eq!(journal, crate::domain::JournalPage::default());
}

#[tokio::test]
async fn a_run_whose_lease_is_lost_is_ended() {
    use crate::clock::Clock as _;
    let mut host = Host::start().await;
    let id = host.leave("t.hold_again").await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let run = host.begun().await;
    host.claimed_elsewhere(host.clock.now().after(LEASE)).await;
    host.clock.advance(LEASE / 3);
    run.call.cancel.cancelled().await;
    run.end(Outcome::Cancelled);
    worker.stop().await;
    assert_eq!(host.get(id).await.state(), State::Running);
}

#[tokio::test]
async fn a_lease_is_renewed_as_long_as_the_run_goes_on() {
    use crate::clock::Clock as _;
    let mut host = Host::start().await;
    let id = host.leave("t.hold").await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let run = host.begun().await;
    for _ in 0..6 {
        host.clock.advance(LEASE / 3);
        // The renewal is over when its task sleeps again.
        host.clock.until_asleep(2).await;
    }
    let others = host.claimed_elsewhere(host.clock.now()).await;
    assert_eq!(others, []);
    run.end(done("1"));
    worker.stop().await;
    assert_eq!(host.get(id).await.state(), State::Success);
}

#[tokio::test]
async fn a_restarted_host_knows_its_modules_and_goes_on_with_what_waits() {
    let host = Host::start().await;
    let id = host.leave("t.echo").await;
    let engine = host.another_engine().await;
    let seen = ListRequest::first(Reach::SeenBy(ProjectId::new("q")), 100);
    let actions = engine.actions(&seen).await.unwrap().items;
    let names: Vec<String> = actions
        .iter()
        .map(crate::engine::FoundAction::marker)
        .collect();
    assert!(names.contains(&"t.echo".to_owned()), "{names:?}");
    Worker::start(&engine, &host.clock).await.stop().await;
    assert_eq!(host.get(id).await.state(), State::Success);
}

#[tokio::test]
async fn a_run_uses_the_component_that_it_began_with() {
    let mut host = Host::start().await;
    let id = host.leave("t.hold").await;
    let began_with = host.get(id).await.digest;
    host.engine
        .add_module_version(&op("p"), &named("t"), host.upload("t.echo alone"))
        .await
        .unwrap();
    let worker = Worker::start(&host.engine, &host.clock).await;
    let run = host.begun().await;
    assert_eq!(run.call.digest, began_with);
    run.end(done("1"));
    worker.stop().await;
    assert_eq!(host.get(id).await.state(), State::Success);
}

#[tokio::test]
async fn a_run_whose_module_was_deleted_before_it_began_ends_and_says_so() {
    let host = Host::start().await;
    let id = host.leave("t.hold_again").await;
    host.engine
        .delete_module(&op("p"), &named("t"))
        .await
        .unwrap();
    host.work_off().await;
    let execution = host.get(id).await;
    assert_eq!(execution.state(), State::Error);
    assert!(output(&execution).contains("The module of t.hold_again was deleted"));
}
