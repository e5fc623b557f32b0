//! When a cron trigger is due: the five fields of cron, as Mistral's `croniter` reads them, in UTC.
//!
//! A pattern is written out into plain lists before `croner` searches, so that both mean the same by it: ranges that go
//! over the end (`fri-mon`), steps from a number (`5/15`), `L5` for the last Friday.

use std::{collections::BTreeSet, fmt, sync::Arc};

use chrono::{DateTime, Utc};
use croner::parser::{CronParser, Seconds, Year};
use serde::{Deserialize, Serialize};

use super::Timestamp;

/// The longest pattern in bytes, Mistral's.
const MAX_BYTES: usize = 100;

const NICKNAMES: [(&str, &str); 7] = [
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A pattern of cron that comes true at some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CronPattern(Arc<str>);

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// It has not five fields.
    #[error("a pattern has five fields, or is one of @hourly, @daily, @weekly, @monthly, @yearly")]
    Fields,
    /// It is too long.
    #[error("a pattern has at most {MAX_BYTES} bytes")]
    Length,
    /// A field says nothing.
    #[error("{field}: \"{text}\" is none of {right}")]
    Field {
        /// Which field.
        field: &'static str,
        /// The part of it that is wrong.
        text: String,
        /// What would be right.
        right: &'static str,
    },
    /// It never comes true.
    #[error("there is no such day")]
    Never,
}

impl CronPattern {
    /// The pattern that `text` holds, and that comes true after `now`.
    ///
    /// # Errors
    /// When it is none, or never comes true.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, BadPattern> {
        if text.len() > MAX_BYTES {
            return Err(BadPattern::Length);
        }
        written_out(text)?;
        let pattern = Self(text.into());
        match pattern.next_after(now) {
            Some(_) => Ok(pattern),
            None => Err(BadPattern::Never),
        }
    }

    /// The first time after `now` at which it comes true; none within the years that calendars know.
    #[must_use]
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let now = DateTime::<Utc>::from_timestamp_millis(now.unix_ms())?;
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser.parse(&written_out(&self.0).ok()?).ok()?;
        let next = cron.find_next_occurrence(&now, false).ok()?;
        Some(Timestamp::from_unix_ms(next.timestamp_millis()))
    }

    /// As it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CronPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One of the five fields.
struct Field {
    name: &'static str,
    min: u32,
    max: u32,
    /// What stands for the numbers from `min` on.
    names: &'static [&'static str],
    right: &'static str,
}

const MINUTE: Field = Field::new("minute", 0, 59, &[], "0-59, *, lists, ranges and steps");
const HOUR: Field = Field::new("hour", 0, 23, &[], "0-23, *, lists, ranges and steps");
const DAY_OF_MONTH: Field = Field::new(
    "day of month",
    1,
    31,
    &[],
    "1-31, *, ?, lists, ranges and steps, L for the last day, 15W for the weekday nearest to one",
);
const MONTH: Field = Field::new(
    "month",
    1,
    12,
    &MONTHS,
    "1-12, jan-dec, *, lists, ranges and steps",
);
const DAY_OF_WEEK: Field = Field::new(
    "day of week",
    0,
    6,
    &DAYS,
    "0-7, sun-sat, *, ?, lists, ranges and steps, 5#2 for the second Friday, L5 for the last one",
);

