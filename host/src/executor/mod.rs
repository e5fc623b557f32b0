//! Runs actions somewhere: the seam between the engine and the sandbox.

#[cfg(test)]
mod fake;
mod isolated;
mod lanes;
mod queue;
mod settings;
#[cfg(test)]
mod tests;
mod turns;
mod wasm;

#[cfg(test)]
pub(crate) use fake::{ADMITTED, FakeExecutor, HeldRun, HeldRuns};
pub use isolated::{Parts, ProjectExecutor, SUBCOMMAND, child_main};
pub use queue::{Busy, Place};
pub use settings::{Isolation, Settings};
pub use wasm::WasmExecutor;

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        ActionExecutionId, ActionSpec, CustomContext, Digest, JsonText, ModuleName, Outcome,
        ProjectId, TaskOfAction,
    },
    openstack::{RunScope, Session},
};

/// One run to be made.
#[derive(Debug)]
pub struct Call {
    /// The run; an unsaved one has an id too, for tracing.
    pub id: ActionExecutionId,
    /// The component.
    pub digest: Digest,
    /// The checked input.
    pub input: JsonText,
    /// How often it has been tried, from 1.
    pub attempt: u32,
    /// Whose run it is, of which action, with its journal.
    pub scope: RunScope,
    /// The caller's private dict.
    pub custom_context: Option<CustomContext>,
    /// The cloud it may work on.
    pub session: Option<Arc<Session>>,
    /// Ends it after so long.
    pub timeout: Duration,
    /// Ends it when somebody cancels.
    pub cancel: CancellationToken,
    /// Its place, if it was [admitted](Executor::admit); otherwise it waits at the end of its project's line.
    pub place: Option<Place>,
    /// The task that it is a run of.
    pub task: Option<TaskOfAction>,
    /// Where an asynchronous action is completed, `{public_url}/v2/action_executions/{id}`.
    pub callback_url: Option<String>,
}

/// Why a component was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum TakeInError {
    /// It is no component of our world, or what it says about itself is wrong. For the uploader.
    #[error("{0}")]
    Refused(String),
    /// It went over a limit of the compilation. For the uploader.
    #[error("{0}")]
    TooExpensive(String),
    /// Too many uploads wait already. For the uploader, who tries again later.
    #[error("{0}")]
    Busy(String),
    /// The host could not do its part. For the log.
    #[error("the component could not be taken in")]
    Host(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Runs actions.
#[async_trait]
pub trait Executor: Send + Sync {
    /// Checks and compiles the component in `file`, keeps blob and compiled code under `digest`, and asks it for its
    /// actions. `module` is the only prefix that their names may have; any when it is none. Idempotent; what it keeps
    /// of a refused component is nothing.
    async fn take_in(
        &self,
        file: &Path,
        digest: Digest,
        module: Option<&ModuleName>,
    ) -> Result<Vec<ActionSpec>, TakeInError>;

    /// Whether blob and compiled code of `digest` are there and fit this build, so that a run can begin at once;
    /// compiles again what only the blob is there of.
    async fn prepare(&self, digest: Digest) -> Result<(), TakeInError>;

    /// The component's bytes.
    async fn content(&self, digest: Digest) -> std::io::Result<Option<tokio::fs::File>>;

    /// Drops what is kept of `digest`.
    async fn discard(&self, digest: Digest) -> std::io::Result<()>;

    /// A place for a run of `project` that is to begin at once.
    ///
    /// # Errors
    /// When it would have to wait and too many do.
    fn admit(&self, project: &ProjectId) -> Result<Place, Busy>;

    /// Makes one run, to its end. Never fails in another way than the outcome says.
    async fn run(&self, call: Call) -> Outcome;
}
