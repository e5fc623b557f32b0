//! Equality, and null in comparisons: it is less than anything else.

use super::super::{
    registry::{Function, Registry, Type, function},
    value::Value,
};

pub(super) fn register(registry: &mut Registry) {
    registry.add(
        function("*equal", |call| {
            let is_same = call.evaluator.same(&call.value(0), &call.value(1))?;
            Ok(Value::Bool(is_same))
        })
        .takes("left", Type::ANY)
        .takes("right", Type::ANY),
    );
    registry.add(
        function("*not_equal", |call| {
            let is_same = call.evaluator.same(&call.value(0), &call.value(1))?;
            Ok(Value::Bool(!is_same))
        })
        .takes("left", Type::ANY)
        .takes("right", Type::ANY),
    );
    for (name, with_null_right, with_null_left, with_both) in [
        ("#operator_<", NO, YES, NO),
        ("#operator_<=", NO, YES, YES),
        ("#operator_>", YES, NO, NO),
        ("#operator_>=", YES, NO, YES),
    ] {
        registry.add(between(name, with_null_right, Type::SOME, Type::NULL));
        registry.add(between(name, with_null_left, Type::NULL, Type::SOME));
        registry.add(between(name, with_both, Type::NULL, Type::NULL));
    }
}

fn between(name: &'static str, answer: Answer, left: Type, right: Type) -> Function {
    function(name, answer)
        .takes("left", left)
        .takes("right", right)
}

type Answer = super::super::registry::Body;
const YES: Answer = |_| Ok(Value::Bool(true));
const NO: Answer = |_| Ok(Value::Bool(false));