impl Field {
    const fn new(
        name: &'static str,
        min: u32,
        max: u32,
        names: &'static [&'static str],
        right: &'static str,
    ) -> Self {
        Self {
            name,
            min,
            max,
            names,
            right,
        }
    }

    fn is_day_of_week(&self) -> bool {
        self.max == DAY_OF_WEEK.max
    }

    fn is_day_of_month(&self) -> bool {
        self.max == DAY_OF_MONTH.max
    }

    /// The field as a list of numbers, `*` where it says nothing; `other` is the other field that tells days.
    fn written_out(&self, text: &str, other: &str) -> Result<String, BadPattern> {
        let tells_days = self.is_day_of_week() || self.is_day_of_month();
        if text == "?" && tells_days {
            return Ok("*".to_owned());
        }
        let (mut numbers, mut others) = (BTreeSet::new(), BTreeSet::new());
        for item in text.split(',') {
            let is_read = match self.special(item) {
                Some(special) => {
                    others.insert(special);
                    true
                }
                None => self.add(item, &mut numbers).is_some(),
            };
            if !is_read {
                return Err(BadPattern::Field {
                    field: self.name,
                    text: item.to_owned(),
                    right: self.right,
                });
            }
        }
        // Every day in figures is a day of the week or of the month like others, beside one that has no star.
        let is_whole = (self.min..=self.max).all(|number| numbers.contains(&number));
        let says_nothing = is_whole && (!tells_days || other.contains('*'));
        if says_nothing || text.split(',').any(|item| item == "*") {
            return Ok("*".to_owned());
        }
        let numbers = numbers.into_iter().map(|number: u32| number.to_string());
        Ok(numbers.chain(others).collect::<Vec<_>>().join(","))
    }

    /// What is no set of numbers, in croner's words.
    fn special(&self, item: &str) -> Option<String> {
        if self.is_day_of_month() {
            if item == "l" {
                return Some("L".to_owned());
            }
            let day = self.number(item.strip_suffix('w')?)?;
            return Some(format!("{day}W"));
        }
        if !self.is_day_of_week() {
            return None;
        }
        if let Some(day) = item.strip_prefix('l') {
            return Some(format!("{}L", self.number(day)?));
        }
        let (day, nth) = item.split_once('#')?;
        let nth = digits(nth).filter(|nth| (1..=5).contains(nth))?;
        Some(format!("{}#{nth}", self.number(day)?))
    }

    /// Adds the numbers of `item`: `*`, `3`, `3-5`, each perhaps with `/step`.
    fn add(&self, item: &str, numbers: &mut BTreeSet<u32>) -> Option<()> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(digits(step).filter(|step| *step > 0)?)),
            None => (item, None),
        };
        let (first, last) = match (range, range.split_once('-')) {
            ("*", _) => (self.min, self.max),
            (_, Some((first, last))) => match (self.number(first)?, self.number(last)?) {
                // Once around, to croniter.
                (first, last) if first == last => (self.min, self.max),
                range => range,
            },
            (_, None) => {
                let number = self.number(range)?;
                (number, if step.is_some() { self.max } else { number })
            }
        };
        let step = step.unwrap_or(1);
        let mut add = |first, last| {
            let each = usize::try_from(step).unwrap_or(usize::MAX);
            numbers.extend((first..=last).step_by(each));
        };
        if first <= last {
            add(first, last);
            return Some(());
        }
        add(first, self.max);
        // How croniter carries a step over the end.
        let done = (self.max - first) % step;
        let skipped = if step - done > 1 { step - done } else { 0 };
        add(self.min.saturating_add(skipped), last);
        Some(())
    }

    /// A number of this field, or its name; 7 is Sunday.
    fn number(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().zip(self.min..);
        let named = named.filter(|(name, _)| **name == text);
        if let Some((_, number)) = named.last() {
            return Some(number);
        }
        let number = digits(text)?;
        if number == 7 && self.is_day_of_week() {
            return Some(0);
        }
        (self.min..=self.max).contains(&number).then_some(number)
    }
}

fn digits(text: &str) -> Option<u32> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

