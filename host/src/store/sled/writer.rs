//! The one thread that writes: it applies all the work that waits, makes it durable with one flush, then answers.

use std::{
    fs::File,
    sync::{Arc, mpsc},
    thread,
};

use sled::Tree;
use tokio::sync::oneshot;

use super::{changes::Changes, job_counts::JobCounts, unavailable};
use crate::store::Error;

/// The most pieces of work that wait for one flush.
const GROUP: usize = 1024;

type Work = Box<dyn FnOnce(&Tree, &JobCounts) -> Applied + Send>;
type Flushed = Result<(), sled::Error>;

struct Applied {
    has_changed: bool,
    answer: Box<dyn FnOnce(&Flushed)>,
}

/// The way to the writing thread. Dropped, it waits for what was asked of it before.
pub(super) struct Writer {
    work: Option<mpsc::Sender<Work>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread that writes to `tree`, which lives in `file`, and keeps `counts` right.
    pub(super) fn start(tree: Tree, counts: Arc<JobCounts>, file: File) -> std::io::Result<Self> {
        let (work, waiting) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || write(&tree, &counts, &file, &waiting))?;
        Ok(Self {
            work: Some(work),
            thread: Some(thread),
        })
    }

    /// Makes the changes that `decide` collects, all or none, and answers when they are durable.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        decide: impl FnOnce(&mut Changes<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |tree, counts| {
            let mut changes = Changes::new(tree);
            let outcome = decide(&mut changes).and_then(|value| {
                changes
                    .apply(counts)
                    .map(|has_changed| (value, has_changed))
            });
            let has_changed = outcome.as_ref().is_ok_and(|(_, has_changed)| *has_changed);
            let answer = move |flushed: &Flushed| {
                let durable = outcome.and_then(|(value, _)| match flushed {
                    Ok(()) => Ok(value),
                    Err(error) => Err(unavailable(error.clone())),
                });
                // A caller that went away does not want to know.
                let _ = reply.send(durable);
            };
            Applied {
                has_changed,
                answer: Box::new(answer),
            }
        });
        let stopped = || Error::Unavailable("its writer has stopped; restart the host".into());
        self.work
            .as_ref()
            .ok_or_else(stopped)?
            .send(work)
            .map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.work.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its hook, and its callers have their error.
            let _ = thread.join();
        }
    }
}

fn write(tree: &Tree, counts: &JobCounts, file: &File, waiting: &mpsc::Receiver<Work>) {
    while let Ok(first) = waiting.recv() {
        let mut answers = Vec::new();
        let mut has_changed = false;
        let mut next = Some(first);
        while let Some(work) = next {
            let applied = work(tree, counts);
            has_changed |= applied.has_changed;
            answers.push(applied.answer);
            next = (answers.len() < GROUP)
                .then(|| waiting.try_recv().ok())
                .flatten();
        }
        let flushed = if has_changed {
            flush(tree, file)
        } else {
            Ok(())
        };
        for answer in answers {
            answer(&flushed);
        }
        if let Err(error) = flushed {
            // The kernel may have dropped the pages: a later flush that succeeds would prove nothing.
            tracing::error!(%error, "the store could not be flushed and takes no more writes");
            return;
        }
    }
}

/// Makes all that was applied to `tree` survive a crash of the machine.
pub(super) fn flush(tree: &Tree, file: &File) -> Flushed {
    tree.flush()?;
    // sled writes with sync_file_range, which leaves the file's length and the disk's own cache alone.
    file.sync_data()?;
    Ok(())
}
