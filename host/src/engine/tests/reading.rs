//! What callers see, and what they delete.

use super::*;
use crate::domain::{ListRequest, Reach};

fn all_of(project: Option<&str>, limit: usize) -> ListRequest<ActionExecution> {
    let reach = project.map_or(Reach::All, |project| Reach::SeenBy(ProjectId::new(project)));
    ListRequest::first(reach, limit)
}

#[tokio::test]
async fn another_projects_execution_is_not_there() {
    let host = Host::start().await;
    let id = host.leave("t.echo").await;
    host.work_off().await;
    let other = op("q");
    let update = UpdateAction {
        state: State::Cancelled,
        output: None,
    };
    assert!(matches!(
        host.engine.action_execution(&other, id).await,
        Err(Error::NotFound(_))
    ));
    assert!(matches!(
        host.engine.journal(&other, id).await,
        Err(Error::NotFound(_))
    ));
    assert!(matches!(
        host.engine.update_action(&other, id, update).await,
        Err(Error::NotFound(_))
    ));
    assert!(matches!(
        host.engine.delete_action_execution(&other, id).await,
        Err(Error::NotFound(_))
    ));
    host.get(id).await;
}

#[tokio::test]
async fn lists_hold_the_callers_project_or_all() {
    let host = Host::start().await;
    let own = host.leave("t.echo").await;
    let others = host
        .engine
        .start_action(&op("q"), saved("t.echo"))
        .await
        .unwrap()
        .execution
        .id;
    let ids = async |list: ListRequest<ActionExecution>| -> Vec<ActionExecutionId> {
        let page = host.engine.action_executions(&list).await.unwrap();
        page.items.iter().map(|execution| execution.id).collect()
    };
    assert_eq!(ids(all_of(Some("p"), 10)).await, [own]);
    assert_eq!(ids(all_of(None, 10)).await, [own, others]);
    let first = host
        .engine
        .action_executions(&all_of(None, 1))
        .await
        .unwrap();
    assert!(first.is_full);
}

#[tokio::test]
async fn only_a_completed_execution_is_deleted_and_its_journal_with_it() {
    let host = Host::start().await;
    let id = host.leave("t.echo").await;
    assert!(matches!(
        host.engine.delete_action_execution(&op("p"), id).await,
        Err(Error::Forbidden(_))
    ));
    host.work_off().await;
    assert_eq!(
        host.engine.journal(&op("p"), id).await.unwrap().log.len(),
        1
    );
    host.engine
        .delete_action_execution(&op("p"), id)
        .await
        .unwrap();
    assert!(matches!(
        host.engine.action_execution(&op("p"), id).await,
        Err(Error::NotFound(_))
    ));
    let journal = crate::store::find::<crate::store::KeptJournal>(&*host.store, id.uuid()).await;
    assert!(journal.unwrap().is_none());
}

#[tokio::test]
async fn a_cancelled_execution_that_is_deleted_before_its_run_ends_leaves_nothing() {
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
    host.engine
        .delete_action_execution(&op("p"), id)
        .await
        .unwrap();
    run.end(Outcome::Cancelled);
    worker.stop().await;
    let journal = crate::store::find::<crate::store::KeptJournal>(&*host.store, id.uuid()).await;
    assert!(journal.unwrap().is_none());
}

#[tokio::test]
async fn the_journal_of_a_run_is_read_while_it_goes_on() {
    let mut host = Host::start().await;
    let id = host.leave("t.hold").await;
    assert_eq!(host.engine.journal(&op("p"), id).await.unwrap().log, []);
    let worker = Worker::start(&host.engine, &host.clock).await;
    let run = host.begun().await;
    run.call.scope.journal.log(LogLine {
        at: Timestamp::from_unix_ms(0),
        level: LogLevel::Warn,
        message: "half way".to_owned(),
        fields: String::new(),
    });
    let journal = host.engine.journal(&op("p"), id).await.unwrap();
    assert_eq!(journal.log[0].message, "half way");
    run.end(done("1"));
    worker.stop().await;
    assert_eq!(host.engine.journal(&op("p"), id).await.unwrap(), journal);
}
