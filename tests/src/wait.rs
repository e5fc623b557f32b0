//! Waiting for something to become true, with a deadline; never a bare sleep.

use std::future::Future;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How long anything that must happen may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What the clock shows.
pub fn now() -> DateTime<Utc> {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(DateTime::UNIX_EPOCH, |passed| DateTime::UNIX_EPOCH + passed)
}

/// Waits until the clock has passed `time`, of which at most two minutes are missing.
pub async fn past(time: DateTime<Utc>) -> Result<()> {
    let missing = (time - now()).to_std().unwrap_or_default();
    if missing > 2 * PATIENCE {
        bail!("{time} is {missing:?} away");
    }
    // The clock itself is what is waited for.
    tokio::time::sleep_until(Instant::now() + missing).await;
    Ok(())
}

/// Asks again and again until there is an answer; an error after [`PATIENCE`] names `what` was waited for.
pub async fn until<T, F>(what: &str, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let deadline = Instant::now() + PATIENCE;
    let mut ticks = interval(Duration::from_millis(10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            bail!("waited {PATIENCE:?} in vain until {what}");
        }
    }
}
