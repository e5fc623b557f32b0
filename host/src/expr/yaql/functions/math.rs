//! Numbers.

use super::super::{
    super::Call as Question,
    call::Call,
    fault::{Fault, Outcome},
    key::{Number, whole},
    registry::{Body, Default, Function, Registry, Type, function},
    value::Value,
};

pub(super) fn register(registry: &mut Registry) {
    registry.add_all([
        two("#operator_+", |call| {
            arithmetic(call, i128::checked_add, |a, b| a + b)
        }),
        two("#operator_-", |call| {
            arithmetic(call, i128::checked_sub, |a, b| a - b)
        }),
        two("#operator_*", |call| {
            arithmetic(call, i128::checked_mul, |a, b| a * b)
        }),
        two("#operator_/", |call| {
            divisor(call)?;
            arithmetic(call, floor_div, |a, b| a / b)
        }),
        two("#operator_mod", |call| {
            divisor(call)?;
            arithmetic(call, floor_mod, |a, b| a - b * (a / b).floor())
        }),
        two("#operator_<", |call| compare(call, |a, b| a < b)),
        two("#operator_<=", |call| compare(call, |a, b| a <= b)),
        two("#operator_>", |call| compare(call, |a, b| a > b)),
        two("#operator_>=", |call| compare(call, |a, b| a >= b)),
        one("#unary_operator_-", |call| {
            unary(call, i128::checked_neg, |number| -number)
        }),
        one("#unary_operator_+", |call| Ok(call.value(0))),
        one("abs", |call| unary(call, i128::checked_abs, f64::abs)),
        function("int", int).takes("value", Type::ANY),
        function("float", float).takes("value", Type::ANY),
        function("random", |call| Ok(Value::Float(random(call)?))),
        function("random", random_within)
            .takes("from", Type::ANY)
            .takes("to", Type::ANY),
        bits("bitwiseAnd", |call| {
            Ok(Value::Int(call.int(0)? & call.int(1)?))
        }),
        bits("bitwiseOr", |call| {
            Ok(Value::Int(call.int(0)? | call.int(1)?))
        }),
        bits("bitwiseXor", |call| {
            Ok(Value::Int(call.int(0)? ^ call.int(1)?))
        }),
        function("bitwiseNot", |call| Ok(Value::Int(!call.int(0)?))).takes("arg", Type::INT),
        shift("shiftBitsLeft", |call| {
            let bits = call.int(1)?;
            let factor = u32::try_from(bits).map_err(|_| negative(bits))?;
            let factor = 2_i128.checked_pow(factor).ok_or_else(large)?;
            call.int(0)?
                .checked_mul(factor)
                .map(Value::Int)
                .ok_or_else(large)
        }),
        shift("shiftBitsRight", |call| {
            let bits = call.int(1)?;
            let bits = u128::try_from(bits).map_err(|_| negative(bits))?;
            let bits = u32::try_from(bits.min(127)).unwrap_or(127);
            Ok(Value::Int(call.int(0)?.checked_shr(bits).unwrap_or(0)))
        }),
        pair("max", |call| {
            let is_more = is_more(call)?;
            Ok(call.value(usize::from(is_more)))
        }),
        pair("min", |call| {
            let is_more = is_more(call)?;
            Ok(call.value(usize::from(!is_more)))
        }),
        function("pow", pow)
            .takes("a", Type::NUMBER)
            .takes("b", Type::NUMBER)
            .may_take("c", Type::NUMBER.or_null(), Default::Null),
        function("sign", |call| {
            let sign = match number(call, 0)? {
                Number::Int(number) => number.signum(),
                Number::Float(number) if number > 0.0 => 1,
                Number::Float(number) if number < 0.0 => -1,
                Number::Float(_) => 0,
            };
            Ok(Value::Int(sign))
        })
        .takes("num", Type::NUMBER),
        function("round", round)
            .takes("number", Type::NUMBER)
            .may_take("ndigits", Type::INT, Default::Int(0)),
        function("isInteger", |call| {
            Ok(Value::Bool(matches!(call.value(0), Value::Int(_))))
        })
        .takes("value", Type::ANY),
        function("isNumber", |call| {
            Ok(Value::Bool(matches!(
                call.value(0),
                Value::Int(_) | Value::Float(_)
            )))
        })
        .takes("value", Type::ANY),
    ]);
}

fn one(name: &'static str, body: Body) -> Function {
    function(name, body).takes("op", Type::NUMBER)
}

fn two(name: &'static str, body: Body) -> Function {
    let function = function(name, body);
    function
        .takes("left", Type::NUMBER)
        .takes("right", Type::NUMBER)
}

fn pair(name: &'static str, body: Body) -> Function {
    function(name, body)
        .takes("a", Type::ANY)
        .takes("b", Type::ANY)
}

fn bits(name: &'static str, body: Body) -> Function {
    let function = function(name, body);
    function.takes("left", Type::INT).takes("right", Type::INT)
}

