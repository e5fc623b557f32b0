//! Moments and lengths of time.

use chrono::{
    DateTime, Datelike as _, FixedOffset, NaiveDate, NaiveDateTime, TimeDelta, Timelike as _,
};

use super::{
    super::{
        call::Call,
        fault::{Fault, Outcome},
        key::Number,
        registry::{Body, Default, Function, Registry, Type, function, method},
        value::Value,
    },
    math::as_float,
    time_text,
};

/// Microseconds in each: day, hour, minute, second, millisecond, microsecond.
const UNITS: [(&str, i64); 6] = [
    ("days", 86_400_000_000),
    ("hours", 3_600_000_000),
    ("minutes", 60_000_000),
    ("seconds", 1_000_000),
    ("milliseconds", 1000),
    ("microseconds", 1),
];

type Moment = DateTime<FixedOffset>;

pub(super) fn register(registry: &mut Registry) {
    make(registry);
    calculate(registry);
    tell(registry);
}

/// What makes moments and lengths.
fn make(registry: &mut Registry) {
    let date = ["year", "month", "day"];
    let time = ["hour", "minute", "second", "microsecond"];
    let build = function("datetime", build);
    let build = date
        .into_iter()
        .fold(build, |it, name| it.takes(name, Type::INT));
    let build = time.into_iter().fold(build, |it, name| {
        it.may_take(name, Type::INT, Default::Int(0))
    });
    let span = function("timespan", |call| {
        let mut length = 0_i64;
        for (at, (_, unit)) in UNITS.into_iter().enumerate() {
            let count = i64::try_from(call.int(at)?).map_err(|_| far())?;
            let part = count.checked_mul(unit);
            length = part
                .and_then(|part| length.checked_add(part))
                .ok_or_else(far)?;
        }
        Ok(Value::TimeSpan(length))
    });
    let kinds = [
        Type::INT,
        Type::INT,
        Type::INT,
        Type::INTEGER,
        Type::INTEGER,
        Type::INTEGER,
    ];
    let span = UNITS
        .into_iter()
        .zip(kinds)
        .fold(span, |it, ((name, _), kind)| {
            it.may_take(name, kind, Default::Int(0))
        });
    let replace = method("replace", replace).takes("dt", Type::DATE_TIME);
    let replace = date.into_iter().chain(time).fold(replace, |it, name| {
        it.may_take(name, Type::INT.or_null(), Default::Null)
    });
    registry.add_all([
        build.may_take("offset", Type::TIME_SPAN, Default::TimeSpan),
        function("datetime", |call| {
            let timestamp = call.value(0);
            let timestamp = Number::of(&timestamp).map_or(0.0, as_float);
            let micros = rounded(timestamp * 1e6)?;
            let moment = DateTime::from_timestamp_micros(micros).ok_or_else(far)?;
            Ok(Value::DateTime(
                moment.with_timezone(&zone(span_of(call, 1)?)?),
            ))
        })
        .takes("timestamp", Type::NUMBER)
        .may_take("offset", Type::TIME_SPAN, Default::TimeSpan),
        function("datetime", |call| {
            let text = call.text(0)?;
            let format = call.optional_text(1).filter(|format| !format.is_empty());
            // So many forms are tried.
            call.evaluator.steps(250)?;
            let moment = match format {
                Some(format) => time_text::parse_as(&text, &format),
                None => time_text::parse(&text),
            };
            Ok(Value::DateTime(moment.map_err(Fault::told)?))
        })
        .takes("string", Type::TEXT)
        .may_take("format", Type::TEXT.or_null(), Default::Null),
        span,
        function("now", |call| {
            let now = call.evaluator.scope().now();
            let now = now.ok_or_else(|| Fault::told("there is no time here"))?;
            let moment = DateTime::from_timestamp_millis(now.unix_ms()).ok_or_else(far)?;
            Ok(Value::DateTime(
                moment.with_timezone(&zone(span_of(call, 0)?)?),
            ))
        })
        .may_take("offset", Type::TIME_SPAN, Default::TimeSpan),
        // The host has no time zone of its own.
        function("localtz", |_| Ok(Value::TimeSpan(0))),
        function("utctz", |_| Ok(Value::TimeSpan(0))),
        replace.may_take("offset", Type::TIME_SPAN.or_null(), Default::Null),
    ]);
}

