//! Two lanes for guests, so that one that computes takes nothing from those that wait for answers.
//!
//! A run begins on the threads of whoever waits for it. One that computes for long is moved to the slow lane, whose
//! threads give way to all others. A guest that was ended in either lane never runs another instruction: [`Run::end`]
//! returns when that is so.

mod slow;
#[cfg(test)]
mod tests;
mod usage;

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::future::BoxFuture;
use tokio::{runtime::Handle, sync::oneshot};

use self::{
    slow::{SlowLane, Task},
    usage::Usage,
};
use crate::{
    clock::thread_time,
    domain::{Outcome, ProjectId},
};

/// Where guests run.
#[derive(Debug)]
pub(super) struct Lanes {
    usage: Arc<Usage>,
    slow: SlowLane,
}

/// A guest, and what its polls cost.
struct Guest {
    future: BoxFuture<'static, Outcome>,
    project: ProjectId,
    usage: Arc<Usage>,
}

/// A run under way. Dropped, it is ended.
pub(super) struct Run<'a> {
    lanes: &'a Lanes,
    place: InLane,
}

enum InLane {
    Fast(Guest),
    Slow(Arc<Task>, oneshot::Receiver<slow::Ended>),
    Ended,
}

impl Lanes {
    /// The lanes of a host, the slow one with a thread for each processor, whose guests use the timers and sockets of
    /// `runtime`.
    ///
    /// # Errors
    /// When a thread cannot be made.
    pub(super) fn start(runtime: &Handle) -> io::Result<Self> {
        Ok(Self {
            usage: Arc::default(),
            slow: SlowLane::start(runtime)?,
        })
    }

    /// Begins a run of `project`: in the slow lane if its project computes much, else when it is first polled.
    pub(super) fn begin(
        &self,
        project: ProjectId,
        guest: impl Future<Output = Outcome> + Send + 'static,
    ) -> Run<'_> {
        let is_slow = self.usage.is_heavy(&project);
        let mut run = Run {
            lanes: self,
            place: InLane::Fast(Guest {
                future: Box::pin(guest),
                project,
                usage: Arc::clone(&self.usage),
            }),
        };
        if is_slow {
            run.slow_down();
        }
        run
    }
}

impl Guest {
    /// Polls the guest, and tells whether its project computes much.
    fn poll(&mut self, cx: &mut Context<'_>) -> (Poll<Outcome>, bool) {
        let before = thread_time();
        let polled = self.future.as_mut().poll(cx);
        let used = thread_time().saturating_sub(before);
        (polled, self.usage.add(&self.project, used))
    }
}

impl Run<'_> {
    /// Ends the guest. It has run its last instruction when this returns, which is at once unless it computes this very
    /// moment, and then at its next tick.
    pub(super) async fn end(mut self) {
        if let InLane::Slow(task, ended) = &mut self.place {
            task.end();
            // The sender is dropped with the guest.
            let _ = ended.await;
        }
    }

    fn slow_down(&mut self) {
        self.place = match std::mem::replace(&mut self.place, InLane::Ended) {
            InLane::Fast(guest) => {
                let (task, ended) = self.lanes.slow.begin(guest);
                InLane::Slow(task, ended)
            }
            other @ (InLane::Slow(..) | InLane::Ended) => other,
        };
    }
}

impl Future for Run<'_> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        if let InLane::Fast(guest) = &mut self.place {
            match guest.poll(cx) {
                (Poll::Pending, true) => self.slow_down(),
                (polled, _) => return polled,
            }
        }
        let InLane::Slow(_, ended) = &mut self.place else {
            return Poll::Pending;
        };
        let outcome = match ready!(Pin::new(ended).poll(cx)) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            // Nobody else ends a guest, unless the lanes are gone.
            Err(_) => Outcome::Cancelled,
        };
        self.place = InLane::Ended;
        Poll::Ready(outcome)
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if let InLane::Slow(task, _) = &self.place {
            task.end();
        }
    }
}
