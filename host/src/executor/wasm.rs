//! Runs actions in the sandbox of this process: permits, deadline and cancellation around the runtime.

use std::{
    collections::HashMap,
    io,
    path::Path,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use cap_std::fs::Dir;
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::error;

use super::{Call, Executor, TakeInError};
use crate::{
    clock::Clock,
    domain::{ActionSpec, Digest, Failure, ModuleName, Outcome, ProjectId},
    openstack::Clouds,
    runtime::{self, ArtefactKey, Run, Runtime, Settings},
};

/// The executor that serves: WebAssembly components in this process.
pub struct WasmExecutor {
    runtime: Arc<Runtime>,
    clock: Arc<dyn Clock>,
    permits: Permits,
}

impl WasmExecutor {
    /// An executor over the modules in `dir`.
    ///
    /// # Errors
    /// When the engine cannot be made or the directory cannot be read.
    pub fn new(
        settings: Settings,
        dir: Dir,
        key: ArtefactKey,
        clouds: Arc<Clouds>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, runtime::Error> {
        let permits = Permits::new(&settings);
        let runtime = Runtime::new(settings, dir, key, clouds, Arc::clone(&clock))?;
        Ok(Self {
            runtime,
            clock,
            permits,
        })
    }

    #[cfg(test)]
    pub(crate) fn over(runtime: Arc<Runtime>, settings: &Settings, clock: Arc<dyn Clock>) -> Self {
        Self {
            runtime,
            clock,
            permits: Permits::new(settings),
        }
    }

    async fn run_with_permit(&self, call: Call) -> Outcome {
        // From here, so that waiting for a permit counts against the timeout that the guest is told, too.
        let deadline = self.clock.now().after(call.timeout);
        let project = self.permits.project(&call.scope.project_id);
        let _permits = self.permits.acquire(&project).await;
        let module = match self.runtime.prepare(call.digest).await {
            Ok(module) => module,
            Err(err) => return cannot_run(call.digest, &err),
        };
        let run = Run {
            id: call.id,
            input: call.input,
            attempt: call.attempt,
            scope: call.scope,
            custom_context: call.custom_context,
            session: call.session,
            deadline,
            callback_url: call.callback_url,
        };
        self.runtime.run(&module, run).await
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

    async fn run(&self, call: Call) -> Outcome {
        let timeout = call.timeout;
        let cancel = call.cancel.clone();
        // Dropping the run ends the guest: at once where it waits, at the next epoch where it computes.
        let run = pin!(tokio::time::timeout(timeout, self.run_with_permit(call)));
        match cancel.run_until_cancelled(run).await {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Outcome::Failed(timed_out(timeout)),
            None => Outcome::Cancelled,
        }
    }
}

fn timed_out(timeout: Duration) -> Failure {
    let secs = timeout.as_secs_f64();
    Failure::new(format!(
        "the action did not end within {secs} s, its timeout"
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

/// Who may run at one time: so many on the host, so many of each project.
#[derive(Debug)]
struct Permits {
    host: Semaphore,
    per_project: usize,
    projects: Mutex<HashMap<ProjectId, Arc<Semaphore>>>,
}

impl Permits {
    fn new(settings: &Settings) -> Self {
        Self {
            host: Semaphore::new(settings.concurrent_runs.clamp(1, Semaphore::MAX_PERMITS)),
            per_project: settings
                .concurrent_runs_per_project
                .clamp(1, Semaphore::MAX_PERMITS),
            projects: Mutex::default(),
        }
    }

    fn project(&self, id: &ProjectId) -> ProjectPermits<'_> {
        let mut projects = self.lock();
        let semaphore = projects
            .entry(id.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(self.per_project)));
        ProjectPermits {
            permits: self,
            id: id.clone(),
            semaphore: Arc::clone(semaphore),
        }
    }

    /// The project's permit first: a project that has many runs waiting does not fill the host's line with them.
    async fn acquire<'a>(
        &'a self,
        project: &'a ProjectPermits<'_>,
    ) -> (SemaphorePermit<'a>, SemaphorePermit<'a>) {
        let closed = "the semaphores are never closed";
        let of_project = project.semaphore.acquire().await.expect(closed);
        let of_host = self.host.acquire().await.expect(closed);
        (of_project, of_host)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ProjectId, Arc<Semaphore>>> {
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A project's semaphore, dropped with the last of its runs.
struct ProjectPermits<'a> {
    permits: &'a Permits,
    id: ProjectId,
    semaphore: Arc<Semaphore>,
}

impl Drop for ProjectPermits<'_> {
    fn drop(&mut self) {
        let mut projects = self.permits.lock();
        // The map's and this one: nobody else has it, and nobody gets it while the map is locked.
        if Arc::strong_count(&self.semaphore) == 2 {
            projects.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_project_does_not_take_all_permits_of_the_host() {
        let permits = Permits::new(&Settings {
            concurrent_runs: 2,
            concurrent_runs_per_project: 1,
            ..Settings::default()
        });
        let (a, b) = (ProjectId::new("a"), ProjectId::new("b"));
        let first = permits.project(&a);
        let second = permits.project(&a);
        let other = permits.project(&b);
        let held = permits.acquire(&first).await;
        assert!(futures::poll!(std::pin::pin!(permits.acquire(&second))).is_pending());
        assert!(futures::poll!(std::pin::pin!(permits.acquire(&other))).is_ready());
        drop(held);
        assert!(futures::poll!(std::pin::pin!(permits.acquire(&second))).is_ready());
        drop((first, second, other));
        assert!(permits.lock().is_empty());
    }
}
