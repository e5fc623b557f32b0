//! Executions from their start to their end, over a real store.

mod changing;
mod recovering;
mod secrets;

use super::*;
use crate::{
    domain::{
        ActionExecution, Namespace, Order, TargetCloud, TaskExecution, WorkflowDefinition,
        WorkflowExecution, WorkflowExecutionId, WorkflowId, WorkflowName,
    },
    engine::{RerunTask, StartExecution, UpdateExecution, WorkflowRef},
    store::{self, Commit, Entity, Kept, List, Store as _},
};

impl Host {
    /// Keeps the definition of the workflow that `tasks` make.
    pub(super) async fn define(&self, name: &str, body: &str) {
        let indented: String = body.lines().map(|line| format!("  {line}\n")).collect();
        let text = format!("version: '2.0'\n{name}:\n{indented}");
        let spec = crate::lang::workflow(&text).unwrap();
        let definition = WorkflowDefinition {
            id: WorkflowId::generate(),
            project_id: ProjectId::new("p"),
            name: WorkflowName::parse(name).unwrap(),
            namespace: Namespace::parse("").unwrap(),
            checksum: Digest::of(text.as_bytes()),
            definition: Arc::clone(&spec.source),
            input: crate::lang::Input::text(&spec.input),
            interface: JsonText::from_value(&serde_json::json!({})),
            tags: Vec::new(),
            scope: Scope::Private,
            workbook: None,
            shared_with: Vec::new(),
            created_at: Timestamp::from_unix_ms(0),
            updated_at: None,
        };
        self.store
            .commit(Commit::new().create(&definition))
            .await
            .unwrap();
    }

    async fn start_workflow(&self, name: &str) -> WorkflowExecutionId {
        let started = self.engine.start_execution(&op("p"), start(name)).await;
        started.unwrap().id
    }

    async fn execution(&self, id: WorkflowExecutionId) -> WorkflowExecution {
        let kept = store::find::<WorkflowExecution>(&*self.store, id.uuid()).await;
        kept.unwrap().unwrap().entity
    }

    /// Returns when the execution is in `state`.
    async fn until(&self, id: WorkflowExecutionId, state: State) -> WorkflowExecution {
        for _ in 0..200_000 {
            let execution = self.execution(id).await;
            if execution.state == state {
                return execution;
            }
            tokio::task::yield_now().await;
        }
        let execution = self.execution(id).await;
        panic!("{:?} {:?}", execution.state, execution.state_info);
    }

    pub(super) async fn all<E: Entity>(&self) -> Vec<E> {
        let list = List {
            project: None,
            index: None,
            order: Order::Ascending,
            after: None,
            limit: 10_000,
            is_filtered: false,
        };
        let all: Vec<Kept<E>> = store::list(&*self.store, list, |_| true).await.unwrap();
        all.into_iter().map(|kept| kept.entity).collect()
    }

    async fn task(&self, name: &str) -> TaskExecution {
        let tasks: Vec<TaskExecution> = self.all().await;
        let mut named = tasks.into_iter().filter(|task| &*task.name == name);
        named.next().unwrap()
    }

    async fn update_workflow(
        &self,
        id: WorkflowExecutionId,
        update: UpdateExecution,
    ) -> Result<WorkflowExecution, Error> {
        self.engine.update_execution(&op("p"), id, update).await
    }

    async fn no_jobs(&self) {
        for _ in 0..100_000 {
            if self.store.count_jobs(&ProjectId::new("p")).await.unwrap() == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("jobs are left");
    }
}

pub(super) fn start(name: &str) -> StartExecution {
    let name = WorkflowName::parse(name).unwrap();
    StartExecution {
        id: None,
        workflow: Some(WorkflowRef::Name(name, Namespace::parse("").unwrap())),
        source_execution_id: None,
        input: None,
        params: None,
        description: None,
        custom_context: None,
        target: None,
    }
}

const TWO: &str =
    "tasks:\n  a:\n    action: t.echo n=1\n    on-success: b\n  b:\n    action: t.echo n=2";

#[tokio::test]
async fn tasks_follow_each_other_to_the_end() {
    let host = Host::start().await;
    host.define("two", TWO).await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("two").await;
    host.until(id, State::Success).await;
    for task in ["a", "b"] {
        assert_eq!(host.task(task).await.state, State::Success);
    }
    let runs: Vec<ActionExecution> = host.all().await;
    let outputs: Vec<_> = runs.iter().map(output).collect();
    assert_eq!(
        outputs,
        [r#"{"result": {"n":1}}"#, r#"{"result": {"n":2}}"#]
    );
    assert!(runs.iter().all(|run| run.accepted));
    host.no_jobs().await;
    worker.stop().await;
}

#[tokio::test]
async fn the_first_actions_begin_in_the_commit_that_makes_the_execution() {
    let host = Host::start().await;
    host.define("two", TWO).await;
    let id = host.start_workflow("two").await;
    assert_eq!(host.execution(id).await.state, State::Running);
    let runs: Vec<ActionExecution> = host.all().await;
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].task.as_ref().unwrap().execution_id, id);
}

