//! Real components through executor and runtime; `scripts/build-actions` makes them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use cap_std::{ambient_authority, fs::Dir};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Call, Executor as _, TakeInError, WasmExecutor};
use crate::{
    clock::{Clock, SystemClock},
    domain::{
        ActionExecutionId, ActionName, ActionSpec, CustomContext, Digest, Failure, Journal,
        JournalCaps, JsonText, LogLevel, ModuleName, Outcome, PrivateObject, ProjectId,
        RequestContext,
    },
    openstack::{Clouds, Consent, RunScope},
    runtime::{ArtefactKey, CompileSettings, Runtime, Settings, compile},
};

const JOURNAL_CAPS: JournalCaps = JournalCaps {
    lines: 100,
    bytes: 256 << 10,
    requests: 100,
};

/// A host of its own in a directory of its own.
struct Host {
    executor: WasmExecutor,
    settings: Settings,
    dir: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        // The pool is sized from it; a test needs few.
        let settings = Settings {
            concurrent_runs: 16,
            ..settings
        };
        let dir = tempfile::tempdir().unwrap();
        let executor = executor(dir.path(), &settings, [7; 32]);
        Self {
            executor,
            settings,
            dir,
        }
    }

    /// The same host after a restart, with another key if one is given.
    fn restart(&mut self, key: [u8; 32]) {
        self.executor = executor(self.dir.path(), &self.settings, key);
    }

    async fn try_take_in(&self, name: &str, component: &[u8]) -> Result<Module, TakeInError> {
        let upload = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(upload.path(), component).unwrap();
        let digest = Digest::of(component);
        let module = ModuleName::parse(name).unwrap();
        let specs = self
            .executor
            .take_in(upload.path(), digest, Some(&module))
            .await?;
        Ok(Module { digest, specs })
    }

    async fn take_in(&self, name: &str) -> Module {
        let place = if name == "std" { "actions" } else { "guests" };
        self.try_take_in(name, &component(place, name))
            .await
            .unwrap()
    }

    /// What the uploader reads.
    async fn refusal(&self, component: &[u8]) -> String {
        let refused = self.try_take_in("faulty", component).await;
        let kept = std::fs::read_dir(self.dir.path()).unwrap().count();
        assert_eq!(kept, 0, "a refused upload leaves nothing");
        match refused {
            Err(TakeInError::Refused(text) | TakeInError::TooExpensive(text)) => text,
            other => panic!("not refused: {:?}", other.map(|module| module.specs)),
        }
    }

    async fn run(&self, module: &Module, action: &str, input: Value) -> Outcome {
        self.executor.run(self.call(module, action, &input)).await
    }

    async fn done(&self, module: &Module, action: &str, input: Value) -> Value {
        let outcome = self.run(module, action, input).await;
        let Outcome::Done(json) = outcome else {
            panic!("{action} ended in {outcome:?}");
        };
        json.to().unwrap()
    }

    async fn failure(&self, module: &Module, action: &str, input: Value) -> Failure {
        let outcome = self.run(module, action, input).await;
        let Outcome::Failed(failure) = outcome else {
            panic!("{action} ended in {outcome:?}");
        };
        failure
    }

    fn call(&self, module: &Module, action: &str, input: &Value) -> Call {
        let name = ActionName::parse(action).unwrap();
        let spec = module.specs.iter().find(|spec| spec.name == name);
        Call {
            id: ActionExecutionId::generate(),
            digest: module.digest,
            input: JsonText::from_value(input),
            attempt: 1,
            scope: RunScope {
                consent: Arc::new(Consent::for_tests()),
                project_id: ProjectId::new("project"),
                spec: Arc::new(spec.unwrap().clone()),
                request: RequestContext {
                    request_id: "req-1".into(),
                    traceparent: "00-1-1-00".into(),
                },
                journal: Arc::new(Journal::new(JOURNAL_CAPS)),
            },
            custom_context: None,
            session: None,
            timeout: Duration::from_secs(20),
            cancel: CancellationToken::new(),
            place: None,
            task: None,
            callback_url: None,
        }
    }

    fn compiled(&self) -> PathBuf {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        paths
            .find(|path| path.extension().is_some_and(|end| end == "cwasm"))
            .unwrap()
    }
}

