//! Choices.

use super::super::{
    call::{Call, Lambda},
    evaluator::Evaluator,
    fault::Outcome,
    registry::{Registry, Type, function, method},
    value::Value,
};

pub(super) fn register(registry: &mut Registry) {
    registry.add_all([
        function("switch", switch)
            .takes_rest(Type::LAZY_PAIR)
            .takes_pairs(),
        function("selectCase", select_case).takes_rest(Type::LAMBDA),
        function("selectAllCases", |call| {
            cases(call, |evaluator, at, case| {
                let is_true = case.call(evaluator, [])?.is_true();
                Ok(is_true.then_some(Value::Int(at)))
            })
        })
        .takes_rest(Type::LAMBDA),
        function("examine", |call| {
            cases(call, |evaluator, _, case| {
                Ok(Some(Value::Bool(case.call(evaluator, [])?.is_true())))
            })
        })
        .takes_rest(Type::LAMBDA),
        method("switchCase", switch_case)
            .takes("case", Type::INT)
            .takes_rest(Type::LAMBDA),
        function("coalesce", coalesce).takes_rest(Type::LAMBDA),
    ]);
}

fn switch<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    for (case, value) in call.rest_pairs() {
        if case.within(call.evaluator, call.context)?.is_true() {
            return value.within(call.evaluator, call.context);
        }
    }
    Ok(Value::Null)
}

fn select_case<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let mut index = 0;
    for case in call.rest_lambdas() {
        if case.call(call.evaluator, [])?.is_true() {
            break;
        }
        index += 1;
    }
    Ok(Value::Int(index))
}

/// What `answer` gives for each case, when one asks for it.
fn cases<'a>(
    call: &Call<'_, 'a>,
    answer: impl Fn(&Evaluator<'a>, i128, &Lambda<'a>) -> Outcome<Option<Value<'a>>> + 'a,
) -> Outcome<Value<'a>> {
    let cases: Vec<_> = call.rest_lambdas().collect();
    let mut cases = (0..).zip(cases);
    call.iter(move |evaluator| {
        for (at, case) in cases.by_ref() {
            let value = answer(evaluator, at, &case)?;
            if value.is_some() {
                return Ok(value);
            }
        }
        Ok(None)
    })
}

fn switch_case<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    let cases: Vec<_> = call.rest_lambdas().collect();
    let chosen = usize::try_from(call.int(0)?)
        .ok()
        .and_then(|at| cases.get(at))
        .or(cases.last());
    chosen.map_or(Ok(Value::Null), |case| case.call(call.evaluator, []))
}

fn coalesce<'a>(call: &Call<'_, 'a>) -> Outcome<Value<'a>> {
    for case in call.rest_lambdas() {
        let value = case.call(call.evaluator, [])?;
        if !matches!(value, Value::Null) {
            return Ok(value);
        }
    }
    Ok(Value::Null)
}