#[tokio::test]
async fn a_task_that_fails_fails_its_execution_and_says_so() {
    let host = Host::start().await;
    host.define("bad", "tasks:\n  a:\n    action: t.fail").await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("bad").await;
    let ended = host.until(id, State::Error).await;
    let info = ended.state_info.unwrap();
    assert!(
        info.starts_with("Failure caused by error in tasks: a"),
        "{info}"
    );
    assert!(info.contains("no luck"), "{info}");
    worker.stop().await;
}

#[tokio::test]
async fn an_action_whose_input_does_not_fit_ends_its_task_in_error() {
    let host = Host::start().await;
    host.define(
        "bad",
        "tasks:\n  a:\n    action: t.strict n=1\n    on-error: b\n  b:\n    action: t.echo",
    )
    .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("bad").await;
    host.until(id, State::Success).await;
    assert_eq!(host.task("a").await.state, State::Error);
    let runs: Vec<ActionExecution> = host.all().await;
    assert!(
        output(&runs[0]).contains("Invalid input [name=t.strict]"),
        "{:?}",
        output(&runs[0])
    );
    worker.stop().await;
}

#[tokio::test]
async fn sub_workflows_give_their_parents_what_they_came_to() {
    let host = Host::start().await;
    host.define("two", TWO).await;
    host.define("bad", "tasks:\n  x:\n    action: t.fail").await;
    host.define(
        "top",
        "tasks:\n  s:\n    workflow: two\n    on-success: f\n  f:\n    workflow: bad\n    on-error: z\n  z:\n    action: t.echo",
    )
    .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("top").await;
    host.until(id, State::Success).await;
    assert_eq!(host.task("s").await.state, State::Success);
    assert_eq!(host.task("f").await.state, State::Error);
    let executions: Vec<WorkflowExecution> = host.all().await;
    assert_eq!(executions.len(), 3);
    let below = executions.iter().filter_map(|it| it.parent);
    assert!(
        below
            .into_iter()
            .all(|parent| parent.root_execution_id == id && parent.depth == 1)
    );
    host.no_jobs().await;
    worker.stop().await;
}

#[tokio::test]
async fn all_items_of_a_task_run_at_most_so_many_at_a_time() {
    let mut host = Host::start().await;
    host.define(
        "items",
        "tasks:\n  a:\n    with-items: i in [1, 2, 3, 4, 5]\n    concurrency: 2\n    action: t.hold",
    )
    .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("items").await;
    let mut under_way = vec![host.begun().await, host.begun().await];
    let task = under_way[0].call.task.clone().unwrap();
    assert_eq!((&*task.task_name, task.execution_id), ("a", id));
    for _ in 0..3 {
        assert!(host.runs.try_recv().is_err(), "a third is under way");
        under_way.remove(0).end(done("1"));
        under_way.push(host.begun().await);
    }
    for run in under_way {
        run.end(done("1"));
    }
    host.until(id, State::Success).await;
    assert_eq!(host.all::<ActionExecution>().await.len(), 5);
    worker.stop().await;
}

