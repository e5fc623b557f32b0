//! Runs actions in the sandbox of this process: line, lanes, deadline and cancellation around the runtime.

use std::{io, path::Path, pin::pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use cap_std::fs::Dir;
use tokio::runtime::Handle;
use tracing::error;

use super::{
    Busy, Call, Executor, Place, TakeInError,
    lanes::{self, Lanes},
    queue::{Limits, Queue},
};
use crate::{
    clock::Clock,
    domain::{ActionSpec, Digest, Failure, ModuleName, Outcome, ProjectId},
    openstack::Clouds,
    runtime::{self, ArtefactKey, Run, Runtime, Settings, compile},
};

/// The executor that serves: WebAssembly components in this process.
pub struct WasmExecutor {
    runtime: Arc<Runtime>,
    clock: Arc<dyn Clock>,
    queue: Arc<Queue>,
    lanes: Lanes,
}

impl WasmExecutor {
    /// An executor over the modules in `dir`, within a runtime of tokio.
    ///
    /// # Errors
    /// When the engine cannot be made or the directory cannot be read.
    ///
    /// # Panics
    /// Outside of a runtime of tokio.
    pub fn new(
        settings: Settings,
        dir: Dir,
        key: ArtefactKey,
        clouds: Arc<Clouds>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, runtime::Error> {
        let limits = limits(&settings);
        let runtime = Runtime::new(settings, dir, key, clouds, Arc::clone(&clock))?;
        Self::over(runtime, limits, clock)
    }

    pub(super) fn over(
        runtime: Arc<Runtime>,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, runtime::Error> {
        let lanes = Lanes::start(&Handle::current()).map_err(|error| runtime::Error::Host {
            step: "the threads of the slow lane cannot be started",
            source: error.into(),
        })?;
        Ok(Self {
            runtime,
            clock,
            queue: Queue::new(limits),
            lanes,
        })
    }

    /// The turn of an upload that another process takes in.
    pub(super) async fn turn_of_upload(&self) -> Result<compile::Turn<'_>, TakeInError> {
        Ok(self.runtime.turn_of_upload().await?)
    }

    /// The place that the run was admitted to, else one at the end of its project's line.
    pub(super) fn place(&self, call: &mut Call) -> Place {
        call.place
            .take()
            .unwrap_or_else(|| self.queue.enter(&call.scope.project_id))
    }

    /// Waits until the run's turn has come, and begins it.
    async fn begin(&self, mut call: Call) -> Result<lanes::Run<'_>, Outcome> {
        // From here, so that waiting for a turn counts against the timeout that the guest is told, too.
        let deadline = self.clock.now().after(call.timeout);
        let project = call.scope.project_id.clone();
        let mut place = self.place(&mut call);
        place.come().await;
        let module = self
            .runtime
            .prepare(call.digest)
            .await
            .map_err(|err| cannot_run(call.digest, &err))?;
        let run = Run {
            id: call.id,
            input: call.input,
            attempt: call.attempt,
            scope: call.scope,
            custom_context: call.custom_context,
            session: call.session,
            deadline,
            task: call.task,
            callback_url: call.callback_url,
        };
        let runtime = Arc::clone(&self.runtime);
        Ok(self.lanes.begin(project, async move {
            let outcome = runtime.run(&module, run).await;
            // It is free when the guest is gone, and not when somebody stops waiting for it.
            drop(place);
            outcome
        }))
    }
}

#[async_trait]
impl Executor for WasmExecutor {
    async fn take_in(
        &self,
        file: &Path,
        digest: Digest,
        module: Option<&ModuleName>,
    ) -> Result<Vec<ActionSpec>, TakeInError> {
        Ok(self.runtime.take_in(file, digest, module).await?)
    }

    async fn prepare(&self, digest: Digest) -> Result<(), TakeInError> {
        self.runtime.prepare(digest).await?;
        Ok(())
    }

    async fn content(&self, digest: Digest) -> io::Result<Option<tokio::fs::File>> {
        let file = self.runtime.content(digest).await?;
        Ok(file.map(tokio::fs::File::from_std))
    }

    async fn discard(&self, digest: Digest) -> io::Result<()> {
        self.runtime.discard(digest).await
    }

    fn admit(&self, project: &ProjectId) -> Result<Place, Busy> {
        self.queue.admit(project)
    }

    async fn run(&self, call: Call) -> Outcome {
        let timeout = call.timeout;
        let cancelled = call.cancel.clone().cancelled_owned();
        // Asked first at every turn: a guest does not run on after its end.
        let mut stop = pin!(tokio::time::timeout(timeout, cancelled));
        let stopped = |stop: Result<(), _>| match stop {
            Ok(()) => Outcome::Cancelled,
            Err(_) => Outcome::Failed(timed_out(timeout)),
        };
        let begun = tokio::select! {
            biased;
            stop = &mut stop => return stopped(stop),
            begun = self.begin(call) => begun,
        };
        let mut run = match begun {
            Ok(run) => run,
            Err(outcome) => return outcome,
        };
        let stop = tokio::select! {
            biased;
            stop = &mut stop => stop,
            outcome = &mut run => return outcome,
        };
        run.end().await;
        stopped(stop)
    }
}

pub(super) const fn limits(settings: &Settings) -> Limits {
    Limits {
        runs: settings.concurrent_runs,
        runs_per_project: settings.concurrent_runs_per_project,
        waiting: settings.waiting_runs,
        waiting_per_project: settings.waiting_runs_per_project,
    }
}

pub(super) fn timed_out(timeout: Duration) -> Failure {
    let secs = timeout.as_secs_f64();
    Failure::new(format!(
        "the action did not end within {secs} s, its timeout (params.timeout; where it is not set, engine.timeout_secs)"
    ))
}

fn cannot_run(digest: Digest, err: &runtime::Error) -> Outcome {
    let message = match err {
        runtime::Error::Refused(text)
        | runtime::Error::TooExpensive(text)
        | runtime::Error::Busy(text) => {
            format!("the action's component can no longer be used: {text}")
        }
        runtime::Error::Missing(_) => {
            "the action's component is not on this host: upload its module again".to_owned()
        }
        runtime::Error::Host { source, .. } => {
            error!(module.digest = %digest, error = %err, cause = %source, "a component cannot be loaded");
            "the action's component cannot be loaded; the host's log says why".to_owned()
        }
    };
    Outcome::Failed(Failure::new(message))
}

impl From<runtime::Error> for TakeInError {
    fn from(err: runtime::Error) -> Self {
        match err {
            runtime::Error::Refused(text) => Self::Refused(text),
            runtime::Error::TooExpensive(text) => Self::TooExpensive(text),
            runtime::Error::Busy(text) => Self::Busy(text),
            err @ (runtime::Error::Missing(_) | runtime::Error::Host { .. }) => {
                Self::Host(Box::new(err))
            }
        }
    }
}