#[derive(Debug)]
struct Module {
    digest: Digest,
    specs: Vec<ActionSpec>,
}

/// The compiling child is this test program, which answers as [`compiling_child`].
fn executor(dir: &Path, settings: &Settings, key: [u8; 32]) -> WasmExecutor {
    let program = compile::Program {
        path: "/proc/self/exe".into(),
        arguments: [
            "--exact",
            "executor::tests::compiling_child",
            "--nocapture",
            "--test-threads=1",
            compile::SUBCOMMAND,
        ]
        .map(Into::into)
        .into(),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let runtime = Runtime::with_compiler(
        settings.clone(),
        Dir::open_ambient_dir(dir, ambient_authority()).unwrap(),
        ArtefactKey::new(key),
        clouds(),
        Arc::clone(&clock),
        program,
    )
    .unwrap();
    WasmExecutor::over(runtime, super::wasm::limits(settings), clock).unwrap()
}

/// Not a test but the child of the others: it drops what the test program has printed, compiles and is gone.
#[test]
fn compiling_child() {
    if std::env::args().any(|argument| argument == compile::SUBCOMMAND) {
        rustix::fs::ftruncate(std::io::stdout(), 0).unwrap();
        rustix::fs::seek(std::io::stdout(), rustix::fs::SeekFrom::Start(0)).unwrap();
        let is_good = compile::child_main() == std::process::ExitCode::SUCCESS;
        std::process::exit(if is_good { 0 } else { 2 });
    }
}

fn clouds() -> Arc<Clouds> {
    Clouds::for_tests()
}

fn component(place: &str, name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target")
        .join(place)
        .join(format!("{name}.wasm"));
    std::fs::read(&path)
        .unwrap_or_else(|err| panic!("{}: {err}: run scripts/build-actions", path.display()))
}

/// `text` as part of the component `faulty`, in place of a text of the same length.
fn patched(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = component("guests", "faulty");
    let places: Vec<_> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, window)| *window == from.as_bytes())
        .map(|(at, _)| at)
        .collect();
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

fn faulty(mode: &str) -> Vec<u8> {
    patched(
        "faulty-mode:good------------",
        &format!("faulty-mode:{mode:-<16}"),
    )
}

#[tokio::test]
async fn a_noop_runs() {
    let host = Host::new();
    let std = host.take_in("std").await;
    assert_eq!(host.done(&std, "std.noop", json!({})).await, Value::Null);
}

#[tokio::test]
async fn what_goes_in_comes_out() {
    let host = Host::new();
    let std = host.take_in("std").await;
    let output = json!({"a": [1, "zwölf", null], "b": {"c": 0.5}});
    let input = json!({"output": output});
    assert_eq!(host.done(&std, "std.echo", input).await, output);
}

#[tokio::test]
async fn a_guest_is_told_its_run_and_its_custom_context() {
    let host = Host::new();
    let probe = host.take_in("probe").await;
    let mut call = host.call(&probe, "probe.context", &json!({}));
    let members = json!({"colour": "green"});
    call.custom_context = Some(CustomContext::new(&PrivateObject::new(
        members.as_object().unwrap().clone(),
    )));
    let id = call.id;
    let Outcome::Done(seen) = host.executor.run(call).await else {
        panic!("it failed");
    };
    let seen: Value = seen.to().unwrap();
    assert_eq!(seen["facts"]["name"], "probe.context");
    assert!(seen.to_string().contains(&id.to_string()), "{seen}");
    assert!(seen.to_string().contains("green"), "{seen}");
    assert_eq!(seen["environment"], json!([]));
}

