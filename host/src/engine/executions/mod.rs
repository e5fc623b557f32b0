//! Executions of workflows: each has one actor in this process, which takes what is told to it, asks the pure engine what
//! follows, and commits that at once.
//!
//! What is told is a [`Letter`](letter::Letter); it may come twice, late or in another order. The
//! [`Turn`](crate::store::Turn) of an execution makes two hosts that step it at the same time conflict: one of them reads
//! it anew.

mod actor;
mod attempt;
mod begin_runs;
mod calls;
mod change;
mod commit;
mod delete;
mod environment;
mod expire;
mod finish;
mod handle;
mod jobs;
mod letter;
mod load;
mod lookups;
mod prepare;
mod root;
mod start;

pub use change::{RerunTask, UpdateExecution};
pub use start::{StartExecution, WorkflowRef};

pub(super) use actor::Executions;
pub(super) use letter::{ActionEnd, Cause, Content};
pub(super) use root::Root;

use crate::domain::WorkflowExecutionId;

/// How many records are read or written at once.
const BATCH: usize = 500;

fn not_found(id: WorkflowExecutionId) -> super::Error {
    super::Error::NotFound(format!("WorkflowExecution not found [id={id}]"))
}
