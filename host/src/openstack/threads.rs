//! The threads that drive connections to clouds: one that floods its answers takes none of those that serve callers.

use std::{io, thread};

use tokio::runtime::{Builder, Runtime};
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

/// Behind those that serve callers, as `nice` counts.
const NICE: i32 = 5;
/// The fewest threads: a flood keeps one busy for a while before it gives way.
const FEWEST: usize = 4;

/// The threads. Dropped, they end with what they were doing.
pub(super) struct Threads(Option<Runtime>);

impl Threads {
    /// Starts them.
    pub(super) fn start() -> io::Result<Self> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_multi_thread()
            .worker_threads((2 * processors).max(FEWEST))
            .thread_name("clouds")
            .on_thread_start(|| {
                // Linux keeps it by thread; none means this one.
                if let Err(error) = rustix::process::setpriority_process(None, NICE) {
                    warn!(%error, "connections to clouds have the priority of callers");
                }
            })
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Drives `exchange` and the connections that it makes; dropped, the answer ends it.
    pub(super) fn drive<T: Send + 'static>(
        &self,
        exchange: impl Future<Output = T> + Send + 'static,
    ) -> AbortOnDropHandle<T> {
        let runtime = self.0.as_ref().expect("it is there until the drop");
        AbortOnDropHandle::new(runtime.spawn(exchange))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Whoever drops it may be a task, which must not wait for threads.
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_have_threads_of_their_own_behind_callers() {
        let threads = Threads::start().unwrap();
        let here = thread::current().id();
        let driven = threads.drive(async {
            let nice = rustix::process::getpriority_process(None).unwrap();
            (thread::current().id(), nice)
        });
        let (there, nice) = driven.await.unwrap();
        assert_ne!(there, here);
        assert_eq!(nice, NICE);
    }
}
