//! The engine over a real store, with an executor and a clock that do as they are told.

mod ad_hoc;
mod auditing;
mod completing;
mod consenting;
mod definitions;
mod environments;
mod execution_tree;
mod executions;
mod modules;
mod quotas;
mod reading;
mod recovering;
mod secrets;
mod sharing;
mod starting;
mod triggers;
mod watching;
mod worker;

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    Engine, Error, ModuleRef, ModuleSettings, NewModule, Parts, Settings, StartAction,
    StartedAction, UpdateAction, Upload,
};
use crate::{
    clock::ManualClock,
    domain::{
        AccessRule, ActionExecution, ActionExecutionId, ActionName, ActionSpec, Digest, Failure,
        JsonText, LogLevel, LogLine, Module, ModuleName, Namespace, Operation, Origin, Outcome,
        Params, ProjectId, RequestContext, Scope, Sight, State, Timestamp,
    },
    executor::{Call, FakeExecutor, HeldRun, HeldRuns},
    openstack::{self, Clouds},
    store::{KeyRing, SledStore},
};

/// A component with every action of the prefix that it is pushed under.
const COMPONENT: &str = "with everything";

/// How long the other hosts of these tests, and this one, hold a claim.
const LEASE: Duration = Duration::from_secs(30);

/// An engine with what it works with, and the module `t`, public and of the project `p`.
struct Host {
    engine: Arc<Engine>,
    store: Arc<SledStore>,
    executor: Arc<FakeExecutor>,
    clock: Arc<ManualClock>,
    keys: Arc<KeyRing>,
    runs: HeldRuns,
    folder: TempDir,
}

impl Host {
    async fn start() -> Self {
        Self::start_with(settings()).await
    }

    async fn start_with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SledStore::open(&folder.path().join("store"), 16).unwrap());
        let (executor, runs) = executor();
        let executor = Arc::new(executor);
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix_ms(1_000_000)));
        let keys = Arc::new(KeyRing::generate(Timestamp::from_unix_ms(0)).unwrap());
        let parts = Parts {
            store: store.clone(),
            executor: executor.clone(),
            clouds: clouds(&clock),
            keys: keys.clone(),
            clock: clock.clone(),
            settings,
        };
        let host = Self {
            engine: Engine::open(parts).await.unwrap(),
            store,
            executor,
            clock,
            keys,
            runs,
            folder,
        };
        host.push(&op("p"), "t", COMPONENT, Scope::Public)
            .await
            .unwrap();
        host
    }

    /// Another engine over the same store, as after a restart or on another machine.
    async fn another_engine(&self) -> Arc<Engine> {
        self.another_engine_with(ModuleSettings::default()).await
    }

    /// The same, where other signatures are accepted.
    async fn another_engine_with(&self, modules: ModuleSettings) -> Arc<Engine> {
        let parts = Parts {
            store: self.store.clone(),
            executor: self.executor.clone(),
            clouds: clouds(&self.clock),
            keys: self.keys.clone(),
            clock: self.clock.clone(),
            settings: Settings {
                modules,
                ..settings()
            },
        };
        Engine::open(parts).await.unwrap()
    }

    /// A component with `text` in it.
    fn upload(&self, text: &str) -> Upload {
        let bytes = format!("\0asm {text}").into_bytes();
        self.upload_bytes(&bytes)
    }

    fn upload_bytes(&self, bytes: &[u8]) -> Upload {
        let digest = Digest::of(bytes);
        let file: PathBuf = self.folder.path().join(digest.hex());
        std::fs::write(&file, bytes).unwrap();
        Upload {
            file,
            digest,
            size_bytes: bytes.len() as u64,
            signature: None,
        }
    }

    async fn push(
        &self,
        op: &Operation,
        name: &str,
        text: &str,
        scope: Scope,
    ) -> Result<Module, Error> {
        let new = NewModule {
            name: ModuleName::parse(name).unwrap(),
            scope,
            upload: self.upload(text),
        };
        let created = self.engine.create_module(op, new).await;
        created.map(|(module, _)| module)
    }

    async fn run(&self, start: StartAction) -> Result<StartedAction, Error> {
        self.engine.start_action(&op("p"), start).await
    }

    /// Leaves a saved run to a worker.
    async fn leave(&self, action: &str) -> ActionExecutionId {
        let started = self.run(saved(action)).await.unwrap();
        assert_eq!(started.execution.state(), State::Running);
        started.execution.id
    }

    async fn get(&self, id: ActionExecutionId) -> ActionExecution {
        self.engine
            .action_execution(&op("p"), id, Sight::Project)
            .await
            .unwrap()
    }

    async fn update(
        &self,
        id: ActionExecutionId,
        state: State,
        output: Option<&str>,
    ) -> Result<ActionExecution, Error> {
        let output = output.map(json);
        self.engine
            .update_action(&op("p"), id, UpdateAction { state, output })
            .await
    }

    /// The next held run.
    async fn begun(&mut self) -> HeldRun {
        self.runs.recv().await.unwrap()
    }

    /// Does all that is due, to its end.
    async fn work_off(&self) {
        Worker::start(&self.engine, &self.clock).await.stop().await;
    }
}