/// What calculates with them and compares them.
fn calculate(registry: &mut Registry) {
    registry.add_all([
        two("#operator_+", Type::DATE_TIME, Type::TIME_SPAN, |call| {
            shifted(call, 0, span_of(call, 1)?)
        }),
        two("#operator_+", Type::TIME_SPAN, Type::DATE_TIME, |call| {
            shifted(call, 1, span_of(call, 0)?)
        }),
        two("#operator_-", Type::DATE_TIME, Type::TIME_SPAN, |call| {
            shifted(call, 0, span_of(call, 1)?.checked_neg().ok_or_else(far)?)
        }),
        two("#operator_-", Type::DATE_TIME, Type::DATE_TIME, |call| {
            let length = moment(call, 0)?.signed_duration_since(moment(call, 1)?);
            length
                .num_microseconds()
                .map(Value::TimeSpan)
                .ok_or_else(far)
        }),
        two("#operator_+", Type::TIME_SPAN, Type::TIME_SPAN, |call| {
            let sum = span_of(call, 0)?.checked_add(span_of(call, 1)?);
            sum.map(Value::TimeSpan).ok_or_else(far)
        }),
        two("#operator_-", Type::TIME_SPAN, Type::TIME_SPAN, |call| {
            let difference = span_of(call, 0)?.checked_sub(span_of(call, 1)?);
            difference.map(Value::TimeSpan).ok_or_else(far)
        }),
        two("#operator_*", Type::TIME_SPAN, Type::NUMBER, |call| {
            times(call, 0, 1)
        }),
        two("#operator_*", Type::NUMBER, Type::TIME_SPAN, |call| {
            times(call, 1, 0)
        }),
        two("#operator_/", Type::TIME_SPAN, Type::TIME_SPAN, |call| {
            let (left, right) = (span_of(call, 0)?, span_of(call, 1)?);
            Ok(Value::Float(float(left) / divisor(float(right))?))
        }),
        two("#operator_/", Type::TIME_SPAN, Type::NUMBER, |call| {
            let right = call.value(1);
            let right = divisor(Number::of(&right).map_or(0.0, as_float))?;
            rounded(float(span_of(call, 0)?) / right).map(Value::TimeSpan)
        }),
        function("#unary_operator_-", |call| {
            span_of(call, 0)?
                .checked_neg()
                .map(Value::TimeSpan)
                .ok_or_else(far)
        })
        .takes("ts", Type::TIME_SPAN),
        function("#unary_operator_+", |call| Ok(call.value(0))).takes("ts", Type::TIME_SPAN),
    ]);
    let moments: [(_, Body); 4] = [
        ("#operator_>", |call| {
            Ok(Value::Bool(moment(call, 0)? > moment(call, 1)?))
        }),
        ("#operator_>=", |call| {
            Ok(Value::Bool(moment(call, 0)? >= moment(call, 1)?))
        }),
        ("#operator_<", |call| {
            Ok(Value::Bool(moment(call, 0)? < moment(call, 1)?))
        }),
        ("#operator_<=", |call| {
            Ok(Value::Bool(moment(call, 0)? <= moment(call, 1)?))
        }),
    ];
    let spans: [(_, Body); 4] = [
        ("#operator_>", |call| {
            Ok(Value::Bool(span_of(call, 0)? > span_of(call, 1)?))
        }),
        ("#operator_>=", |call| {
            Ok(Value::Bool(span_of(call, 0)? >= span_of(call, 1)?))
        }),
        ("#operator_<", |call| {
            Ok(Value::Bool(span_of(call, 0)? < span_of(call, 1)?))
        }),
        ("#operator_<=", |call| {
            Ok(Value::Bool(span_of(call, 0)? <= span_of(call, 1)?))
        }),
    ];
    registry.add_all(moments.map(|(name, body)| two(name, Type::DATE_TIME, Type::DATE_TIME, body)));
    registry.add_all(spans.map(|(name, body)| two(name, Type::TIME_SPAN, Type::TIME_SPAN, body)));
}

