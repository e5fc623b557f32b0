//! What callers see of executions and tasks.

use super::*;
use crate::{
    domain::{
        Items, ListRequest, Reach, TaskExecution, TaskExecutionId, TaskKind, WorkflowExecution,
        WorkflowExecutionId, samples,
    },
    engine::TreeRequest,
    store::{Commit, Entity, Store as _},
};

/// An execution of the project `p` with a task that failed, tried twice, and one that began a sub-workflow.
pub(super) struct Tree {
    pub(super) root: WorkflowExecution,
    pub(super) tried: TaskExecution,
    pub(super) sub: TaskExecution,
    pub(super) leaf: WorkflowExecution,
    pub(super) inner: TaskExecution,
}

impl Host {
    pub(super) async fn put<E: Entity>(&self, entity: &E) {
        let commit = Commit::new().create(entity);
        self.store.commit(commit).await.unwrap();
    }

    pub(super) async fn tree(&self) -> Tree {
        let root = samples::execution("p");
        let mut tried = samples::task(&root, "tried", TaskKind::Action);
        tried.state = State::Error;
        tried.policies.retries = 1;
        let sub = samples::task(&root, "sub", TaskKind::Workflow);
        let leaf = samples::sub_execution(&root, &sub);
        let inner = samples::task(&leaf, "inner", TaskKind::Action);
        self.put(&root).await;
        self.put(&leaf).await;
        for task in [&tried, &sub, &inner] {
            self.put(task).await;
        }
        for outcome in [Outcome::Failed(Failure::new("once")), done("2")] {
            let mut run = samples::run(&root, &tried, None);
            run.complete(&outcome, samples::NOW).unwrap();
            self.put(&run).await;
        }
        Tree {
            root,
            tried,
            sub,
            leaf,
            inner,
        }
    }

    async fn ids(&self, found: Result<Vec<WorkflowExecution>, Error>) -> Vec<WorkflowExecutionId> {
        found.unwrap().iter().map(|it| it.id).collect()
    }
}

fn all<T>(project: &str) -> ListRequest<T> {
    ListRequest::first(Reach::SeenBy(ProjectId::new(project)), 10)
}

