//! Moments as text: Python's `strptime` and `strftime`, and what `dateutil` reads without a format.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDateTime};

type Moment = DateTime<FixedOffset>;

/// The longest format.
const LONGEST: usize = 1024;

/// `moment` as `format` has it.
///
/// # Errors
/// When the format is too long, or has a sign that is none.
pub(super) fn format(moment: &Moment, format: &str) -> Result<String, String> {
    if format.len() > LONGEST {
        return Err(format!("a format has at most {LONGEST} bytes"));
    }
    let mut pattern = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        match (c, if c == '%' { rest.next() } else { None }) {
            ('%', Some('f')) => pattern.push_str("%6f"),
            ('%', Some('Z')) => pattern.push_str(if is_utc(moment) { "UTC" } else { "" }),
            // Python does not fill it up.
            ('%', Some('Y')) => pattern.push_str(&moment.year().to_string()),
            ('%', Some(sign)) => pattern.extend(['%', sign]),
            ('%', None) => pattern.push_str("%%"),
            (c, _) => pattern.push(c),
        }
    }
    let mut text = String::new();
    write!(text, "{}", moment.format(&pattern))
        .map_err(|_| format!("'{format}' is no format of a time"))?;
    Ok(text)
}

fn is_utc(moment: &Moment) -> bool {
    moment.offset().local_minus_utc() == 0
}

const UTC: FixedOffset = match FixedOffset::east_opt(0) {
    Some(utc) => utc,
    None => panic!("UTC is an offset"),
};

/// The moment that `text` is in `format`; in UTC when it has no offset.
///
/// # Errors
/// When it is none.
pub(super) fn parse_as(text: &str, format: &str) -> Result<Moment, String> {
    let told = || format!("time data '{text}' does not match format '{format}'");
    if format.len() > LONGEST {
        return Err(told());
    }
    // chrono's `%f` is of nanoseconds, and its numbers take as many digits as there are.
    let pattern = format.replace(".%f", "%.f");
    let parsed = DateTime::parse_from_str(text, &pattern)
        .ok()
        .or_else(|| {
            NaiveDateTime::parse_from_str(text, &pattern)
                .ok()
                .map(in_utc)
        })
        .or_else(|| {
            // What the format leaves out is the beginning of the year, the month or the day.
            let has = |signs: &[&str]| signs.iter().any(|sign| pattern.contains(sign));
            let mut text = text.to_owned();
            let mut pattern = pattern.clone();
            for (signs, sign, first) in [
                (
                    &["%Y", "%y", "%G", "%c", "%D", "%F", "%x"][..],
                    "%Y",
                    "1900",
                ),
                (
                    &["%m", "%b", "%B", "%j", "%c", "%D", "%F", "%x"][..],
                    "%m",
                    "1",
                ),
                (&["%d", "%e", "%j", "%c", "%D", "%F", "%x"][..], "%d", "1"),
                (&["%H", "%I", "%T", "%R", "%X", "%c", "%k"][..], "%H", "0"),
                (&["%M", "%T", "%R", "%X", "%c"][..], "%M", "0"),
            ] {
                if !has(signs) {
                    let _ = write!(text, " {first}");
                    let _ = write!(pattern, " {sign}");
                }
            }
            DateTime::parse_from_str(&text, &pattern).ok().or_else(|| {
                NaiveDateTime::parse_from_str(&text, &pattern)
                    .ok()
                    .map(in_utc)
            })
        });
    parsed.ok_or_else(told)
}

fn in_utc(local: NaiveDateTime) -> Moment {
    Moment::from_naive_utc_and_offset(local, UTC)
}

// Full names also read as their abbreviations.
const DATES: [&str; 14] = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y%m%d",
    "%m/%d/%Y",
    "%m-%d-%Y",
    "%d.%m.%Y",
    "%d %B %Y",
    "%B %d %Y",
    "%B %d, %Y",
    "%A, %d %B %Y",
    "%A %B %d %Y",
    "%A %d %B %Y",
    "%d-%B-%Y",
    "%Y-%m",
];
const TIMES: [&str; 8] = [
    "%H:%M:%S%.f",
    "%H:%M",
    "%H%M%S%.f",
    "%H%M",
    "%I:%M:%S %p",
    "%I:%M %p",
    "%I:%M%p",
    "%H",
];

/// The moment that `text` is, in the usual ways to write one; in UTC when it has no offset.
///
/// # Errors
/// When it is none.
pub(super) fn parse(text: &str) -> Result<Moment, String> {
    let told = || format!("Unknown string format: {text}");
    let trimmed = text.trim();
    if trimmed.len() > 64 {
        return Err(told());
    }
    let (local, offset) = without_offset(trimmed);
    let local = local.trim_end();
    for date in DATES {
        // Nothing in a date needs a time: a time of its own stands for it.
        let only = format!("{local} 0:0");
        if let Ok(found) = NaiveDateTime::parse_from_str(
            &whole_month(&only, date),
            &format!("{} %H:%M", dated(date)),
        ) {
            return at(found, offset).ok_or_else(told);
        }
        for between in ["T", " "] {
            for time in TIMES {
                let pattern = format!("{date}{between}{time}");
                if let Ok(found) = NaiveDateTime::parse_from_str(local, &pattern) {
                    return at(found, offset).ok_or_else(told);
                }
                // An hour alone is no time for chrono.
                if time == "%H"
                    && let Ok(found) = NaiveDateTime::parse_from_str(
                        &format!("{local}:0"),
                        &format!("{pattern}:%M"),
                    )
                {
                    return at(found, offset).ok_or_else(told);
                }
            }
        }
    }
    Err(told())
}

/// A month without a day gets the first.
fn whole_month(text: &str, date: &str) -> String {
    match text.rsplit_once(' ') {
        Some((month, time)) if date == "%Y-%m" => format!("{month}-1 {time}"),
        _ => text.to_owned(),
    }
}

fn dated(date: &str) -> &str {
    if date == "%Y-%m" { "%Y-%m-%d" } else { date }
}

fn at(local: NaiveDateTime, offset: Option<FixedOffset>) -> Option<Moment> {
    local.and_local_timezone(offset.unwrap_or(UTC)).single()
}

/// `text` without the offset at its end, and that.
fn without_offset(text: &str) -> (&str, Option<FixedOffset>) {
    for name in ["UTC", "GMT", "Z", "z"] {
        if let Some(rest) = text.strip_suffix(name)
            && rest.ends_with(|c: char| c.is_ascii_digit() || c == ' ')
        {
            return (rest, Some(UTC));
        }
    }
    // Only behind a time: a date has signs in it, too.
    let time = text
        .find(':')
        .or_else(|| text.find('T'))
        .unwrap_or(text.len());
    let sign = text.get(time..).and_then(|it| it.rfind(['+', '-']));
    let Some((rest, offset)) = sign.and_then(|sign| text.split_at_checked(time + sign)) else {
        return (text, None);
    };
    let digits: String = offset.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = digits.split_at_checked(2).unwrap_or((&digits, ""));
    let minutes = if minutes.is_empty() { "0" } else { minutes };
    let seconds = match (hours.parse::<i32>(), minutes.parse::<i32>()) {
        (Ok(hours @ 0..24), Ok(minutes @ 0..60)) => hours * 3600 + minutes * 60,
        _ => return (text, None),
    };
    let seconds = if offset.starts_with('-') {
        -seconds
    } else {
        seconds
    };
    (rest, FixedOffset::east_opt(seconds))
}