/// What tells of them.
fn tell(registry: &mut Registry) {
    let of_spans: [(_, Body); 6] = [
        ("#property#days", |call| in_units(call, 0)),
        ("#property#hours", |call| in_units(call, 1)),
        ("#property#minutes", |call| in_units(call, 2)),
        ("#property#seconds", |call| in_units(call, 3)),
        ("#property#milliseconds", |call| in_units(call, 4)),
        ("#property#microseconds", |call| {
            Ok(Value::Int(span_of(call, 0)?.into()))
        }),
    ];
    let of_moments: [(_, Body); 13] = [
        ("#property#year", |call| {
            Ok(Value::Int(moment(call, 0)?.year().into()))
        }),
        ("#property#month", |call| {
            Ok(Value::Int(moment(call, 0)?.month().into()))
        }),
        ("#property#day", |call| {
            Ok(Value::Int(moment(call, 0)?.day().into()))
        }),
        ("#property#hour", |call| {
            Ok(Value::Int(moment(call, 0)?.hour().into()))
        }),
        ("#property#minute", |call| {
            Ok(Value::Int(moment(call, 0)?.minute().into()))
        }),
        ("#property#second", |call| {
            Ok(Value::Int(moment(call, 0)?.second().into()))
        }),
        ("#property#microsecond", |call| {
            Ok(Value::Int(
                moment(call, 0)?.timestamp_subsec_micros().into(),
            ))
        }),
        ("#property#weekday", |call| {
            Ok(Value::Int(
                moment(call, 0)?.weekday().num_days_from_monday().into(),
            ))
        }),
        ("#property#date", |call| {
            date(moment(call, 0)?).map(Value::DateTime)
        }),
        ("#property#time", |call| {
            let moment = moment(call, 0)?;
            let length = moment.signed_duration_since(date(moment)?);
            length
                .num_microseconds()
                .map(Value::TimeSpan)
                .ok_or_else(far)
        }),
        // yaql moves it, but leaves its offset.
        ("#property#utc", |call| {
            let offset = i64::from(moment(call, 0)?.offset().local_minus_utc());
            shifted(call, 0, -offset * 1_000_000)
        }),
        ("#property#offset", |call| {
            let offset = i64::from(moment(call, 0)?.offset().local_minus_utc());
            Ok(Value::TimeSpan(offset * 1_000_000))
        }),
        ("#property#timestamp", |call| {
            let moment = moment(call, 0)?;
            // Of what `utc` gives, as yaql has it.
            let offset = i64::from(moment.offset().local_minus_utc()) * 1_000_000;
            Ok(Value::Float(
                float(moment.timestamp_micros() - offset) / 1e6,
            ))
        }),
    ];
    registry
        .add_all(of_spans.map(|(name, body)| function(name, body).takes("obj", Type::TIME_SPAN)));
    registry
        .add_all(of_moments.map(|(name, body)| function(name, body).takes("obj", Type::DATE_TIME)));
    registry.add_all([
        method("format", |call| {
            let text = time_text::format(&moment(call, 0)?, &call.text(1)?);
            call.evaluator.text(text.map_err(Fault::told)?)
        })
        .takes("dt", Type::DATE_TIME)
        .takes("format", Type::TEXT),
        function("isDatetime", |call| {
            Ok(Value::Bool(matches!(call.value(0), Value::DateTime(_))))
        })
        .takes("value", Type::ANY),
        function("isTimespan", |call| {
            Ok(Value::Bool(matches!(call.value(0), Value::TimeSpan(_))))
        })
        .takes("value", Type::ANY),
    ]);
}

fn two(name: &'static str, left: Type, right: Type, body: Body) -> Function {
    function(name, body)
        .takes("left", left)
        .takes("right", right)
}

fn far() -> Fault {
    Fault::told("the time is out of range")
}

fn moment(call: &Call<'_, '_>, at: usize) -> Outcome<Moment> {
    let value = call.value(at);
    if let Value::DateTime(moment) = value {
        return Ok(moment);
    }
    Err(Fault::told(format!(
        "a datetime is expected, not {}",
        value.type_name()
    )))
}

fn span_of(call: &Call<'_, '_>, at: usize) -> Outcome<i64> {
    let value = call.value(at);
    if let Value::TimeSpan(length) = value {
        return Ok(length);
    }
    Err(Fault::told(format!(
        "a timespan is expected, not {}",
        value.type_name()
    )))
}

#[expect(clippy::cast_precision_loss, reason = "as Python rounds, too")]
const fn float(number: i64) -> f64 {
    number as f64
}

fn divisor(number: f64) -> Outcome<f64> {
    if number == 0.0 {
        return Err(Fault::told("division by zero"));
    }
    Ok(number)
}

/// To even where it is in the middle, as Python rounds.
#[expect(
    clippy::cast_possible_truncation,
    reason = "it is within the bounds of an i64"
)]
fn rounded(number: f64) -> Outcome<i64> {
    let number = number.round_ties_even();
    if number.abs() < 9.2e18 {
        Ok(number as i64)
    } else {
        Err(far())
    }
}

