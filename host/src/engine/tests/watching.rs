//! What those who watch an execution are told.

use super::{execution_tree::Tree, *};
use crate::{
    domain::{TaskExecution, WorkflowExecution, samples},
    engine::{Change, Told, Watch, Watched},
    store::{self, Commit, Entity, Kept, Store as _, Turn},
};

/// One word for what a listener is told.
fn word(told: &Told) -> String {
    match &told.what {
        Watched::Changed(Change::Execution(it)) => format!("{} {}", it.workflow_name, it.state),
        Watched::Changed(Change::Task(it)) => format!("{} {}", it.name, it.state),
        Watched::Changed(Change::ActionExecution(it)) => format!("{} {}", it.name, it.state()),
        Watched::Log(_, line) => line.message.clone(),
        Watched::Request(_, trace) => trace.path.clone(),
        Watched::Lagged => "lagged".to_owned(),
    }
}

async fn next(watch: &mut Watch) -> Option<String> {
    watch.next().await.unwrap().as_ref().map(word)
}

async fn rest(watch: &mut Watch) -> Vec<String> {
    let mut words = Vec::new();
    while let Some(word) = next(watch).await {
        words.push(word);
    }
    words
}

async fn take(watch: &mut Watch, count: usize) -> Vec<String> {
    let mut words = Vec::new();
    for _ in 0..count {
        words.push(next(watch).await.unwrap());
    }
    words
}

impl Host {
    async fn watch(&self, project: &str, tree: &Tree, since: Option<Timestamp>) -> Watch {
        self.engine
            .watch(&op(project), tree.root.id, Sight::AllProjects, since)
            .await
            .unwrap()
    }

    /// Commits what was changed, as another host does.
    async fn change<E: Entity>(&self, id: uuid::Uuid, change: impl FnOnce(&mut E)) -> E {
        let mut kept: Kept<E> = store::find(&*self.store, id).await.unwrap().unwrap();
        change(&mut kept.entity);
        self.store
            .commit(Commit::new().update(&kept))
            .await
            .unwrap();
        kept.entity
    }

    async fn end_task(&self, task: &TaskExecution) -> TaskExecution {
        let end = |task: &mut TaskExecution| {
            task.state = State::Success;
            task.updated_at = Some(samples::NOW.after(Duration::from_secs(1)));
        };
        self.change(task.id.uuid(), end).await
    }

    async fn end(&self, execution: &WorkflowExecution) -> WorkflowExecution {
        let end = |execution: &mut WorkflowExecution| {
            execution.state = State::Success;
            execution.updated_at = Some(samples::NOW.after(Duration::from_secs(2)));
        };
        self.change(execution.id.uuid(), end).await
    }
}

const PRESENT: [&str; 7] = [
    "main RUNNING",
    "tried ERROR",
    "sub RUNNING",
    "std.echo ERROR",
    "std.echo SUCCESS",
    "leaf RUNNING",
    "inner RUNNING",
];

#[tokio::test]
async fn a_listener_hears_how_everything_is_then_what_changes_then_the_end() {
    let host = Host::start().await;
    let tree = host.tree().await;
    let mut watch = host.watch("p", &tree, None).await;
    assert_eq!(take(&mut watch, 7).await, PRESENT);
    let inner = host.end_task(&tree.inner).await;
    host.engine.watchers.changed(tree.root.id, &inner);
    assert_eq!(next(&mut watch).await.unwrap(), "inner SUCCESS");
    // What was told is not told again; what nobody told of is found at the end.
    host.engine.watchers.changed(tree.root.id, &inner);
    host.end_task(&tree.sub).await;
    let root = host.end(&tree.root).await;
    host.engine.watchers.changed(tree.root.id, &root);
    assert_eq!(rest(&mut watch).await, ["sub SUCCESS", "main SUCCESS"]);
}

#[tokio::test]
async fn an_ended_execution_is_told_with_its_own_end_last() {
    let host = Host::start().await;
    let tree = host.tree().await;
    host.end(&tree.root).await;
    let mut watch = host.watch("p", &tree, None).await;
    let words = rest(&mut watch).await;
    assert_eq!(words[..6], PRESENT[1..]);
    assert_eq!(words[6..], ["main SUCCESS"]);
}

