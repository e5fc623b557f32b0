//! What a project may have: exactly that, whatever comes at once, and no end of a run is lost to it.

use futures::future::join_all;

use super::*;
use crate::{
    domain::{Limit, OwnLimits, Tally},
    engine::QuotaSettings,
    store::Store as _,
};

fn with_quotas(quotas: QuotaSettings) -> Settings {
    Settings {
        quotas,
        ..settings()
    }
}

fn stored(most: u64) -> QuotaSettings {
    QuotaSettings {
        stored_action_executions: Limit::at_most(most),
        ..QuotaSettings::default()
    }
}

fn words(refused: Result<impl std::fmt::Debug, Error>) -> String {
    match refused {
        Err(Error::OverQuota(words)) => words,
        other => panic!("{other:?}"),
    }
}

impl Host {
    async fn has(&self, tally: Tally) -> u64 {
        let usage = self.store.usage(&ProjectId::new("p")).await.unwrap();
        usage.of(tally)
    }

    async fn allow(&self, limits: OwnLimits) {
        let admin = op("admins");
        let project = ProjectId::new("p");
        self.engine
            .set_quotas(&admin, &project, limits)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn of_many_starts_at_once_as_many_are_kept_as_allowed_and_a_deletion_makes_room() {
    let host = Host::start_with(with_quotas(stored(10))).await;
    let outcomes = join_all((0..50).map(|_| host.run(saved("t.later")))).await;
    let kept: Vec<_> = outcomes.iter().flatten().collect();
    assert_eq!(kept.len(), 10);
    let kept_id = kept[0].execution.id;
    let refused = outcomes.into_iter().find(Result::is_err).unwrap();
    assert_eq!(
        words(refused),
        "Quota exceeded for stored_action_executions: 10 of 10 are in use; delete some or ask an admin for more."
    );
    // Another project has its own ten.
    let other = host.engine.start_action(&op("q"), saved("t.later")).await;
    assert!(other.is_ok());

    host.work_off().await;
    let listed = host.has(Tally::StoredActionExecutions).await;
    assert_eq!(
        (listed, host.has(Tally::RunningActionExecutions).await),
        (10, 10)
    );
    let usage = host.store.usage(&ProjectId::new("p")).await.unwrap();
    let id = kept_id;
    host.update(id, State::Success, None).await.unwrap();
    assert_eq!(host.has(Tally::RunningActionExecutions).await, 9);
    words(host.run(saved("t.later")).await);
    host.engine
        .delete_action_execution(&op("p"), id)
        .await
        .unwrap();
    assert!(host.has(Tally::Bytes).await < usage.of(Tally::Bytes));
    host.run(saved("t.later")).await.unwrap();
    words(host.run(saved("t.later")).await);
}

#[tokio::test]
async fn a_run_that_is_kept_at_its_end_has_its_place_from_the_start() {
    let mut host = Host::start_with(with_quotas(stored(1))).await;
    let waiting = |action| {
        let mut start = saved(action);
        start.params.run_sync = true;
        start
    };
    let engine = Arc::clone(&host.engine);
    let first = waiting("t.hold");
    let first = tokio::spawn(async move { engine.start_action(&op("p"), first).await });
    let held = host.begun().await;
    words(host.run(waiting("t.echo")).await);
    words(host.run(saved("t.later")).await);
    host.run(unsaved("t.echo")).await.unwrap();
    held.end(done("1"));
    let first = first.await.unwrap().unwrap();
    assert_eq!(first.execution.state(), State::Success);
    assert_eq!(host.has(Tally::StoredActionExecutions).await, 1);
    words(host.run(waiting("t.echo")).await);
}

#[tokio::test]
async fn the_end_of_a_run_and_its_journal_are_kept_whatever_the_quota() {
    let host = Host::start().await;
    let id = host.leave("t.echo").await;
    host.allow(OwnLimits {
        stored_action_executions: Some(Limit::at_most(0)),
        running_action_executions: Some(Limit::at_most(0)),
        bytes: Some(Limit::at_most(0)),
        ..OwnLimits::default()
    })
    .await;
    words(host.run(saved("t.echo")).await);
    host.work_off().await;
    assert_eq!(host.get(id).await.state(), State::Success);
    let journal = host.engine.journal(&op("p"), id).await.unwrap();
    assert_eq!(journal.log.len(), 1);
    host.engine
        .delete_action_execution(&op("p"), id)
        .await
        .unwrap();
    assert_eq!(host.has(Tally::StoredActionExecutions).await, 0);
}

#[tokio::test]
async fn modules_and_their_bytes_are_limited_and_a_rollback_is_not() {
    let host = Host::start().await;
    let bytes = host.has(Tally::Bytes).await;
    assert_eq!(host.has(Tally::Modules).await, 1);
    host.allow(OwnLimits {
        modules: Some(Limit::at_most(1)),
        ..OwnLimits::default()
    })
    .await;
    let refused = host.push(&op("p"), "own", "a", Scope::Private).await;
    assert_eq!(
        words(refused),
        "Quota exceeded for modules: 1 of 1 are in use; delete some or ask an admin for more."
    );
    host.allow(OwnLimits {
        modules: Some(Limit::UNLIMITED),
        bytes: Some(Limit::at_most(bytes + 10)),
        ..OwnLimits::default()
    })
    .await;
    let upload = host.upload("another");
    let size = upload.size_bytes;
    let refused = host
        .engine
        .add_module_version(&op("p"), &named("t"), upload)
        .await;
    let expected = format!(
        "{bytes} of {} are in use, and {size} more are needed",
        bytes + 10
    );
    let refused = words(refused.map(|(module, _)| module));
    assert!(refused.contains(&expected), "{refused}");
    host.allow(OwnLimits {
        bytes: Some(Limit::at_most(bytes + size)),
        ..OwnLimits::default()
    })
    .await;
    let upload = host.upload("another");
    host.engine
        .add_module_version(&op("p"), &named("t"), upload)
        .await
        .unwrap();
    assert_eq!(host.has(Tally::Bytes).await, bytes + size);
    host.engine
        .rollback_module(&op("p"), &named("t"), 1)
        .await
        .unwrap();
    host.engine
        .delete_module(&op("p"), &named("t"))
        .await
        .unwrap();
    assert_eq!(host.has(Tally::Bytes).await, 0);
}

#[tokio::test]
async fn another_host_knows_new_quotas_after_a_while() {
    let host = Host::start().await;
    let other = host.another_engine().await;
    let start = async || other.start_action(&op("p"), saved("t.later")).await;
    start().await.unwrap();
    host.allow(OwnLimits {
        stored_action_executions: Some(Limit::at_most(1)),
        ..OwnLimits::default()
    })
    .await;
    words(host.run(saved("t.later")).await);
    start().await.unwrap();
    host.clock.advance(Duration::from_secs(10));
    words(start().await);

    let project = ProjectId::new("p");
    host.engine
        .reset_quotas(&op("admins"), &project)
        .await
        .unwrap();
    host.engine
        .reset_quotas(&op("admins"), &project)
        .await
        .unwrap();
    host.run(saved("t.later")).await.unwrap();
    assert_eq!(host.has(Tally::OwnQuotas).await, 0);
}
