//! Truth values.

use super::super::{
    registry::{Registry, Type, function},
    value::Value,
};

pub(super) fn register(registry: &mut Registry) {
    registry.add_all([
        // The evaluator does not ask for these; `call` may.
        function("#operator_and", |call| {
            let left = call.some_lambda(0)?.call(call.evaluator, [])?;
            if left.is_true() {
                call.some_lambda(1)?.call(call.evaluator, [])
            } else {
                Ok(left)
            }
        })
        .takes("left", Type::LAMBDA)
        .takes("right", Type::LAMBDA),
        function("#operator_or", |call| {
            let left = call.some_lambda(0)?.call(call.evaluator, [])?;
            if left.is_true() {
                Ok(left)
            } else {
                call.some_lambda(1)?.call(call.evaluator, [])
            }
        })
        .takes("left", Type::LAMBDA)
        .takes("right", Type::LAMBDA),
        function("#unary_operator_not", |call| {
            Ok(Value::Bool(!call.is_true(0)))
        })
        .takes("arg", Type::ANY),
        function("bool", |call| Ok(Value::Bool(call.is_true(0)))).takes("value", Type::ANY),
        function("isBoolean", |call| {
            Ok(Value::Bool(matches!(call.value(0), Value::Bool(_))))
        })
        .takes("value", Type::ANY),
    ]);
}
