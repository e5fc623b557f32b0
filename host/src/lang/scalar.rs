//! What a plain scalar means: YAML 1.1's booleans, numbers and nothing, as `PyYAML` reads them.

use serde_json::{Number, Value};

/// The value of the plain scalar `text`; none for a number that no JSON number holds.
pub(super) fn plain(text: &str) -> Option<Value> {
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => true.into(),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => false.into(),
        _ if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => text.into(),
        _ => return number(text),
    };
    Some(value)
}

fn number(text: &str) -> Option<Value> {
    let (is_negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if let Some(whole) = whole(digits) {
        let whole = whole?;
        let signed = if is_negative { -whole } else { whole };
        return match (u64::try_from(signed), i64::try_from(signed)) {
            (Ok(number), _) => Some(number.into()),
            (_, Ok(number)) => Some(number.into()),
            _ => None,
        };
    }
    match float(digits) {
        Some(float) => {
            let float = if is_negative { -float } else { float };
            Number::from_f64(float).map(Value::Number)
        }
        None => Some(text.into()),
    }
}

/// The whole number that `digits` are, if they are one; `Some(None)` for one that is too large.
fn whole(digits: &str) -> Option<Option<i128>> {
    let is = |text: &str, digit: fn(char) -> bool| {
        !text.is_empty() && text.chars().all(|c| c == '_' || digit(c))
    };
    let read = |text: &str, radix: u32| i128::from_str_radix(&text.replace('_', ""), radix).ok();
    if let Some(binary) = digits.strip_prefix("0b") {
        return is(binary, |c| matches!(c, '0' | '1')).then(|| read(binary, 2));
    }
    if let Some(hex) = digits.strip_prefix("0x") {
        return is(hex, |c| c.is_ascii_hexdigit()).then(|| read(hex, 16));
    }
    match digits.strip_prefix('0') {
        Some("") => Some(Some(0)),
        Some(octal) => is(octal, |c| matches!(c, '0'..='7')).then(|| read(octal, 8)),
        None if digits.starts_with('_') => None,
        None if is(digits, |c| c.is_ascii_digit()) => Some(read(digits, 10)),
        None => sexagesimal(digits),
    }
}

/// `1:30` is 90, as times were written once.
fn sexagesimal(digits: &str) -> Option<Option<i128>> {
    let (first, rest) = digits.split_once(':')?;
    if !first.chars().all(|c| c == '_' || c.is_ascii_digit()) {
        return None;
    }
    let mut sum = first.replace('_', "").parse::<i128>().ok();
    for part in rest.split(':') {
        let is_part = (1..=2).contains(&part.len()) && part.chars().all(|c| c.is_ascii_digit());
        let part: i128 = is_part.then(|| part.parse().ok())??;
        if part > 59 {
            return None;
        }
        sum = sum.and_then(|sum| sum.checked_mul(60)?.checked_add(part));
    }
    Some(sum)
}

/// The number with a point that `digits` are. An exponent needs its sign, as `PyYAML` has it.
fn float(digits: &str) -> Option<f64> {
    let (before, after) = digits.split_once('.')?;
    let is_digits = |text: &str| text.chars().all(|c| c == '_' || c.is_ascii_digit());
    let (after, exponent) = match after.split_once(['e', 'E']) {
        Some((after, exponent)) => (after, Some(exponent)),
        None => (after, None),
    };
    let is_exponent = |text: &str| {
        let digits = text.strip_prefix(['+', '-']);
        digits
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    let is_number = is_digits(before)
        && is_digits(after)
        && !before.starts_with('_')
        && (!before.is_empty() || after.starts_with(|c: char| c.is_ascii_digit()))
        && exponent.is_none_or(is_exponent);
    if !is_number {
        return None;
    }
    digits.replace('_', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_scalars_mean_what_pyyaml_makes_of_them() {
        for (text, value) in [
            ("yes", json!(true)),
            ("Off", json!(false)),
            ("y", json!("y")),
            ("~", json!(null)),
            ("", json!(null)),
            ("none", json!("none")),
            ("12", json!(12)),
            ("-12", json!(-12)),
            ("+1_000", json!(1000)),
            ("010", json!(8)),
            ("08", json!("08")),
            ("0x1f", json!(31)),
            ("0b11", json!(3)),
            ("1:30", json!(90)),
            ("22:61", json!("22:61")),
            ("1.5", json!(1.5)),
            ("-.5", json!(-0.5)),
            ("1.", json!(1.0)),
            ("1.e+3", json!(1000.0)),
            ("1e3", json!("1e3")),
            ("1.0e3", json!("1.0e3")),
            ("2.0.0", json!("2.0.0")),
            ("1-2", json!("1-2")),
            (".", json!(".")),
            ("-", json!("-")),
            ("...", json!("...")),
            ("10.0.0.1", json!("10.0.0.1")),
            ("2026-11-22", json!("2026-11-22")),
            ("18446744073709551615", json!(u64::MAX)),
        ] {
            assert_eq!(plain(text), Some(value), "{text}");
        }
    }

    #[test]
    fn a_number_that_json_cannot_hold_is_none() {
        assert_eq!(plain("123456789012345678901234567890"), None);
        assert_eq!(plain("-9999999999999999999"), None);
    }
}