#[tokio::test]
async fn a_guest_that_sleeps_blocks_no_thread() {
    let host = Host::new();
    let std = host.take_in("std").await;
    // This test has one thread: were it blocked, the sleeps would add up.
    let began = Instant::now();
    let sleep = || host.done(&std, "std.sleep", json!({"seconds": 1}));
    tokio::join!(sleep(), sleep(), sleep(), sleep());
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn computing_for_ever_ends_by_the_timeout() {
    let host = Host::new();
    let probe = host.take_in("probe").await;
    let mut call = host.call(&probe, "probe.spin", &json!(null));
    call.timeout = Duration::from_millis(300);
    let began = Instant::now();
    let Outcome::Failed(failure) = host.executor.run(call).await else {
        panic!("it did not fail");
    };
    assert!(failure.message.contains("0.3 s, its timeout"));
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn computing_for_ever_can_be_cancelled() {
    let host = Host::new();
    let probe = host.take_in("probe").await;
    let call = host.call(&probe, "probe.spin", &json!(null));
    let cancel = call.cancel.clone();
    let run = host.executor.run(call);
    let cancelled = async {
        // The guest yields at every tick, or this would never be reached on the test's one thread.
        tokio::task::yield_now().await;
        cancel.cancel();
        Instant::now()
    };
    let (outcome, cancelled) = tokio::join!(run, cancelled);
    assert_eq!(outcome, Outcome::Cancelled);
    // A debug build on a busy machine; it is 10 ms where the machine is free.
    assert!(cancelled.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn computing_for_ever_ends_by_the_cpu_limit() {
    let host = Host::with(Settings {
        cpu_secs: 1,
        ..Settings::default()
    });
    let probe = host.take_in("probe").await;
    let failure = host.failure(&probe, "probe.spin", json!(null)).await;
    assert!(failure.message.contains("runtime.cpu_secs = 1"));
}

#[tokio::test]
async fn each_limit_is_named_when_it_is_reached() {
    let host = Host::with(Settings {
        memory_mib: 32,
        handles: 50,
        ..Settings::default()
    });
    let probe = host.take_in("probe").await;
    for (action, input, expected) in [
        ("probe.allocate", json!({}), "runtime.memory_mib = 32"),
        ("probe.recurse", json!(null), "deep recursion"),
        (
            "probe.big_result",
            json!({"bytes": 2 << 20}),
            "runtime.output_kib = 1024",
        ),
        ("probe.panic", json!({"message": "oh dear"}), "oh dear"),
        ("probe.exit", json!({"code": 3}), "exit("),
        ("probe.invalid_json", json!(null), "not JSON"),
        ("probe.pending_not_declared", json!(null), "asynchronous"),
    ] {
        let failure = host.failure(&probe, action, input).await;
        assert!(
            failure.message.contains(expected),
            "{action}: {}",
            failure.message
        );
        assert!(!failure.message.contains("host/src"), "{}", failure.message);
    }
    let taken = host.done(&probe, "probe.allocate", json!({"mib": 8})).await;
    assert_eq!(taken, 8, "the next run has all of it again");
}

#[tokio::test]
async fn a_flood_of_lines_is_cut_and_counted() {
    let host = Host::with(Settings::default());
    let probe = host.take_in("probe").await;
    for (to, level) in [
        ("log", LogLevel::Info),
        ("stdout", LogLevel::Info),
        ("stderr", LogLevel::Warn),
    ] {
        let input = json!({"lines": 1000, "bytes": 10, "to": to});
        let call = host.call(&probe, "probe.flood_log", &input);
        let journal = Arc::clone(&call.scope.journal);
        assert!(matches!(host.executor.run(call).await, Outcome::Done(_)));
        let page = journal.page();
        assert_eq!((page.log.len(), page.log_dropped), (101, 900), "{to}");
        assert_eq!(page.log[0].message, "xxxxxxxxxx");
        assert_eq!(page.log[0].level, level);
    }
}

#[tokio::test]
async fn a_run_without_cloud_is_told_so() {
    let host = Host::new();
    let probe = host.take_in("probe").await;
    let input = json!({"service_type": "compute", "path": "/servers"});
    let answer = host.done(&probe, "probe.request", input).await;
    assert_eq!(answer["kind"], "NoTarget", "{answer}");
}

#[tokio::test]
async fn changed_compiled_code_is_compiled_again() {
    let mut host = Host::new();
    let std = host.take_in("std").await;
    let path = host.compiled();
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    std::fs::write(&path, &bad).unwrap();

    host.restart([7; 32]);
    assert_eq!(host.done(&std, "std.noop", json!({})).await, Value::Null);
    assert_ne!(std::fs::read(&path).unwrap(), bad);
}

#[tokio::test]
async fn compiled_code_is_loaded_after_a_restart_and_only_under_the_same_key() {
    let mut host = Host::new();
    let std = host.take_in("std").await;
    let blob = host.dir.path().join(format!("{}.wasm", std.digest.hex()));
    std::fs::remove_file(&blob).unwrap();

    // Without the blob nothing can be compiled.
    host.restart([7; 32]);
    host.executor.prepare(std.digest).await.unwrap();
    host.restart([8; 32]);
    assert!(host.executor.prepare(std.digest).await.is_err());
    let failure = host.failure(&std, "std.noop", json!({})).await;
    assert!(failure.message.contains("not on this host"));
}

#[tokio::test]
async fn a_discarded_component_is_gone() {
    let host = Host::new();
    let std = host.take_in("std").await;
    assert!(host.executor.content(std.digest).await.unwrap().is_some());
    host.executor.discard(std.digest).await.unwrap();
    assert!(host.executor.content(std.digest).await.unwrap().is_none());
    assert_eq!(std::fs::read_dir(host.dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_no_component_of_this_world_is_refused_by_name() {
    let host = Host::new();
    for (bytes, expected) in [
        (b"#!/bin/sh".to_vec(), "not WebAssembly"),
        (b"\0asm\x01\0\0\0".to_vec(), "core module"),
        (b"\0asm\x0d\0\x01\0".to_vec(), "zonda:action/actions@0.1.x"),
        (
            b"\0asm\x0d\0\x01\0\x01\xff".to_vec(),
            "not a valid component",
        ),
        (
            patched("@0.1.0", "@0.9.0"),
            "built for zonda:action@0.9.0; this host supports 0.1.x",
        ),
        (
            patched("zonda:action/cloud@", "zonda:action/clout@"),
            "imports `zonda:action/clout@0.1.0`",
        ),
    ] {
        let text = host.refusal(&bytes).await;
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn a_bad_description_is_refused_with_the_reason() {
    let host = Host::new();
    for (mode, expected) in [
        ("traps", "describe failed on purpose"),
        ("loops", "longer than 1 s"),
        ("allocates", "MiB of memory"),
        ("exits", "exit("),
        ("asks", "only in `run`"),
        ("empty", "no action"),
        ("duplicate", "twice"),
        ("prefix", "other.mode"),
        ("long-text", "describe"),
        ("many", "describe"),
        ("bad-schema", "required"),
        ("remote-ref", "$ref"),
        ("bad-rule", "servers"),
    ] {
        let text = host.refusal(&faulty(mode)).await;
        assert!(text.contains(expected), "{mode}: {text}");
    }
}

#[tokio::test]
async fn a_compilation_has_limits() {
    for (compile, expected) in [
        (
            CompileSettings {
                max_component_mib: 0,
                ..Default::default()
            },
            "runtime.compile.max_component_mib = 0",
        ),
        (
            CompileSettings {
                max_code_mib: 0,
                ..Default::default()
            },
            "runtime.compile.max_code_mib = 0",
        ),
        (
            CompileSettings {
                wall_secs: 0,
                ..Default::default()
            },
            "runtime.compile.wall_secs = 0",
        ),
    ] {
        let host = Host::with(Settings {
            compile,
            ..Settings::default()
        });
        let text = host.refusal(&component("guests", "probe")).await;
        assert!(text.contains(expected), "{text}");
    }
}