#[tokio::test]
async fn another_projects_execution_and_its_tasks_are_not_there() {
    let host = Host::start().await;
    let Tree { root, tried, .. } = host.tree().await;
    let other = op("q");
    let execution = async |op: &Operation, sight| host.engine.execution(op, root.id, sight).await;
    let task = async |op: &Operation, sight| host.engine.task(op, tried.id, sight).await;
    let refusal = execution(&other, Sight::Project).await.unwrap_err();
    let words = format!("WorkflowExecution not found [id={}]", root.id);
    assert_eq!(refusal.to_string(), words);
    let refusal = task(&other, Sight::Project).await.unwrap_err();
    let words = format!("Task execution not found [id={}]", tried.id);
    assert_eq!(refusal.to_string(), words);
    assert!(execution(&other, Sight::AllProjects).await.is_ok());
    assert!(task(&other, Sight::AllProjects).await.is_ok());
    assert!(execution(&op("p"), Sight::Project).await.is_ok());
    let executions = host.engine.executions(&all("q")).await.unwrap();
    let tasks = host.engine.tasks(&all("q")).await.unwrap();
    assert!(executions.items.is_empty() && tasks.items.is_empty());
    let watched = host.engine.watch(&other, root.id, Sight::Project, None);
    assert!(matches!(watched.await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn what_hangs_below_an_object_is_listed_there() {
    let host = Host::start().await;
    let tree = host.tree().await;
    let tasks = host.engine.tasks_of(&tree.root, &all("p")).await.unwrap();
    let ids: Vec<TaskExecutionId> = tasks.items.iter().map(|it| it.id).collect();
    assert_eq!(ids, [tree.tried.id, tree.sub.id]);
    let every_run = all("p");
    let runs = host.engine.action_executions_of(&tree.tried, &every_run);
    assert_eq!(runs.await.unwrap().items.len(), 2);
    let below = host.engine.executions_of(&tree.sub, &all("p")).await;
    assert_eq!(host.ids(below.map(|page| page.items)).await, [tree.leaf.id]);
    let none = host.engine.executions_of(&tree.tried, &all("p")).await;
    assert!(none.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_tree_is_flat_with_each_execution_before_those_below_it() {
    let host = Host::start().await;
    let tree = host.tree().await;
    let subs = |request| {
        let found = host
            .engine
            .sub_executions(tree.root.clone(), request, false);
        async { host.ids(found.await).await }
    };
    let everything = TreeRequest::default();
    assert_eq!(subs(everything).await, [tree.root.id, tree.leaf.id]);
    let top = TreeRequest {
        max_depth: Some(0),
        ..everything
    };
    assert_eq!(subs(top).await, [tree.root.id]);
    let errors = TreeRequest {
        errors_only: true,
        ..everything
    };
    assert_eq!(subs(errors).await, [tree.root.id]);
    let below = |request| host.engine.sub_executions_of(&tree.sub, request, false);
    assert_eq!(host.ids(below(top).await).await, [tree.leaf.id]);
    assert!(host.ids(below(errors).await).await.is_empty());
}

#[tokio::test]
async fn a_report_counts_and_shows_what_is_asked_for() {
    let host = Host::start().await;
    let tree = host.tree().await;
    let everything = TreeRequest::default();
    let report = host
        .engine
        .report(&tree.root, everything, true)
        .await
        .unwrap();
    assert_eq!((report.counts.total(), report.counts.running), (3, 2));
    // It runs, and nothing is known of how long such executions take.
    assert_eq!(report.estimated_secs, -1);
    let tasks = report.root.unwrap().tasks.unwrap();
    let names: Vec<&str> = tasks.iter().map(|it| it.entry.name.as_str()).collect();
    assert_eq!(names, ["tried", "sub"]);
    assert_eq!((tasks[0].retries, tasks[0].actions.len()), (1, 2));
    let leaf = &tasks[1].executions[0];
    assert_eq!(leaf.entry.id, tree.leaf.id.uuid());
    let inner = &leaf.tasks.as_ref().unwrap()[0];
    assert_eq!(inner.entry.id, tree.inner.id.uuid());

    let shallow = TreeRequest {
        max_depth: Some(0),
        errors_only: false,
    };
    let report = host.engine.report(&tree.root, shallow, true).await.unwrap();
    assert_eq!(report.counts.total(), 2);
    let tasks = report.root.unwrap().tasks.unwrap();
    assert!(tasks[1].executions[0].tasks.is_none());

    let errors = TreeRequest {
        errors_only: true,
        max_depth: None,
    };
    let report = host.engine.report(&tree.root, errors, false).await.unwrap();
    assert_eq!((report.counts.total(), report.counts.error), (1, 1));
    assert!(report.root.is_none());
}

#[tokio::test]
async fn the_time_that_is_left_follows_from_earlier_executions() {
    let host = Host::start().await;
    let running = WorkflowExecution {
        created_at: Timestamp::from_unix_ms(1_000_000 - 10_000),
        ..samples::execution("p")
    };
    for secs in [20, 40] {
        let earlier = WorkflowExecution {
            id: WorkflowExecutionId::generate(),
            state: State::Success,
            created_at: Timestamp::from_unix_ms(0),
            updated_at: Some(Timestamp::from_unix_ms(secs * 1000)),
            ..running.clone()
        };
        host.put(&earlier).await;
    }
    let left = async |execution: &WorkflowExecution| {
        let report = host.engine.report(execution, TreeRequest::default(), false);
        report.await.unwrap().estimated_secs
    };
    assert_eq!(left(&running).await, 20);
    let ended = WorkflowExecution {
        state: State::Success,
        ..running
    };
    assert_eq!(left(&ended).await, 0);
}

#[tokio::test]
async fn a_result_is_what_the_runs_that_count_came_to() {
    let host = Host::start().await;
    let tree = host.tree().await;
    let result = async |task: &TaskExecution| {
        let result = host.engine.task_result(task).await.unwrap();
        result.as_str().to_owned()
    };
    assert_eq!(result(&tree.tried).await, "2");
    assert_eq!(result(&tree.sub).await, "[]");
    let mut items = samples::task(&tree.root, "items", TaskKind::Action);
    items.items = Some(Items {
        count: 3,
        concurrency: None,
        next: 3,
    });
    for (index, outcome) in [(1, Some("\"b\"")), (0, Some("\"a\"")), (2, None)] {
        let mut run = samples::run(&tree.root, &items, Some(index));
        if let Some(outcome) = outcome {
            run.complete(&done(outcome), samples::NOW).unwrap();
        }
        host.put(&run).await;
    }
    assert_eq!(result(&items).await, r#"["a", "b"]"#);
    let mut ended = samples::sub_execution(&tree.root, &tree.inner);
    ended.state = State::Success;
    ended.output = Some(json(r#"{"y": 5}"#));
    host.put(&ended).await;
    let calls = TaskExecution {
        kind: TaskKind::Workflow,
        ..tree.inner
    };
    assert_eq!(result(&calls).await, r#"{"y": 5}"#);
}