fn shift(name: &'static str, body: Body) -> Function {
    let function = function(name, body);
    function
        .takes("value", Type::INT)
        .takes("bitsNumber", Type::INT)
}

fn large() -> Fault {
    Fault::told("the integer is too large: integers have at most 128 bits")
}

fn negative(bits: i128) -> Fault {
    Fault::told(format!("there is no shift by {bits} bits"))
}

fn number(call: &Call<'_, '_>, at: usize) -> Outcome<Number> {
    let value = call.value(at);
    Number::of(&value)
        .ok_or_else(|| Fault::told(format!("a number is expected, not {}", value.type_name())))
}

/// `number` with a point.
#[expect(clippy::cast_precision_loss, reason = "as Python rounds, too")]
pub(super) const fn as_float(number: Number) -> f64 {
    match number {
        Number::Int(number) => number as f64,
        Number::Float(number) => number,
    }
}

fn arithmetic<'a>(
    call: &Call<'_, 'a>,
    of_ints: fn(i128, i128) -> Option<i128>,
    of_floats: fn(f64, f64) -> f64,
) -> Outcome<Value<'a>> {
    match (number(call, 0)?, number(call, 1)?) {
        (Number::Int(left), Number::Int(right)) => {
            of_ints(left, right).map(Value::Int).ok_or_else(large)
        }
        (left, right) => Ok(Value::Float(of_floats(as_float(left), as_float(right)))),
    }
}

fn unary<'a>(
    call: &Call<'_, 'a>,
    of_int: fn(i128) -> Option<i128>,
    of_float: fn(f64) -> f64,
) -> Outcome<Value<'a>> {
    match number(call, 0)? {
        Number::Int(number) => of_int(number).map(Value::Int).ok_or_else(large),
        Number::Float(number) => Ok(Value::Float(of_float(number))),
    }
}

fn divisor(call: &Call<'_, '_>) -> Outcome<()> {
    if as_float(number(call, 1)?) == 0.0 {
        return Err(Fault::told("division by zero"));
    }
    Ok(())
}

fn floor_div(left: i128, right: i128) -> Option<i128> {
    let quotient = left.checked_div(right)?;
    let is_rounded_up = left.checked_rem(right)? != 0 && (left < 0) != (right < 0);
    quotient.checked_sub(i128::from(is_rounded_up))
}

fn floor_mod(left: i128, right: i128) -> Option<i128> {
    let rest = left.checked_rem(right)?;
    if rest != 0 && (rest < 0) != (right < 0) {
        return rest.checked_add(right);
    }
    Some(rest)
}

fn compare<'a>(call: &Call<'_, 'a>, is: fn(&Number, &Number) -> bool) -> Outcome<Value<'a>> {
    Ok(Value::Bool(is(&number(call, 0)?, &number(call, 1)?)))
}

/// Whether the second is more than the first.
fn is_more(call: &Call<'_, '_>) -> Outcome<bool> {
    let sides = vec![call.value(1), call.value(0)];
    let answer = call.evaluator.call("#operator_>", sides, call.context)?;
    Ok(answer.is_true())
}

fn int<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let value = call.value(0);
    if let Some(text) = value.as_text() {
        let digits = digits(text);
        let number = digits.and_then(|digits| digits.parse().ok());
        return number.map(Value::Int).ok_or_else(|| {
            Fault::told(format!("invalid literal for int() with base 10: '{text}'"))
        });
    }
    match (&value, Number::of(&value)) {
        (Value::Null, _) => Ok(Value::Int(0)),
        (_, Some(Number::Int(number))) => Ok(Value::Int(number)),
        (_, Some(Number::Float(number))) => whole(number.trunc()).map(Value::Int).ok_or_else(large),
        (_, None) => Err(wrong("int", &value)),
    }
}

fn float<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let value = call.value(0);
    if let Some(text) = value.as_text() {
        let number = digits(text).and_then(|digits| digits.parse().ok());
        return number
            .map(Value::Float)
            .ok_or_else(|| Fault::told(format!("could not convert string to float: '{text}'")));
    }
    match (&value, Number::of(&value)) {
        (Value::Null, _) => Ok(Value::Float(0.0)),
        (_, Some(number)) => Ok(Value::Float(as_float(number))),
        (_, None) => Err(wrong("float", &value)),
    }
}

/// A number as Rust reads it: Python takes single `_` between digits, too.
fn digits(text: &str) -> Option<String> {
    let text = text.trim();
    let is_placed = !text.starts_with('_') && !text.ends_with('_') && !text.contains("__");
    is_placed.then(|| text.replace('_', ""))
}

fn wrong(name: &str, value: &Value<'_>) -> Fault {
    Fault::told(format!(
        "{name}() argument must be a text or a number, not {}",
        value.type_name()
    ))
}

