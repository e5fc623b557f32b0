//! What one run may use: memory and tables summed over its store, requests and answers, and CPU time.

use std::{future::poll_fn, pin::Pin, task::Poll, time::Duration};

use wasmtime::ResourceLimiter;

use super::Settings;
use crate::clock::thread_time;

/// The limit that ended a run. As an error of a host function it ends the run that called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the run went over its limit: {self:?}")]
pub(super) enum Exceeded {
    /// Bytes of linear memory.
    Memory,
    /// Elements of tables.
    TableElements,
    /// Core instances.
    Instances,
    /// Linear memories.
    Memories,
    /// Tables.
    Tables,
    Cpu,
    Stack,
    Output,
    HostCall,
    Handles,
    Requests,
    ConcurrentRequests,
    /// Bytes of whole answers.
    Answers,
}

/// Adds up what all memories and tables of one store use; wasmtime's own limits count each memory alone.
#[derive(Debug)]
pub(super) struct Limiter {
    memory_bytes: Budget,
    table_elements: Budget,
    instances: usize,
    memories: usize,
    tables: usize,
    exceeded: Option<Exceeded>,
}

/// What is left of one limit, and what was last taken from it.
#[derive(Debug)]
struct Budget {
    left: usize,
    last_taken: usize,
}

impl Budget {
    const fn new(limit: usize) -> Self {
        Self {
            left: limit,
            last_taken: 0,
        }
    }

    /// Takes the growth from `current` to `desired`; false, and nothing is taken, when not so much is left.
    fn take(&mut self, current: usize, desired: usize) -> bool {
        let more = desired.saturating_sub(current);
        self.last_taken = 0;
        let Some(left) = self.left.checked_sub(more) else {
            return false;
        };
        self.left = left;
        self.last_taken = more;
        true
    }

    /// Gives back what was last taken: the growth did not come about.
    fn give_back(&mut self) {
        self.left += std::mem::take(&mut self.last_taken);
    }
}

impl Limiter {
    /// `memory_bytes` may be less than what the settings give to a run.
    pub(super) const fn new(settings: &Settings, memory_bytes: usize) -> Self {
        Self {
            memory_bytes: Budget::new(memory_bytes),
            table_elements: Budget::new(settings.table_elements),
            instances: settings.instances,
            memories: settings.memories,
            tables: settings.tables,
            exceeded: None,
        }
    }

    /// The limit that growth was last refused by.
    pub(super) const fn exceeded(&self) -> Option<Exceeded> {
        self.exceeded
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let is_within = self.memory_bytes.take(current, desired);
        if !is_within {
            self.exceeded = Some(Exceeded::Memory);
        }
        Ok(is_within)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_bytes.give_back();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let is_within = self.table_elements.take(current, desired);
        if !is_within {
            self.exceeded = Some(Exceeded::TableElements);
        }
        Ok(is_within)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.table_elements.give_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn memories(&self) -> usize {
        self.memories
    }

    fn tables(&self) -> usize {
        self.tables
    }
}

/// What a run may still ask of services.
#[derive(Debug)]
pub(super) struct Traffic {
    requests: usize,
    answer_bytes: u64,
    streams: usize,
    concurrent: usize,
}

impl Traffic {
    pub(super) const fn new(settings: &Settings) -> Self {
        Self {
            requests: settings.requests,
            answer_bytes: settings.answer_bytes(),
            streams: 0,
            concurrent: settings.concurrent_requests,
        }
    }

    /// Takes `count` requests; none of them when not so many are left.
    pub(super) fn take_requests(&mut self, count: usize) -> Result<(), Exceeded> {
        self.requests = self.requests.checked_sub(count).ok_or(Exceeded::Requests)?;
        Ok(())
    }

    /// Takes the bytes of a whole answer.
    pub(super) fn take_answer(&mut self, bytes: u64) -> Result<(), Exceeded> {
        self.answer_bytes = self
            .answer_bytes
            .checked_sub(bytes)
            .ok_or(Exceeded::Answers)?;
        Ok(())
    }

    /// Bytes of whole answers that are left.
    pub(super) const fn answer_bytes(&self) -> u64 {
        self.answer_bytes
    }

    /// Takes a place for a stream or an upload, which keeps a request on its way between two calls of the guest.
    pub(super) const fn open_stream(&mut self) -> Result<(), Exceeded> {
        if self.streams >= self.concurrent {
            return Err(Exceeded::ConcurrentRequests);
        }
        self.streams += 1;
        Ok(())
    }