#[tokio::test]
async fn a_part_of_a_tree_is_watched_alone() {
    let host = Host::start().await;
    let tree = host.tree().await;
    let leaf = tree.leaf.id;
    let caller = op("p");
    let watch = host.engine.watch(&caller, leaf, Sight::Project, None);
    let mut watch = watch.await.unwrap();
    assert_eq!(take(&mut watch, 2).await, ["leaf RUNNING", "inner RUNNING"]);
    let above = host.end_task(&tree.sub).await;
    let inner = host.end_task(&tree.inner).await;
    host.engine.watchers.changed(tree.root.id, &above);
    host.engine.watchers.changed(tree.root.id, &inner);
    let leaf = host.end(&tree.leaf).await;
    host.engine.watchers.changed(tree.root.id, &leaf);
    assert_eq!(rest(&mut watch).await, ["inner SUCCESS", "leaf SUCCESS"]);
}

#[tokio::test]
async fn a_slow_listener_is_told_so_and_how_everything_is_by_now() {
    let host = Host::start().await;
    let tree = host.tree().await;
    let mut watch = host.watch("p", &tree, None).await;
    take(&mut watch, 7).await;
    let inner = host.end_task(&tree.inner).await;
    for _ in 0..1_000 {
        host.engine.watchers.changed(tree.root.id, &inner);
    }
    assert_eq!(take(&mut watch, 2).await, ["lagged", "inner SUCCESS"]);
}

#[tokio::test]
async fn a_connection_that_broke_off_goes_on_after_what_was_heard() {
    let host = Host::start().await;
    let tree = host.tree().await;
    let late = |task: &mut TaskExecution| {
        task.state = State::Success;
        task.updated_at = Some(samples::NOW.after(Duration::from_secs(60)));
    };
    host.change(tree.inner.id.uuid(), late).await;
    let heard = samples::NOW.after(Duration::from_secs(30));
    let mut watch = host.watch("p", &tree, Some(heard)).await;
    assert_eq!(next(&mut watch).await.unwrap(), "inner SUCCESS");
}

#[tokio::test]
async fn what_another_host_commits_is_found_within_a_second_or_so() {
    let host = Host::start().await;
    let tree = host.tree().await;
    let turn = |id| Turn {
        id,
        project_id: ProjectId::new("p"),
    };
    host.put(&turn(tree.root.id)).await;
    host.put(&turn(tree.leaf.id)).await;
    let mut watch = host.watch("p", &tree, None).await;
    take(&mut watch, 7).await;
    let waiting = tokio::spawn(async move { next(&mut watch).await });
    host.clock.until_asleep(1).await;
    host.end_task(&tree.inner).await;
    host.change(tree.leaf.id.uuid(), |_: &mut Turn| {}).await;
    host.clock.advance(Duration::from_secs(1));
    assert_eq!(waiting.await.unwrap().unwrap(), "inner SUCCESS");
}

#[tokio::test]
async fn its_own_project_alone_hears_what_runs_say() {
    let host = Host::start().await;
    for (project, expected) in [
        ("p", &["said by the action", "t.echo SUCCESS"][..]),
        ("q", &["t.echo SUCCESS"]),
    ] {
        let tree = host.tree().await;
        let mut watch = host.watch(project, &tree, None).await;
        take(&mut watch, 7).await;
        // As a task's run, whose journal is kept with its end.
        let id = host.leave("t.echo").await;
        host.work_off().await;
        let of_task = samples::run(&tree.root, &tree.tried, None).task;
        let run = host.change(id.uuid(), |run: &mut ActionExecution| run.task = of_task);
        let run = run.await;
        host.engine.watchers.changed(tree.root.id, &run);
        assert_eq!(take(&mut watch, expected.len()).await, expected);
    }
}

#[tokio::test]
async fn a_run_under_way_is_heard_while_it_speaks() {
    let mut host = Host::start().await;
    let tree = host.tree().await;
    let id = host.leave("t.hold").await;
    let of_task = samples::run(&tree.root, &tree.tried, None).task;
    host.change(id.uuid(), |run: &mut ActionExecution| run.task = of_task)
        .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let held = host.begun().await;
    let mut watch = host.watch("p", &tree, None).await;
    take(&mut watch, 8).await;
    held.call.scope.journal.log(LogLine {
        at: Timestamp::from_unix_ms(1_000_000),
        level: LogLevel::Info,
        message: "under way".to_owned(),
        fields: String::new(),
    });
    let waiting = tokio::spawn(async move { next(&mut watch).await });
    host.clock.until_asleep(3).await;
    host.clock.advance(Duration::from_millis(200));
    assert_eq!(waiting.await.unwrap().unwrap(), "under way");
    held.end(done("1"));
    worker.stop().await;
}

#[tokio::test]
async fn all_watching_ends_when_the_host_stops() {
    let host = Host::start().await;
    let tree = host.tree().await;
    let mut watch = host.watch("p", &tree, None).await;
    take(&mut watch, 7).await;
    host.engine.stop_watches();
    assert_eq!(next(&mut watch).await, None);
}