/// From 0 to 1, which is not one. An evaluation has no randomness of its own: it is that of an id.
fn random(call: &Call<'_, '_>) -> Outcome<f64> {
    Ok(f64::from(random_bits(call)?) / (f64::from(u32::MAX) + 1.0))
}

fn random_bits(call: &Call<'_, '_>) -> Outcome<u32> {
    let id = call
        .evaluator
        .scope()
        .call(&Question::Uuid)
        .map_err(Fault::told)?;
    // FNV-1a, so that every part of it counts.
    let id = id.to_string();
    let mixed = id.bytes().fold(0x811c_9dc5_u32, |mixed, byte| {
        (mixed ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    Ok(mixed)
}

fn random_within<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let (Some(Number::Int(from)), Some(Number::Int(to))) =
        (Number::of(&call.value(0)), Number::of(&call.value(1)))
    else {
        return Err(Fault::told("random() takes two integers"));
    };
    let count = to.checked_sub(from).and_then(|it| it.checked_add(1));
    let count = count.filter(|count| *count > 0);
    let count = count.ok_or_else(|| Fault::told("random() takes a range that is not empty"))?;
    let within = i128::from(random_bits(call)?)
        .checked_rem(count)
        .unwrap_or(0);
    from.checked_add(within).map(Value::Int).ok_or_else(large)
}

fn pow<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let modulus = Number::of(&call.value(2));
    match (number(call, 0)?, number(call, 1)?, modulus) {
        (Number::Int(base), Number::Int(exponent), Some(Number::Int(modulus))) => {
            modular(call, base, exponent, modulus)
        }
        (_, _, Some(_)) => Err(Fault::told("pow() with three numbers takes integers")),
        (Number::Int(base), Number::Int(exponent), None) if exponent >= 0 => {
            if matches!(base, 0 | 1) {
                return Ok(Value::Int(if exponent == 0 { 1 } else { base }));
            }
            if base == -1 {
                return Ok(Value::Int(if exponent % 2 == 0 { 1 } else { -1 }));
            }
            let exponent = u32::try_from(exponent).map_err(|_| large())?;
            base.checked_pow(exponent).map(Value::Int).ok_or_else(large)
        }
        (base, exponent, None) => {
            let (base, exponent) = (as_float(base), as_float(exponent));
            if base == 0.0 && exponent < 0.0 {
                return Err(Fault::told("0.0 cannot be raised to a negative power"));
            }
            let power = base.powf(exponent);
            if power.is_nan() && !base.is_nan() {
                return Err(Fault::told("the power is a complex number"));
            }
            Ok(Value::Float(power))
        }
    }
}

fn modular<'a>(
    call: &Call<'_, 'a>,
    base: i128,
    exponent: i128,
    modulus: i128,
) -> Outcome<Value<'a>> {
    if modulus == 0 {
        return Err(Fault::told("pow() 3rd argument cannot be 0"));
    }
    let mut exponent =
        u128::try_from(exponent).map_err(|_| Fault::told("the exponent is negative"))?;
    let reduce = |number: Option<i128>| {
        number
            .and_then(|number| floor_mod(number, modulus))
            .ok_or_else(large)
    };
    let (mut power, mut base) = (reduce(Some(1))?, reduce(Some(base))?);
    while exponent > 0 {
        call.evaluator.step()?;
        if exponent % 2 == 1 {
            power = reduce(power.checked_mul(base))?;
        }
        exponent /= 2;
        if exponent > 0 {
            base = reduce(base.checked_mul(base))?;
        }
    }
    Ok(Value::Int(power))
}

/// To even where it is in the middle, as Python rounds.
fn round<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    const MOST: i128 = 330;
    let digits = call.int(1)?.clamp(-MOST, MOST);
    match number(call, 0)? {
        Number::Int(number) if digits >= 0 => Ok(Value::Int(number)),
        Number::Int(number) => {
            let unit = u32::try_from(-digits)
                .ok()
                .and_then(|it| 10_i128.checked_pow(it));
            let Some(unit) = unit else {
                return Ok(Value::Int(0));
            };
            let (below, rest) = (number.div_euclid(unit), number.rem_euclid(unit));
            let is_up = match (rest * 2).cmp(&unit) {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Equal => below % 2 != 0,
                std::cmp::Ordering::Greater => true,
            };
            let rounded = below.checked_add(i128::from(is_up));
            rounded
                .and_then(|it| it.checked_mul(unit))
                .map(Value::Int)
                .ok_or_else(large)
        }
        Number::Float(number) => {
            let rounded = if digits >= 0 {
                let digits = usize::try_from(digits).unwrap_or(0);
                format!("{number:.digits$}").parse().unwrap_or(number)
            } else {
                let unit = 10_f64.powi(i32::try_from(-digits).unwrap_or(0));
                let rounded = (number / unit).round_ties_even() * unit;
                if rounded.is_nan() { 0.0 } else { rounded }
            };
            Ok(Value::Float(rounded))
        }
    }
}
