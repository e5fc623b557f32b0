//! Whether Keystone is away: logged once, and not found out by every caller anew.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tracing::{info, warn};

use crate::domain::Timestamp;

/// How long nobody asks a Keystone that did not answer.
pub(super) const PAUSE: Duration = Duration::from_secs(3);

/// What is known of a Keystone that is away; nothing while it answers.
#[derive(Default)]
pub(super) struct Outage(Mutex<Option<Away>>);

struct Away {
    reason: String,
    from: Timestamp,
    pause: Duration,
}

impl Outage {
    /// Whether to ask now, or else why not. Of those who come when a pause is over, one asks, and the others wait for
    /// what it finds, at most for `patience`.
    pub(super) fn admit(&self, now: Timestamp, patience: Duration) -> Result<(), String> {
        let mut away = self.lock();
        let Some(away) = away.as_mut() else {
            return Ok(());
        };
        // A clock that was set back does not make a pause longer.
        if now >= away.from && now < away.from.after(away.pause) {
            return Err(away.reason.clone());
        }
        if away.pause > Duration::ZERO {
            away.from = now;
            away.pause = away.pause.max(patience);
        }
        Ok(())
    }

    /// Keystone does not answer as it should: nobody asks for `pause`, or everybody goes on asking when that is zero.
    pub(super) fn began(&self, reason: &str, now: Timestamp, pause: Duration) {
        let mut away = self.lock();
        if away.is_none() {
            warn!(
                error = reason,
                "callers cannot be authenticated; those known already go on until their tokens expire"
            );
        }
        *away = Some(Away {
            reason: reason.to_owned(),
            from: now,
            pause,
        });
    }

    /// Keystone answers.
    pub(super) fn ended(&self) {
        if self.lock().take().is_some() {
            info!("Keystone answers again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Away>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_unix_ms(secs * 1000)
    }

    #[test]
    fn after_a_pause_one_asks_and_the_others_do_not() {
        let outage = Outage::default();
        assert_eq!(outage.admit(at(100), PATIENCE), Ok(()));
        outage.began("it hangs", at(100), PAUSE);
        assert_eq!(outage.admit(at(102), PATIENCE), Err("it hangs".to_owned()));
        assert_eq!(outage.admit(at(103), PATIENCE), Ok(()));
        assert!(outage.admit(at(103), PATIENCE).is_err());
        assert!(outage.admit(at(112), PATIENCE).is_err());
        // Whoever asked has gone without an answer.
        assert_eq!(outage.admit(at(113), PATIENCE), Ok(()));
        outage.ended();
        assert_eq!(outage.admit(at(113), PATIENCE), Ok(()));
    }

    #[test]
    fn without_a_pause_everybody_goes_on_asking() {
        let outage = Outage::default();
        outage.began("it answers 500", at(100), Duration::ZERO);
        assert_eq!(outage.admit(at(100), PATIENCE), Ok(()));
        assert_eq!(outage.admit(at(100), PATIENCE), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_make_a_pause_longer() {
        let outage = Outage::default();
        outage.began("it hangs", at(100), PAUSE);
        assert_eq!(outage.admit(at(50), PATIENCE), Ok(()));
    }
}
