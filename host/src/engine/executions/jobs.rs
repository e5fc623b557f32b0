//! Jobs that tell executions something.

use std::sync::Arc;

use super::{Cause, Content};
use crate::{
    domain::{Job, Work, WorkflowExecutionId},
    engine::{Engine, Error},
    workflow::Event,
};

impl Engine {
    /// Carries out a job that tells an execution something.
    pub(in crate::engine) async fn tell_of_job(self: &Arc<Self>, job: &Job) -> Result<(), Error> {
        let (id, content): (WorkflowExecutionId, _) = match job.work {
            Work::RunAction(_) | Work::FireCronTrigger(_) | Work::RemoveTrust(..) => return Ok(()),
            Work::StartExecution(id) => (id, Content::Event(Event::Start)),
            Work::BeginMore(id) => (id, Content::Event(Event::BeginMore)),
            Work::WakeTask(id, timer) => (id, Content::Event(Event::Due(timer))),
            Work::EndExecution(id) => (id, Content::Event(Event::DeadlinePassed)),
            Work::SubWorkflowChanged(id, run) => (id, Content::SubWorkflowChanged(run)),
            Work::ActionChanged(id, run) => (id, Content::ActionChanged(run)),
            Work::ChangeExecution(id, state) => (id, Content::Event(Event::towards(state))),
        };
        self.tell(id, content, Cause::Job(job.clone())).await
    }
}