/// The pattern in plain lists.
fn written_out(text: &str) -> Result<String, BadPattern> {
    let text = text.to_ascii_lowercase();
    let nickname = NICKNAMES.iter().find(|(name, _)| *name == text);
    let text = nickname.map_or(text.as_str(), |(_, pattern)| pattern);
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields[..] else {
        return Err(BadPattern::Fields);
    };
    Ok([
        MINUTE.written_out(minute, "")?,
        HOUR.written_out(hour, "")?,
        DAY_OF_MONTH.written_out(day, weekday)?,
        MONTH.written_out(month, "")?,
        DAY_OF_WEEK.written_out(weekday, day)?,
    ]
    .join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_shown(text).unwrap()
    }

    /// The first times after Thursday 2026-01-29 10:17:30, without year and seconds.
    fn times(pattern: &str, count: usize) -> Vec<String> {
        let mut now = at("2026-01-29 10:17:30");
        let pattern = CronPattern::parse(pattern, now).unwrap();
        let mut times = Vec::new();
        for _ in 0..count {
            now = pattern.next_after(now).unwrap();
            let shown = now.to_string();
            times.push(shown.strip_suffix(":00").unwrap()[5..].to_owned());
        }
        times
    }

    #[test]
    fn a_pattern_comes_true_when_croniter_says_so() {
        // What croniter 7.0.0 answers.
        for (pattern, expected) in [
            ("* * * * *", ["01-29 10:18", "01-29 10:19", "01-29 10:20"]),
            (
                "5/15 * * * *",
                ["01-29 10:20", "01-29 10:35", "01-29 10:50"],
            ),
            (
                "1-10/3 * * * *",
                ["01-29 11:01", "01-29 11:04", "01-29 11:07"],
            ),
            (
                "*/40 * * * *",
                ["01-29 10:40", "01-29 11:00", "01-29 11:40"],
            ),
            (
                "5/100 * * * *",
                ["01-29 11:05", "01-29 12:05", "01-29 13:05"],
            ),
            (
                "50-10 * * * *",
                ["01-29 10:50", "01-29 10:51", "01-29 10:52"],
            ),
            (
                "0 22-2 * * *",
                ["01-29 22:00", "01-29 23:00", "01-30 00:00"],
            ),
            ("0 0 31 * *", ["01-31 00:00", "03-31 00:00", "05-31 00:00"]),
            ("0 0 L * *", ["01-31 00:00", "02-28 00:00", "03-31 00:00"]),
            (
                "0 0 L,15 * *",
                ["01-31 00:00", "02-15 00:00", "02-28 00:00"],
            ),
            ("0 0 15W * *", ["02-16 00:00", "03-16 00:00", "04-15 00:00"]),
            ("0 0 1 * mon", ["02-01 00:00", "02-02 00:00", "02-09 00:00"]),
            (
                "0 0 */10 * 1",
                ["01-31 00:00", "02-01 00:00", "02-02 00:00"],
            ),
            ("0 0 ? * 1", ["02-02 00:00", "02-09 00:00", "02-16 00:00"]),
            ("0 0 * * L5", ["01-30 00:00", "02-27 00:00", "03-27 00:00"]),
            (
                "0 0 * * fri#2",
                ["02-13 00:00", "03-13 00:00", "04-10 00:00"],
            ),
            (
                "0 0 * * 1#1,3#2",
                ["02-02 00:00", "02-11 00:00", "03-02 00:00"],
            ),
            ("0 0 * * 7", ["02-01 00:00", "02-08 00:00", "02-15 00:00"]),
            ("0 0 * * 7-2", ["02-01 00:00", "02-02 00:00", "02-03 00:00"]),
            (
                "0 0 * * fri-mon",
                ["01-30 00:00", "01-31 00:00", "02-01 00:00"],
            ),
            (
                "0 0 * * mon-fri/2",
                ["01-30 00:00", "02-02 00:00", "02-04 00:00"],
            ),
            ("0 0 * * */2", ["01-31 00:00", "02-01 00:00", "02-03 00:00"]),
            (
                "0 0 10/5 * *",
                ["01-30 00:00", "02-10 00:00", "02-15 00:00"],
            ),
            (
                "0 0 28-2 * *",
                ["01-30 00:00", "01-31 00:00", "02-01 00:00"],
            ),
            ("0 0 * FEB *", ["02-01 00:00", "02-02 00:00", "02-03 00:00"]),
            ("@DAILY", ["01-30 00:00", "01-31 00:00", "02-01 00:00"]),
            ("@weekly", ["02-01 00:00", "02-08 00:00", "02-15 00:00"]),
            ("@yearly", ["01-01 00:00", "01-01 00:00", "01-01 00:00"]),
        ] {
            assert_eq!(times(pattern, 3), expected, "{pattern}");
        }
    }

    /// What the real croniter answers to many patterns: scripts/cron-answers makes the file.
    #[test]
    fn many_patterns_come_true_when_croniter_says_so() {
        let answers = include_str!("__fixtures__/croniter.json");
        let answers: serde_json::Value = serde_json::from_str(answers).unwrap();
        let starts: Vec<String> = serde_json::from_value(answers["starts"].clone()).unwrap();
        let mut differences = Vec::new();
        for case in answers["cases"].as_array().unwrap() {
            let text = case["pattern"].as_str().unwrap();
            let theirs: Vec<Option<Vec<String>>> =
                serde_json::from_value(case["times"].clone()).unwrap();
            for (start, theirs) in starts.iter().zip(theirs) {
                let mut now = at(start);
                let ours = CronPattern::parse(text, now).map(|pattern| {
                    let mut next = || {
                        now = pattern.next_after(now).unwrap();
                        now.to_string()
                    };
                    [next(), next(), next()].to_vec()
                });
                if ours.as_ref().ok() != theirs.as_ref() {
                    differences.push(format!(
                        "{text} after {start}: {ours:?}, croniter {theirs:?}"
                    ));
                }
            }
        }
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }

    #[test]
    fn the_29th_of_february_comes_true_in_leap_years() {
        let pattern = CronPattern::parse("0 0 29 2 *", at("2026-01-01")).unwrap();
        let next = pattern.next_after(at("2026-01-01")).unwrap();
        assert_eq!(next.to_string(), "2028-02-29 00:00:00");
    }

    #[test]
    fn what_is_no_pattern_of_five_fields_is_refused() {
        for pattern in [
            "",
            "* * * *",
            "* * * * * *",
            "* * * * * * 2027",
            "@reboot",
            "H * * * *",
            "R * * * *",
            "*/0 * * * *",
            "60 * * * *",
            "0 24 * * *",
            "0 0 0 * *",
            "0 0 32 * *",
            "0 0 * 13 *",
            "0 0 * * 8",
            "0,,30 * * * *",
            "0, * * * *",
            "-5 * * * *",
            "+5 * * * *",
            "a * * * *",
            "*-5 * * * *",
            "1-2-3 * * * *",
            "*/5/2 * * * *",
            "? * * * *",
            "L * * * *",
            "0 0 L-2 * *",
            "0 0 LW * *",
            "0 0 * january *",
            "0 0 * * 1#6",
            "0 0 * * 5L",
            "0 0 * * +1",
        ] {
            assert!(
                CronPattern::parse(pattern, at("2026-01-01")).is_err(),
                "{pattern}"
            );
        }
        let long = format!("{} * * * *", "1,".repeat(100));
        assert_eq!(
            CronPattern::parse(&long, at("2026-01-01")),
            Err(BadPattern::Length)
        );
    }

    #[test]
    fn what_never_comes_true_is_refused() {
        for pattern in ["0 0 30 2 *", "0 0 31 2,4 *"] {
            assert_eq!(
                CronPattern::parse(pattern, at("2026-01-01")),
                Err(BadPattern::Never),
                "{pattern}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}", fields in proptest::collection::vec("[-0-9*/,?#lwa-f]{1,6}", 5)) {
            let now = at("2026-01-01");
            drop(CronPattern::parse(&text, now));
            if let Ok(pattern) = CronPattern::parse(&fields.join(" "), now) {
                proptest::prop_assert!(pattern.next_after(now).unwrap() > now);
            }
        }
    }
}