    /// Gives such a place back.
    pub(super) const fn close_stream(&mut self) {
        self.streams = self.streams.saturating_sub(1);
    }

    /// Requests that may be on their way at one time besides the open streams; always at least one, since the guest
    /// waits for it.
    pub(super) fn at_once(&self) -> usize {
        self.concurrent.saturating_sub(self.streams).max(1)
    }
}

/// Drives `guest` until it is done, or has used more than `cpu_time` of the processor; none in the second case.
///
/// A guest that computes yields at every tick of the epoch, so that its polls are short. What other threads do while
/// this one is not on a processor is not charged. The future comes pinned: by value, a waiting run would hold it twice.
pub(super) async fn metered<F: Future>(
    cpu_time: Duration,
    mut guest: Pin<&mut F>,
) -> Option<F::Output> {
    let mut used = Duration::ZERO;
    poll_fn(|cx| {
        let began = thread_time();
        let polled = guest.as_mut().poll(cx);
        used += thread_time().saturating_sub(began);
        if used > cpu_time {
            return Poll::Ready(None);
        }
        polled.map(Some)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter() -> Limiter {
        let settings = Settings {
            table_elements: 10,
            ..Settings::default()
        };
        Limiter::new(&settings, 100)
    }

    #[test]
    fn memories_are_added_up() {
        let mut limiter = limiter();
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 60, None).unwrap());
        assert_eq!(limiter.exceeded(), Some(Exceeded::Memory));
        assert!(limiter.memory_growing(60, 100, None).unwrap());
    }

    #[test]
    fn memory_that_was_not_got_is_not_counted() {
        let mut limiter = limiter();
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        limiter
            .memory_grow_failed(wasmtime::format_err!("no room"))
            .unwrap();
        assert!(limiter.memory_growing(0, 100, None).unwrap());
    }

    #[test]
    fn table_elements_are_added_up() {
        let mut limiter = limiter();
        assert!(limiter.table_growing(0, 10, None).unwrap());
        assert!(!limiter.table_growing(0, 1, None).unwrap());
        assert_eq!(limiter.exceeded(), Some(Exceeded::TableElements));
    }

    #[test]
    fn requests_are_taken_all_or_none() {
        let mut traffic = Traffic::new(&Settings {
            requests: 3,
            ..Settings::default()
        });
        assert_eq!(traffic.take_requests(2), Ok(()));
        assert_eq!(traffic.take_requests(2), Err(Exceeded::Requests));
        assert_eq!(traffic.take_requests(1), Ok(()));
        assert_eq!(traffic.take_requests(1), Err(Exceeded::Requests));
    }

    #[test]
    fn whole_answers_are_added_up() {
        let mut traffic = Traffic::new(&Settings {
            answers_mib: 1,
            ..Settings::default()
        });
        assert_eq!(traffic.take_answer(1 << 20), Ok(()));
        assert_eq!(traffic.take_answer(1), Err(Exceeded::Answers));
    }

    #[test]
    fn open_streams_leave_less_for_others_and_come_back() {
        let mut traffic = Traffic::new(&Settings {
            concurrent_requests: 2,
            ..Settings::default()
        });
        assert_eq!(traffic.at_once(), 2);
        assert_eq!(traffic.open_stream(), Ok(()));
        assert_eq!(traffic.open_stream(), Ok(()));
        assert_eq!(traffic.at_once(), 1);
        assert_eq!(traffic.open_stream(), Err(Exceeded::ConcurrentRequests));
        traffic.close_stream();
        assert_eq!(traffic.open_stream(), Ok(()));
    }

    #[tokio::test]
    async fn only_time_on_the_processor_is_charged() {
        let waiting = std::pin::pin!(async { std::thread::sleep(Duration::from_millis(200)) });
        let limit = Duration::from_millis(100);
        assert_eq!(metered(limit, waiting).await, Some(()));
    }

    #[tokio::test]
    async fn one_poll_alone_can_be_too_long() {
        let spinning = std::pin::pin!(async {
            let began = thread_time();
            while thread_time() - began < Duration::from_millis(20) {}
        });
        assert_eq!(metered(Duration::from_millis(10), spinning).await, None);
    }
}
