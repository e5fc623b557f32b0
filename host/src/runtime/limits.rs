//! What one run may use: memory and tables summed over its store, and CPU time.

use std::{
    future::poll_fn,
    pin::Pin,
    task::Poll,
    time::{Duration, Instant},
};

use wasmtime::ResourceLimiter;

/// Core instances, memories and tables of one component; Python's are made of dozens.
const INSTANCES: usize = 256;
const MEMORIES: usize = 64;
const TABLES: usize = 256;

/// The limit that ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exceeded {
    Memory,
    Table,
    Cpu,
    Output,
}

/// Adds up what all memories and tables of one store use; wasmtime's own limits count each memory alone.
#[derive(Debug)]
pub(super) struct Limiter {
    memory_left: usize,
    elements_left: usize,
    last_memory: usize,
    last_elements: usize,
    exceeded: Option<Exceeded>,
}

impl Limiter {
    pub(super) const fn new(memory_bytes: usize, table_elements: usize) -> Self {
        Self {
            memory_left: memory_bytes,
            elements_left: table_elements,
            last_memory: 0,
            last_elements: 0,
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
        let more = desired.saturating_sub(current);
        self.last_memory = 0;
        let Some(left) = self.memory_left.checked_sub(more) else {
            self.exceeded = Some(Exceeded::Memory);
            return Ok(false);
        };
        self.memory_left = left;
        self.last_memory = more;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_left += std::mem::take(&mut self.last_memory);
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        self.last_elements = 0;
        let Some(left) = self.elements_left.checked_sub(more) else {
            self.exceeded = Some(Exceeded::Table);
            return Ok(false);
        };
        self.elements_left = left;
        self.last_elements = more;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.elements_left += std::mem::take(&mut self.last_elements);
        Ok(())
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }

    fn tables(&self) -> usize {
        TABLES
    }
}

/// Drives `guest` until it is done or has been polled for longer than `cpu_time`; none in the second case.
///
/// A guest that computes yields at every tick of the epoch, so a poll is short and what it takes is CPU time.
/// The future comes pinned: by value, a waiting run would hold it twice.
pub(super) async fn metered<F: Future>(
    cpu_time: Duration,
    mut guest: Pin<&mut F>,
) -> Option<F::Output> {
    let mut used = Duration::ZERO;
    poll_fn(|cx| {
        let began = Instant::now();
        let polled = guest.as_mut().poll(cx);
        used += began.elapsed();
        match polled {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if used > cpu_time => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_added_up() {
        let mut limiter = Limiter::new(100, 10);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 60, None).unwrap());
        assert_eq!(limiter.exceeded(), Some(Exceeded::Memory));
        assert!(limiter.memory_growing(60, 100, None).unwrap());
    }

    #[test]
    fn memory_that_was_not_got_is_not_counted() {
        let mut limiter = Limiter::new(100, 10);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        limiter
            .memory_grow_failed(wasmtime::format_err!("no room"))
            .unwrap();
        assert!(limiter.memory_growing(0, 100, None).unwrap());
    }

    #[test]
    fn table_elements_are_added_up() {
        let mut limiter = Limiter::new(100, 10);
        assert!(limiter.table_growing(0, 10, None).unwrap());
        assert!(!limiter.table_growing(0, 1, None).unwrap());
        assert_eq!(limiter.exceeded(), Some(Exceeded::Table));
    }
}
