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
    memory_bytes: Budget,
    table_elements: Budget,
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
    pub(super) const fn new(memory_bytes: usize, table_elements: usize) -> Self {
        Self {
            memory_bytes: Budget::new(memory_bytes),
            table_elements: Budget::new(table_elements),
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
            self.exceeded = Some(Exceeded::Table);
        }
        Ok(is_within)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.table_elements.give_back();
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