/// A worker that has claimed all that was due when it began.
struct Worker {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Worker {
    async fn start(engine: &Arc<Engine>, clock: &ManualClock) -> Self {
        Self::start_with_grace(engine, clock, Duration::from_secs(3600)).await
    }

    async fn start_with_grace(engine: &Arc<Engine>, clock: &ManualClock, grace: Duration) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(Arc::clone(engine).work(stop.clone(), grace));
        // One waits for work and one for the time to renew leases.
        clock.until_asleep(2).await;
        Self { stop, task }
    }

    /// Returns when the runs under way have ended; the clock stands, so that no grace passes.
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// Clouds that nobody reaches, by the tests' clock.
fn clouds(clock: &Arc<ManualClock>) -> Arc<Clouds> {
    let clouds = Clouds::new(
        openstack::Settings::default(),
        &openstack::HttpSettings::default(),
        clock.clone(),
    );
    Arc::new(clouds.unwrap())
}

fn executor() -> (FakeExecutor, HeldRuns) {
    let echo = |call: &Call| {
        let message = "said by the action".to_owned();
        call.scope.journal.log(LogLine {
            at: Timestamp::from_unix_ms(1_000_000),
            level: LogLevel::Info,
            message,
            fields: String::new(),
        });
        Outcome::Done(call.input.clone())
    };
    let fail = |_: &Call| Outcome::Failed(Failure::new("no luck"));
    let cloudy = ActionSpec {
        access: vec![AccessRule {
            service_type: "compute".to_owned(),
            method: "GET".to_owned(),
            path: "/**".to_owned(),
        }],
        ..spec("t.cloudy")
    };
    let later = ActionSpec {
        asynchronous: true,
        ..spec("t.later")
    };
    let again = ActionSpec {
        idempotent: true,
        ..spec("t.hold_again")
    };
    let hold_later = ActionSpec {
        asynchronous: true,
        ..spec("t.hold_later")
    };
    let strict = ActionSpec {
        input_schema: json(
            r#"{"type": "object", "properties": {"n": {"type": "string"}}, "required": ["m"]}"#,
        ),
        ..spec("t.strict")
    };
    FakeExecutor::default()
        .with(spec("t.echo"), echo)
        .with(spec("t.fail"), fail)
        .with(spec("t.panic"), |_| panic!("in a run"))
        .with(cloudy, echo)
        .with(later, |_| Outcome::Pending)
        .with(strict, echo)
        .with(spec("own.echo"), echo)
        .with(spec("own.other"), echo)
        .with_held([spec("t.hold"), again, hold_later])
}

fn spec(name: &str) -> ActionSpec {
    ActionSpec {
        name: ActionName::parse(name).unwrap(),
        description: "An action.".to_owned(),
        input_schema: json(r#"{"type": "object"}"#),
        output_schema: None,
        access: Vec::new(),
        idempotent: false,
        asynchronous: false,
    }
}

fn settings() -> Settings {
    Settings {
        lease_secs: LEASE.as_secs(),
        ..Settings::default()
    }
}

/// What a user of `project` does.
fn op(project: &str) -> Operation {
    Operation {
        project_id: ProjectId::new(project),
        user_id: Some("ann".into()),
        request: RequestContext::resumed(&"req-1".into()),
        origin: Origin {
            user_name: Some("Ann".into()),
            rule: "some:rule",
            ..Origin::default()
        },
    }
}

fn json(text: &str) -> JsonText {
    JsonText::parse(text).unwrap()
}

fn done(text: &str) -> Outcome {
    Outcome::Done(json(text))
}

/// An unsaved run of `action`, whose input is `{"n": 1}`.
fn unsaved(action: &str) -> StartAction {
    let mut input = Map::new();
    input.insert("n".to_owned(), Value::from(1));
    StartAction {
        namespace: Namespace::default(),
        name: ActionName::parse(action).unwrap(),
        input,
        params: Params::default(),
        description: None,
        custom_context: None,
        target: None,
    }
}

/// A saved run of `action`.
fn saved(action: &str) -> StartAction {
    let mut start = unsaved(action);
    start.params.save_result = true;
    start
}

fn output(execution: &ActionExecution) -> &str {
    execution.output.as_ref().map_or("", JsonText::as_str)
}

fn named(name: &str) -> ModuleRef {
    ModuleRef::Name(ModuleName::parse(name).unwrap())
}
