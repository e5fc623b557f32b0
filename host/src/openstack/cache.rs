//! A bounded cache whose entries end at a time, and one load for many who wait for it.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sha2::{Digest as _, Sha256};

use crate::domain::Timestamp;

/// The digest under which something is kept; secrets go into it and do not come out.
pub(crate) type Key = [u8; 32];

/// The key of `parts`, unlike that of any other parts.
pub(crate) fn key<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Key {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

type Map<V> = HashMap<Key, V>;

struct Entry<V> {
    value: V,
    until: Timestamp,
    used: u64,
}

struct Inner<V> {
    entries: Map<Entry<V>>,
    uses: u64,
    swept: Timestamp,
}

/// How often a cache that is used drops what has expired: nobody asks for an old token again, and it is a secret.
const SWEEP: Duration = Duration::from_secs(60);

/// At most `capacity` values, each until its time; the least recently used go first.
pub(crate) struct Cache<V> {
    capacity: usize,
    inner: Mutex<Inner<V>>,
}

impl<V: Clone> Cache<V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            inner: Mutex::new(Inner {
                entries: Map::default(),
                uses: 0,
                swept: Timestamp::from_unix_ms(0),
            }),
        }
    }

    /// The value, unless its time is over.
    pub(crate) fn get(&self, key: &Key, now: Timestamp) -> Option<V> {
        let mut inner = self.lock();
        inner.sweep(now);
        inner.uses += 1;
        let uses = inner.uses;
        let entry = inner.entries.get_mut(key)?;
        if entry.until <= now {
            inner.entries.remove(key);
            return None;
        }
        entry.used = uses;
        Some(entry.value.clone())
    }

    /// Keeps `value` until then.
    pub(crate) fn put(&self, key: Key, value: V, until: Timestamp, now: Timestamp) {
        let mut inner = self.lock();
        inner.sweep(now);
        if inner.entries.len() >= self.capacity && !inner.entries.contains_key(&key) {
            inner.entries.retain(|_, entry| entry.until > now);
            if inner.entries.len() >= self.capacity {
                inner.drop_oldest(self.capacity / 8);
            }
        }
        inner.uses += 1;
        let used = inner.uses;
        inner.entries.insert(key, Entry { value, until, used });
    }

    /// Forgets the value.
    pub(crate) fn remove(&self, key: &Key) {
        self.lock().entries.remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, Inner<V>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Inner<V> {
    fn sweep(&mut self, now: Timestamp) {
        if now.since(self.swept) >= SWEEP {
            self.swept = now;
            self.entries.retain(|_, entry| entry.until > now);
        }
    }

    /// Makes room for `more` and one, so that a full cache does not look for its oldest entry on every insertion.
    fn drop_oldest(&mut self, more: usize) {
        let mut used: Vec<u64> = self.entries.values().map(|entry| entry.used).collect();
        used.sort_unstable();
        if let Some(newest_to_go) = used.get(more.min(used.len().saturating_sub(1))).copied() {
            self.entries.retain(|_, entry| entry.used > newest_to_go);
        }
    }
}

type Flight<V, E> = Arc<tokio::sync::Mutex<Option<Result<V, E>>>>;

/// Joins equal loads: the first one loads, those who came meanwhile get its answer.
pub(crate) struct Flights<V, E> {
    waiting: Mutex<Map<Flight<V, E>>>,
}

impl<V: Clone, E: Clone> Flights<V, E> {
    pub(crate) fn new() -> Self {
        Self {
            waiting: Mutex::default(),
        }
    }

    /// The answer of `load`, or of an equal one under way. When the one that loads is dropped, another goes on.
    pub(crate) async fn join<F>(&self, key: Key, load: F) -> Result<V, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        let flight = self.lock().entry(key).or_default().clone();
        let seat = Seat {
            flights: self,
            key,
            flight,
        };
        let mut answer = seat.flight.lock().await;
        if let Some(answer) = &*answer {
            return answer.clone();
        }
        let loaded = load.await;
        *answer = Some(loaded.clone());
        // Whoever comes from here on asks anew.
        self.lock().remove(&key);
        drop(answer);
        loaded
    }

    fn lock(&self) -> MutexGuard<'_, Map<Flight<V, E>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody's place in a flight; the last to leave without an answer takes the flight off the board.
struct Seat<'a, V: Clone, E: Clone> {
    flights: &'a Flights<V, E>,
    key: Key,
    flight: Flight<V, E>,
}

impl<V: Clone, E: Clone> Drop for Seat<'_, V, E> {
    fn drop(&mut self) {
        let mut waiting = self.flights.lock();
        let is_ours = waiting
            .get(&self.key)
            .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
        // Two: the board's and ours.
        if is_ours && Arc::strong_count(&self.flight) <= 2 {
            waiting.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    #[test]
    fn an_entry_ends_at_its_time() {
        let cache = Cache::new(2);
        let a = key([b"a".as_slice()]);
        cache.put(a, 1, at(10), at(0));
        assert_eq!(cache.get(&a, at(9)), Some(1));
        assert_eq!(cache.get(&a, at(10)), None);
    }

    #[test]
    fn what_has_expired_is_dropped_though_nobody_asks_for_it() {
        let cache = Cache::new(8);
        let value = Arc::new(());
        cache.put(key([b"a".as_slice()]), value.clone(), at(10), at(0));
        cache.get(&key([b"b".as_slice()]), at(59_999));
        assert_eq!(Arc::strong_count(&value), 2);
        cache.get(&key([b"b".as_slice()]), at(60_000));
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn a_full_cache_drops_what_was_used_longest_ago() {
        let cache = Cache::new(2);
        let [a, b, c] = ["a", "b", "c"].map(|text| key([text.as_bytes()]));
        cache.put(a, 1, at(10), at(0));
        cache.put(b, 2, at(10), at(0));
        assert_eq!(cache.get(&a, at(1)), Some(1));
        cache.put(c, 3, at(10), at(1));
        assert_eq!(
            [a, b, c].map(|key| cache.get(&key, at(2))),
            [Some(1), None, Some(3)]
        );
    }

    #[test]
    fn parts_are_not_run_together() {
        assert_ne!(key([b"ab".as_slice(), b"c"]), key([b"a".as_slice(), b"bc"]));
    }

    #[tokio::test]
    async fn many_who_ask_at_once_load_once() {
        let flights: Flights<usize, ()> = Flights::new();
        let loads = AtomicUsize::new(0);
        let load = || {
            flights.join(key([]), async {
                tokio::task::yield_now().await;
                Ok(loads.fetch_add(1, Ordering::Relaxed))
            })
        };
        let (a, b, c) = tokio::join!(load(), load(), load());
        assert_eq!((a, b, c), (Ok(0), Ok(0), Ok(0)));
        assert_eq!(load().await, Ok(1));
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn when_the_one_that_loads_is_dropped_another_goes_on() {
        let flights: Flights<u8, ()> = Flights::new();
        let mut stuck = Box::pin(flights.join(key([]), std::future::pending()));
        assert!(futures::poll!(stuck.as_mut()).is_pending());
        let mut next = Box::pin(flights.join(key([]), async { Ok(7) }));
        assert!(futures::poll!(next.as_mut()).is_pending());
        drop(stuck);
        assert_eq!(next.await, Ok(7));
        assert!(flights.lock().is_empty());
    }
}