/// A zone that is `offset` microseconds ahead of UTC: less than a day, in whole seconds.
fn zone(offset: i64) -> Outcome<FixedOffset> {
    let seconds = i32::try_from(offset / 1_000_000).ok();
    seconds
        .and_then(FixedOffset::east_opt)
        .ok_or_else(|| Fault::told("an offset is less than a day"))
}

fn at(date: Option<NaiveDateTime>, zone: FixedOffset) -> Outcome<Moment> {
    let local = date.ok_or_else(|| Fault::told("there is no such day or time"))?;
    local.and_local_timezone(zone).single().ok_or_else(far)
}

/// Years are 1 to 9999, as Python has them.
fn within_years(moment: Moment) -> Outcome<Moment> {
    if (1..=9999).contains(&moment.year()) {
        Ok(moment)
    } else {
        Err(far())
    }
}

fn build<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut parts = [0_i64; 7];
    for (at, part) in parts.iter_mut().enumerate() {
        *part = i64::try_from(call.int(at)?).map_err(|_| far())?;
    }
    let moment = at(local(parts), zone(span_of(call, 7)?)?)?;
    within_years(moment).map(Value::DateTime)
}

/// The day and time of a year, a month, a day, an hour, a minute, a second and microseconds.
fn local(parts: [i64; 7]) -> Option<NaiveDateTime> {
    let [year, month, day, hour, minute, second, micros] = parts;
    let small = |part: i64| u32::try_from(part).ok();
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, small(month)?, small(day)?)?;
    let micros = small(micros).filter(|micros| *micros < 1_000_000)?;
    date.and_hms_micro_opt(small(hour)?, small(minute)?, small(second)?, micros)
}

fn replace<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let moment = moment(call, 0)?;
    let mut parts = [
        moment.year().into(),
        moment.month().into(),
        moment.day().into(),
        moment.hour().into(),
        moment.minute().into(),
        moment.second().into(),
        moment.timestamp_subsec_micros().into(),
    ];
    for (at, part) in parts.iter_mut().enumerate() {
        if !matches!(call.value(at + 1), Value::Null) {
            *part = i64::try_from(call.int(at + 1)?).map_err(|_| far())?;
        }
    }
    let zone = if let Value::TimeSpan(offset) = call.value(8) {
        zone(offset)?
    } else {
        *moment.offset()
    };
    within_years(at(local(parts), zone)?).map(Value::DateTime)
}

fn shifted<'a>(call: &Call<'_, 'a>, at: usize, length: i64) -> Outcome<Value<'a>> {
    let moment = moment(call, at)?.checked_add_signed(TimeDelta::microseconds(length));
    within_years(moment.ok_or_else(far)?).map(Value::DateTime)
}

fn date(moment: Moment) -> Outcome<Moment> {
    at(moment.date_naive().and_hms_opt(0, 0, 0), *moment.offset())
}

fn times<'a>(call: &Call<'_, 'a>, span: usize, factor: usize) -> Outcome<Value<'a>> {
    let length = span_of(call, span)?;
    let factor = call.value(factor);
    let product = match Number::of(&factor) {
        Some(Number::Int(factor)) => {
            let product = i128::from(length).checked_mul(factor);
            product
                .and_then(|it| i64::try_from(it).ok())
                .ok_or_else(far)?
        }
        other => rounded(float(length) * other.map_or(0.0, as_float))?,
    };
    Ok(Value::TimeSpan(product))
}

fn in_units<'a>(call: &Call<'_, 'a>, unit: usize) -> Outcome<Value<'a>> {
    let unit = UNITS.get(unit).map_or(1, |(_, unit)| *unit);
    Ok(Value::Float(float(span_of(call, 0)?) / float(unit)))
}

/// A moment as text, for what an expression gives.
pub(crate) fn output(moment: &Moment) -> String {
    moment.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

/// A moment as Python's `str` has it.
pub(super) fn text(moment: &Moment) -> String {
    let fraction = if moment.timestamp_subsec_micros() == 0 {
        ""
    } else {
        "%.6f"
    };
    moment
        .format(&format!("%Y-%m-%d %H:%M:%S{fraction}%:z"))
        .to_string()
}

/// A length of time in microseconds, for what an expression gives: Python's text.
pub(crate) fn span_output(length: i64) -> String {
    const DAY: i64 = 86_400_000_000;
    let (days, rest) = (length.div_euclid(DAY), length.rem_euclid(DAY));
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let mut text = match days {
        0 => String::new(),
        1 | -1 => format!("{days} day, "),
        _ => format!("{days} days, "),
    };
    text += &format!(
        "{}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if micros != 0 {
        text += &format!(".{micros:06}");
    }
    text
}
