//! Times: kept in milliseconds, shown to the second in Mistral's form.

use std::{fmt, time::Duration};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::{Deserialize, Serialize};

/// A moment in UTC, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `ms` milliseconds after 1970.
    #[must_use]
    pub const fn from_unix_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// The moment `duration` later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// How long after `earlier` it is; zero when it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The moment that RFC 3339 `text` names, as in Keystone's `expires_at`.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|time| Self(time.timestamp_millis()))
    }

    /// The moment that `text` names in the form in which times are shown, or with `T` between date and time, a fraction
    /// or a `Z`; a date alone is its beginning.
    #[must_use]
    pub fn parse_shown(text: &str) -> Option<Self> {
        let text = text.strip_suffix('Z').unwrap_or(text);
        let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f")
            .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f"))
            .or_else(|_| {
                NaiveDate::parse_from_str(text, "%Y-%m-%d")
                    .map(|date| date.and_time(NaiveTime::MIN))
            });
        time.ok()
            .map(|time| Self(time.and_utc().timestamp_millis()))
    }

    /// The beginning of its second, as which it is shown.
    #[must_use]
    pub const fn whole_second(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(1000)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time =
            DateTime::<Utc>::from_timestamp_millis(self.0).unwrap_or(DateTime::<Utc>::MAX_UTC);
        time.format("%Y-%m-%d %H:%M:%S").fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_shows_in_mistrals_form() {
        assert_eq!(
            Timestamp::from_unix_ms(1_763_784_101_900).to_string(),
            "2025-11-22 04:01:41"
        );
    }

    #[test]
    fn what_is_shown_is_read_to_the_second() {
        let time = Timestamp::from_unix_ms(1_763_784_101_900);
        for text in [
            time.to_string(),
            "2025-11-22T04:01:41Z".to_owned(),
            "2025-11-22 04:01:41.000000".to_owned(),
        ] {
            assert_eq!(Timestamp::parse_shown(&text), Some(time.whole_second()));
        }
        let date = Timestamp::parse_shown("2025-11-22").unwrap();
        assert_eq!(date.to_string(), "2025-11-22 00:00:00");
        assert_eq!(Timestamp::parse_shown("yesterday"), None);
    }

    #[test]
    fn keystones_times_are_read() {
        let time = Timestamp::parse_rfc3339("2026-11-22T03:59:06.000000Z").unwrap();
        assert_eq!(time.to_string(), "2026-11-22 03:59:06");
    }
}
