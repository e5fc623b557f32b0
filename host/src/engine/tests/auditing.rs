//! The audit trail: what was done is in it with the change itself, what was refused soon after.

use super::*;
use crate::{
    domain::{AuditEvent, AuditObject, AuditOutcome, ObjectType, Order, OwnLimits},
    engine::AuditSettings,
    store::{self, List},
};

const NOTHING: AuditObject = AuditObject {
    object_type: None,
    id: None,
    name: None,
};

impl Host {
    async fn trail(&self) -> Vec<AuditEvent> {
        let list = List {
            project: None,
            index: None,
            order: Order::Ascending,
            after: None,
            limit: 10_000,
            is_filtered: false,
        };
        let kept = store::list(&*self.store, list, |_: &AuditEvent| true).await;
        kept.unwrap().into_iter().map(|kept| kept.entity).collect()
    }

    /// What was done, to what, since the host began with its module.
    async fn done(&self) -> Vec<(String, String)> {
        let trail = self.trail().await;
        let shown = trail.into_iter().skip(1).map(|event| {
            assert_eq!(event.outcome, AuditOutcome::Done);
            let object_type = event.object.object_type.unwrap();
            (object_type.as_str().to_owned(), event.object.id.unwrap())
        });
        shown.collect()
    }

    /// Ends the trail's keeper once it has begun, so that all that waits is written.
    async fn write_trail(&self) {
        let stop = CancellationToken::new();
        let keeper = tokio::spawn(Arc::clone(&self.engine).keep_audit_trail(stop.clone()));
        self.clock.until_asleep(1).await;
        stop.cancel();
        keeper.await.unwrap();
    }
}

#[tokio::test]
async fn every_change_of_a_caller_is_in_the_trail_and_what_the_host_does_is_not() {
    let host = Host::start().await;
    let first = host.trail().await.remove(0);
    assert_eq!(first.project_id, ProjectId::new("p"));
    assert_eq!(first.user_id.as_deref(), Some("ann"));
    assert_eq!(first.user_name.as_deref(), Some("Ann"));
    assert_eq!(first.rule, "some:rule");
    assert_eq!(&*first.request_id, "req-1");
    assert_eq!(first.object.name.as_deref(), Some("t"));

    let left = host.leave("t.echo").await;
    host.work_off().await;
    let mut waited = saved("t.echo");
    waited.params.run_sync = true;
    let waited = host.run(waited).await.unwrap().execution.id;
    host.run(unsaved("t.echo")).await.unwrap();
    let later = host.leave("t.later").await;
    host.work_off().await;
    host.update(later, State::Success, None).await.unwrap();
    host.engine
        .delete_action_execution(&op("p"), later)
        .await
        .unwrap();
    let (module, _) = host
        .engine
        .add_module_version(&op("p"), &named("t"), host.upload("another"))
        .await
        .unwrap();
    host.engine
        .rollback_module(&op("p"), &named("t"), 1)
        .await
        .unwrap();
    host.engine
        .delete_module(&op("p"), &named("t"))
        .await
        .unwrap();
    let project = ProjectId::new("other");
    host.engine
        .set_quotas(&op("p"), &project, OwnLimits::default())
        .await
        .unwrap();
    host.engine.reset_quotas(&op("p"), &project).await.unwrap();

    let run = |id: ActionExecutionId| ("action_execution".to_owned(), id.to_string());
    let changed = || ("module".to_owned(), module.id.to_string());
    let quota = || ("quota".to_owned(), "other".to_owned());
    let expected = [
        run(left),
        run(waited),
        run(later),
        run(later),
        run(later),
        changed(),
        changed(),
        changed(),
        quota(),
        quota(),
    ];
    assert_eq!(host.done().await, expected);
}

#[tokio::test]
async fn what_was_not_done_is_not_in_the_trail() {
    let host = Host::start().await;
    let id = host.leave("t.later").await;
    let before = host.trail().await.len();
    assert!(
        host.push(&op("p"), "t", COMPONENT, Scope::Public)
            .await
            .is_err()
    );
    let deleted = host.engine.delete_action_execution(&op("p"), id).await;
    assert!(deleted.is_err());
    assert_eq!(host.trail().await.len(), before);
}

#[tokio::test]
async fn refusals_are_written_soon_and_a_flood_of_them_is_cut() {
    let host = Host::start().await;
    let refuse = |count: usize| {
        let record = |_: &usize| host.engine.record_refusal(&op("p"), NOTHING, 403, "no");
        (0..count).filter(record).count()
    };
    assert_eq!(refuse(600), 500);
    host.write_trail().await;
    let trail = host.trail().await;
    assert_eq!(trail.len(), 501);
    let refused = AuditOutcome::Refused {
        status: 403,
        reason: "no".to_owned(),
    };
    assert_eq!(trail[1].outcome, refused);
    assert_eq!(refuse(1), 0);
    host.clock.advance(Duration::from_secs(2));
    assert_eq!(refuse(600), 10);
    host.clock.advance(Duration::from_secs(3600));
    assert_eq!(refuse(600), 500);
}

#[tokio::test]
async fn old_events_go_and_the_others_stay() {
    let host = Host::start_with(Settings {
        audit: AuditSettings { keep_days: 2 },
        ..settings()
    })
    .await;
    host.clock.advance(Duration::from_secs(24 * 60 * 60));
    let young = host.leave("t.later").await;
    host.write_trail().await;
    assert_eq!(host.trail().await.len(), 2);
    host.clock.advance(Duration::from_secs(24 * 60 * 60 + 1));
    host.write_trail().await;
    let left: Vec<_> = host.trail().await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].object.id, Some(young.to_string()));
    assert_eq!(
        left[0].object.object_type,
        Some(ObjectType::ActionExecution)
    );
}