#[tokio::test]
async fn an_asynchronous_action_is_completed_by_the_api_and_its_execution_goes_on() {
    let host = Host::start().await;
    host.define(
        "wait",
        "tasks:\n  a:\n    action: t.later\n    on-success: b\n  b:\n    action: t.echo",
    )
    .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("wait").await;
    host.no_jobs().await;
    let run = host.all::<ActionExecution>().await[0].id;
    let ended = host.update(run, State::Success, Some("7")).await.unwrap();
    assert_eq!(output(&ended), r#"{"result": 7}"#);
    host.until(id, State::Success).await;
    assert!(host.update(run, State::Success, None).await.is_err());
    worker.stop().await;
}

#[tokio::test]
async fn a_retry_waits_for_its_time() {
    let host = Host::start().await;
    host.define(
        "again",
        "tasks:\n  a:\n    action: t.fail\n    retry:\n      count: 2\n      delay: 10",
    )
    .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("again").await;
    for tries in 1..=2 {
        // The runs first: the state that was read before the last of them may be of the try before.
        while host.all::<ActionExecution>().await.len() != tries
            || host.task("a").await.state != State::Delayed
        {
            tokio::task::yield_now().await;
        }
        host.clock.until_asleep(2).await;
        host.clock.advance(Duration::from_secs(10));
    }
    host.until(id, State::Error).await;
    let runs: Vec<ActionExecution> = host.all().await;
    let accepted: Vec<_> = runs.iter().map(|run| run.accepted).collect();
    assert_eq!(accepted, [false, false, true]);
    host.no_jobs().await;
    worker.stop().await;
}

#[tokio::test]
async fn a_task_that_is_out_of_time_ends_its_run() {
    let mut host = Host::start().await;
    host.define("slow", "tasks:\n  a:\n    action: t.hold\n    timeout: 5")
        .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let id = host.start_workflow("slow").await;
    let run = host.begun().await;
    assert_eq!(run.call.timeout, Duration::from_secs(6));
    host.clock.until_asleep(2).await;
    host.clock.advance(Duration::from_secs(5));
    let ended = host.until(id, State::Error).await;
    assert!(ended.state_info.unwrap().contains("Task timed out"));
    run.call.cancel.cancelled().await;
    run.end(Outcome::Cancelled);
    host.no_jobs().await;
    worker.stop().await;
}

#[tokio::test]
async fn an_execution_that_is_out_of_time_ends_in_error_with_all_below_it() {
    let mut host = Host::start().await;
    host.define("hold", "tasks:\n  a:\n    action: t.hold")
        .await;
    host.define("top", "tasks:\n  s:\n    workflow: hold").await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let mut wish = start("top");
    wish.params = serde_json::from_str(r#"{"timeout": 15}"#).unwrap();
    let id = host
        .engine
        .start_execution(&op("p"), wish)
        .await
        .unwrap()
        .id;
    let run = host.begun().await;
    host.clock.until_asleep(2).await;
    host.clock.advance(Duration::from_secs(15));
    let ended = host.until(id, State::Error).await;
    let info = ended.state_info.unwrap();
    assert!(info.contains("deadline"), "{info}");
    run.end(Outcome::Cancelled);
    host.no_jobs().await;
    let below: Vec<WorkflowExecution> = host.all().await;
    assert!(below.iter().all(|it| it.state.is_completed()));
    worker.stop().await;
}

#[tokio::test]
async fn what_is_asked_for_wrongly_starts_nothing() {
    let host = Host::start().await;
    host.define("one", "input:\n  - x\ntasks:\n  a:\n    action: t.echo")
        .await;
    let missing = host.engine.start_execution(&op("p"), start("one")).await;
    assert!(
        matches!(&missing, Err(Error::BadInput(text)) if text == "Invalid input [name=one, class=WorkflowSpec, missing=['x']]"),
        "{missing:?}"
    );
    let unknown = host.engine.start_execution(&op("p"), start("none")).await;
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
    let foreign = host.engine.start_execution(&op("q"), start("one")).await;
    assert!(matches!(foreign, Err(Error::NotFound(_))), "{foreign:?}");
    let mut wish = start("one");
    wish.params = serde_json::from_str(r#"{"env": "nowhere"}"#).unwrap();
    wish.input = serde_json::from_str(r#"{"x": 1}"#).unwrap();
    let environment = host.engine.start_execution(&op("p"), wish).await;
    assert!(
        matches!(environment, Err(Error::BadInput(_))),
        "{environment:?}"
    );
    assert!(host.all::<WorkflowExecution>().await.is_empty());
}

#[tokio::test]
async fn an_id_starts_one_execution_however_often_it_is_asked_for() {
    let host = Host::start().await;
    host.define("two", TWO).await;
    let id = WorkflowExecutionId::generate();
    let wish = || StartExecution {
        id: Some(id),
        ..start("two")
    };
    let (op, other) = (op("p"), op("q"));
    let (one, two) = tokio::join!(
        host.engine.start_execution(&op, wish()),
        host.engine.start_execution(&op, wish()),
    );
    assert_eq!((one.unwrap().id, two.unwrap().id), (id, id));
    assert_eq!(host.all::<ActionExecution>().await.len(), 1);
    let foreign = host.engine.start_execution(&other, wish()).await;
    assert!(matches!(foreign, Err(Error::Conflict(_))), "{foreign:?}");
}

#[tokio::test]
async fn expressions_carry_values_from_task_to_task() {
    let host = Host::start().await;
    host.define(
        "values",
        "input:\n  - x\noutput:\n  y: <% $.y %>\n  e: <% env().k %>\ntasks:\n  a:\n    action: t.echo n=<% $.x %>\n    publish:\n      y: <% task().result.n + 1 %>",
    )
    .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let mut wish = start("values");
    wish.input = serde_json::from_str(r#"{"x": 1}"#).unwrap();
    wish.params = serde_json::from_str(r#"{"env": {"k": "<% 1 + 1 %>"}}"#).unwrap();
    let id = host
        .engine
        .start_execution(&op("p"), wish)
        .await
        .unwrap()
        .id;
    let ended = host.until(id, State::Success).await;
    assert_eq!(ended.output.unwrap().as_str(), r#"{"y":2,"e":2}"#);
    worker.stop().await;
}
