//! Runs actions in executor processes, one for each project, so that no process ever holds two projects' secrets.
//!
//! What one guest might read of its process by a side channel is its own project's. The host's process loads components
//! but runs none, not even to ask an upload for its actions.

mod child;
mod process;
mod wire;

use std::{
    collections::HashMap,
    ffi::OsString,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tracing::error;
use zeroize::Zeroizing;

pub use self::{child::child_main, process::SUBCOMMAND};
use self::{process::Process, wire::Setup};
use super::{Busy, Call, Executor, Place, Settings, TakeInError, WasmExecutor, wasm::timed_out};
use crate::{
    clock::Clock,
    domain::{ActionSpec, Digest, Failure, ModuleName, Outcome, ProjectId, Secret},
    openstack,
    runtime::{self, ArtefactKey},
    telemetry,
};

/// What executor processes are set up with.
pub struct Parts {
    /// The sandbox's settings.
    pub runtime: runtime::Settings,
    /// How clouds are reached.
    pub openstack: openstack::Settings,
    /// What is reached outside them.
    pub http: openstack::HttpSettings,
    /// How processes log, all to the host's standard error.
    pub log: telemetry::Settings,
    /// The folder of components and compiled code.
    pub modules: PathBuf,
    /// The key that authenticates compiled code.
    pub key: ArtefactKey,
    /// Where the host itself listens.
    pub listeners: Vec<SocketAddr>,
}

/// The executor of a host that keeps projects apart by processes.
pub struct ProjectExecutor {
    /// Loads and keeps components; makes no run.
    local: WasmExecutor,
    shared: Arc<Shared>,
}

struct Shared {
    program: OsString,
    setup: Arc<Setup>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    projects: Mutex<HashMap<ProjectId, Project>>,
    room: Arc<Semaphore>,
    /// Projects that wait for room.
    waiting: AtomicUsize,
}

/// A project's process, and how much it has to do.
#[derive(Default)]
struct Project {
    process: Arc<OnceCell<Running>>,
    runs: usize,
    /// How often it has become idle; tells a later idleness from the one that a clock was set for.
    idled: u64,
}

/// A process, in the room that it takes.
struct Running {
    process: Process,
    _room: OwnedSemaphorePermit,
}

/// Keeps a project's process from being ended as idle.
struct Use {
    shared: Arc<Shared>,
    project: ProjectId,
    process: Arc<OnceCell<Running>>,
}

impl ProjectExecutor {
    /// An executor over `local`, whose processes are this very program.
    #[must_use]
    pub fn new(
        local: WasmExecutor,
        parts: Parts,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let mut runtime = parts.runtime;
        // A process has the runs of one project alone, and reserves no room for more.
        runtime.concurrent_runs = runtime
            .concurrent_runs
            .min(runtime.concurrent_runs_per_project);
        let key = Zeroizing::new(BASE64.encode(parts.key.expose()));
        let setup = Setup {
            runtime,
            openstack: parts.openstack,
            http: parts.http,
            log: parts.log,
            modules: parts.modules,
            key: Secret::new(key.as_str().to_owned()),
            listeners: parts.listeners,
        };
        Self {
            local,
            shared: Arc::new(Shared {
                program: "/proc/self/exe".into(),
                setup: Arc::new(setup),
                room: Arc::new(Semaphore::new(settings.processes.max(1))),
                settings,
                clock,
                projects: Mutex::default(),
                waiting: AtomicUsize::new(0),
            }),
        }
    }

    async fn run_in_process(&self, mut call: Call) -> Outcome {
        let deadline = self.shared.clock.now().after(call.timeout);
        // All projects wait for their turns here; a process begins at once what it is ordered.
        let mut place = self.local.place(&mut call);
        place.come().await;
        let usage = self.shared.enter(&call.scope.project_id);
        let started = usage
            .process
            .get_or_try_init(|| Arc::clone(&self.shared).start());
        match started.await {
            Ok(running) => {
                call.timeout = deadline.since(self.shared.clock.now());
                running.process.run(&call).await
            }
            Err(err) => {
                error!(error = %err, "an executor process cannot be started");
                Outcome::Failed(Failure {
                    retryable: true,
                    ..Failure::new(
                        "the executor process of the project cannot be started; the host's log says why",
                    )
                })
            }
        }
    }
}

#[async_trait]
impl Executor for ProjectExecutor {
    async fn take_in(
        &self,
        file: &Path,
        digest: Digest,
        module: Option<&ModuleName>,
    ) -> Result<Vec<ActionSpec>, TakeInError> {
        let _turn = self.local.turn_of_upload().await?;
        process::take_in(
            &self.shared.program,
            &self.shared.setup,
            file,
            digest,
            module,
        )
        .await
    }

    async fn prepare(&self, digest: Digest) -> Result<(), TakeInError> {
        self.local.prepare(digest).await
    }

    async fn content(&self, digest: Digest) -> io::Result<Option<tokio::fs::File>> {
        self.local.content(digest).await
    }

    async fn discard(&self, digest: Digest) -> io::Result<()> {
        self.local.discard(digest).await
    }

    fn admit(&self, project: &ProjectId) -> Result<Place, Busy> {
        self.local.admit(project)
    }

    async fn run(&self, call: Call) -> Outcome {
        let timeout = call.timeout;
        let cancel = call.cancel.clone();
        let journal = Arc::clone(&call.scope.journal);
        let run = pin!(tokio::time::timeout(timeout, self.run_in_process(call)));
        let outcome = match cancel.run_until_cancelled(run).await {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Outcome::Failed(timed_out(timeout)),
            None => Outcome::Cancelled,
        };
        // Of requests that a lost process had on their way, nobody else will tell.
        journal.give_up(self.shared.clock.now());
        outcome
    }
}

impl Shared {
    fn enter(self: &Arc<Self>, id: &ProjectId) -> Use {
        let mut projects = self.lock();
        let project = projects.entry(id.clone()).or_default();
        let is_gone = |running: &Running| running.process.is_gone();
        if project.process.get().is_some_and(is_gone) {
            project.process = Arc::default();
        }
        project.runs += 1;
        Use {
            shared: Arc::clone(self),
            project: id.clone(),
            process: Arc::clone(&project.process),
        }
    }

    /// Starts a process once there is room for it.
    async fn start(self: Arc<Self>) -> io::Result<Running> {
        let room = if let Ok(room) = Arc::clone(&self.room).try_acquire_owned() {
            room
        } else {
            let _waits = Waits::begin(&self.waiting);
            self.end_an_idle_one();
            let closed = "the semaphore is never closed";
            Arc::clone(&self.room).acquire_owned().await.expect(closed)
        };
        Ok(Running {
            process: Process::start(&self.program, Arc::clone(&self.setup))?,
            _room: room,
        })
    }

    fn end_an_idle_one(&self) {
        let mut projects = self.lock();
        let idle = projects
            .iter()
            .filter(|(_, project)| project.runs == 0)
            .map(|(id, _)| id.clone())
            .next();
        if let Some(id) = idle {
            projects.remove(&id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, Project>> {
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a project that waits for room, for as long as it does.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let mut projects = self.shared.lock();
        let Some(project) = projects.get_mut(&self.project) else {
            return;
        };
        project.runs -= 1;
        if project.runs > 0 {
            return;
        }
        if self.shared.waiting.load(Ordering::SeqCst) > 0 {
            projects.remove(&self.project);
            return;
        }
        project.idled += 1;
        let (shared, id, idled) = (
            Arc::clone(&self.shared),
            self.project.clone(),
            project.idled,
        );
        drop(projects);
        tokio::spawn(async move {
            let idle = Duration::from_secs(shared.settings.idle_secs);
            shared.clock.sleep(idle).await;
            let mut projects = shared.lock();
            let is_idle = projects
                .get(&id)
                .is_some_and(|project| project.runs == 0 && project.idled == idled);
            if is_idle {
                projects.remove(&id);
            }
        });
    }
}
