//! The only source of time.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use rustix::time::{ClockId, clock_gettime};

use crate::domain::Timestamp;

/// Tells the time and waits for it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// This moment.
    fn now(&self) -> Timestamp;

    /// Returns after `duration`.
    async fn sleep(&self, duration: Duration);
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

#[async_trait]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the Clock that everybody else asks"
)]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_1970 = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_unix_ms(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A clock that stands still until a test moves it.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct ManualClock(tokio::sync::watch::Sender<Moment>);

#[cfg(test)]
#[derive(Debug)]
struct Moment {
    now: Timestamp,
    /// Until when each sleeps whose time has not come.
    asleep: std::collections::BTreeMap<u64, Timestamp>,
    next_sleeper: u64,
}

#[cfg(test)]
impl ManualClock {
    /// A clock that shows `now`.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self(tokio::sync::watch::Sender::new(Moment {
            now,
            asleep: std::collections::BTreeMap::new(),
            next_sleeper: 0,
        }))
    }

    /// Moves it by `duration`, and wakes those whose time has come.
    pub(crate) fn advance(&self, duration: Duration) {
        self.0.send_modify(|moment| {
            let now = moment.now.after(duration);
            moment.now = now;
            moment.asleep.retain(|_, until| *until > now);
        });
    }

    /// Returns when at least `count` sleep whose time has not come.
    pub(crate) async fn until_asleep(&self, count: usize) {
        self.until(|moment| moment.asleep.len() >= count).await;
    }

    async fn until(&self, is_meant: impl FnMut(&Moment) -> bool) {
        let mut moments = self.0.subscribe();
        let reached = moments.wait_for(is_meant).await;
        reached.expect("the clock itself holds the sender");
    }
}

#[cfg(test)]
#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.borrow().now
    }

    async fn sleep(&self, duration: Duration) {
        /// Counts itself out when the sleep is given up.
        struct Sleeper<'a>(&'a ManualClock, u64);
        impl Drop for Sleeper<'_> {
            fn drop(&mut self) {
                let is_mine = |moment: &mut Moment| moment.asleep.remove(&self.1).is_some();
                self.0.0.send_if_modified(is_mine);
            }
        }
        let mut sleeper = Sleeper(self, 0);
        self.0.send_modify(|moment| {
            sleeper.1 = moment.next_sleeper;
            moment.next_sleeper += 1;
            let until = moment.now.after(duration);
            if until > moment.now {
                moment.asleep.insert(sleeper.1, until);
            }
        });
        self.until(|moment| !moment.asleep.contains_key(&sleeper.1))
            .await;
    }
}
/// What this thread has computed since it began. Unlike the time that has passed, it does not grow while others run.
#[must_use]
pub fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
