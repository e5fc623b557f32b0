//! The slow lane: a thread for each processor that gives way to all others, and guests that take turns on them, project by project.

use std::{
    any::Any,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread,
};

use thread_priority::{NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy};
use tokio::{runtime::Handle, sync::oneshot};
use tracing::warn;

use super::{super::turns::Turns, Guest};
use crate::domain::{Outcome, ProjectId};

/// What came of a guest: its outcome, or what it panicked with.
pub(super) type Ended = Result<Outcome, Box<dyn Any + Send>>;

/// The lane. Dropped, it polls no guest any more.
#[derive(Debug)]
pub(super) struct SlowLane {
    line: Arc<Line>,
}

/// The guests that want to be polled.
#[derive(Debug, Default)]
struct Line {
    ready: Mutex<Ready>,
    work: Condvar,
}

#[derive(Debug, Default)]
struct Ready {
    tasks: Turns<Arc<Task>>,
    is_closed: bool,
}

/// A guest in the lane.
pub(super) struct Task {
    project: ProjectId,
    line: Arc<Line>,
    stage: Mutex<Stage>,
}

/// What a guest is doing. Whoever takes it out of here is the only one who has it.
enum Stage {
    /// It waits for something.
    Waiting(InTask),
    /// It waits for a thread.
    Ready(InTask),
    /// A thread polls it; was it woken meanwhile?
    Polled { is_woken: bool },
    /// It has ended, or will not be put back by the thread that polls it.
    Ended,
}

struct InTask {
    guest: Guest,
    ended: oneshot::Sender<Ended>,
}

/// Lets this thread run when no other wants to: Linux's `SCHED_IDLE`, by thread. A low priority alone would not do: its
/// holder is not interrupted at once by who wakes up.
fn give_way() -> Result<(), thread_priority::Error> {
    thread_priority::set_thread_priority_and_policy(
        thread_priority::thread_native_id(),
        ThreadPriority::Min,
        ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle),
    )
}

impl SlowLane {
    pub(super) fn start(runtime: &Handle) -> io::Result<Self> {
        // From here on the threads end by the drop of the lane, also when one of them cannot be made.
        let lane = Self {
            line: Arc::default(),
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            let (line, runtime) = (Arc::clone(&lane.line), runtime.clone());
            thread::Builder::new()
                .name("slow-lane".to_owned())
                .spawn(move || {
                    if let Err(error) = give_way() {
                        warn!(
                            ?error,
                            "guests that compute have the priority of all others"
                        );
                    }
                    let _context = runtime.enter();
                    while let Some(task) = line.next() {
                        task.poll();
                    }
                })?;
        }
        Ok(lane)
    }

    /// Takes over a guest; what it ends in comes through the receiver, or nothing when it is ended before.
    pub(super) fn begin(&self, guest: Guest) -> (Arc<Task>, oneshot::Receiver<Ended>) {
        let (sender, ended) = oneshot::channel();
        let task = Arc::new(Task {
            project: guest.project.clone(),
            line: Arc::clone(&self.line),
            stage: Mutex::new(Stage::Ready(InTask {
                guest,
                ended: sender,
            })),
        });
        self.line.push(Arc::clone(&task));
        (task, ended)
    }
}

impl Drop for SlowLane {
    fn drop(&mut self) {
        let mut ready = self.line.lock();
        ready.is_closed = true;
        let left = std::mem::take(&mut ready.tasks);
        drop(ready);
        self.line.work.notify_all();
        drop(left);
    }
}

impl Line {
    fn push(&self, task: Arc<Task>) {
        let mut ready = self.lock();
        if !ready.is_closed {
            let project = task.project.clone();
            ready.tasks.push(&project, task);
            self.work.notify_one();
        }
    }

    /// Blocks until there is a task whose turn it is; none when the lane is gone.
    fn next(&self) -> Option<Arc<Task>> {
        let mut ready = self.lock();
        loop {
            if ready.is_closed {
                return None;
            }
            if let Some((_, task)) = ready.tasks.next(|_| true) {
                return Some(task);
            }
            ready = self
                .work
                .wait(ready)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ready> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Task {
    /// Ends the guest: here and at once unless a thread polls it, else as soon as that returns.
    pub(super) fn end(&self) {
        let stage = std::mem::replace(&mut *self.lock(), Stage::Ended);
        drop(stage);
    }

    /// Polls the guest once, which takes a tick at most, and puts it where it belongs then.
    fn poll(self: Arc<Self>) {
        let polled = Stage::Polled { is_woken: false };
        let Some(mut task) = self.take_ready(polled) else {
            return;
        };
        let waker = Waker::from(Arc::clone(&self));
        let mut cx = Context::from_waker(&waker);
        let outcome = match catch_unwind(AssertUnwindSafe(|| task.guest.poll(&mut cx).0)) {
            Ok(Poll::Pending) => return self.put_back(task),
            Ok(Poll::Ready(outcome)) => Ok(outcome),
            Err(panic) => Err(panic),
        };
        *self.lock() = Stage::Ended;
        let InTask { guest, ended } = task;
        // First, so that what it held is free when its outcome is known.
        drop(guest);
        let _ = ended.send(outcome);
    }

    fn take_ready(&self, next: Stage) -> Option<InTask> {
        let mut stage = self.lock();
        match std::mem::replace(&mut *stage, next) {
            Stage::Ready(task) => Some(task),
            other @ (Stage::Waiting(_) | Stage::Polled { .. } | Stage::Ended) => {
                *stage = other;
                None
            }
        }
    }

    fn put_back(self: Arc<Self>, task: InTask) {
        let mut stage = self.lock();
        let is_woken = match &*stage {
            Stage::Polled { is_woken } => *is_woken,
            // Ended meanwhile.
            Stage::Ended | Stage::Waiting(_) | Stage::Ready(_) => {
                drop(stage);
                return drop(task);
            }
        };
        *stage = if is_woken {
            Stage::Ready(task)
        } else {
            Stage::Waiting(task)
        };
        drop(stage);
        if is_woken {
            let line = Arc::clone(&self.line);
            line.push(self);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let mut stage = self.lock();
        match std::mem::replace(&mut *stage, Stage::Ended) {
            Stage::Waiting(task) => {
                *stage = Stage::Ready(task);
                drop(stage);
                let line = Arc::clone(&self.line);
                line.push(self);
            }
            Stage::Polled { .. } => *stage = Stage::Polled { is_woken: true },
            other @ (Stage::Ready(_) | Stage::Ended) => *stage = other,
        }
    }
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task")
            .field("project", &self.project)
            .finish_non_exhaustive()
    }
}
