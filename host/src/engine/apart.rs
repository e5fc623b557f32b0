//! Expressions that belong to no execution: those of an environment, and of an ad-hoc action that is run by itself.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    domain::Timestamp,
    expr::{self, Bounds, Budget, Call, Scope, Template, Variables},
};

/// What such an expression is evaluated over: values that are given, and nothing else.
struct Apart {
    variables: Variables,
    /// What `$` is, where it is no object.
    data: Option<Value>,
    /// What `env()` is, of an environment's own.
    env: Option<Map<String, Value>>,
    budget: Budget,
    now: Timestamp,
}

impl Scope for Apart {
    fn variables(&self) -> &Variables {
        &self.variables
    }

    fn data(&self) -> Option<&Value> {
        self.data.as_ref()
    }

    fn call(&self, call: &Call) -> Result<Value, String> {
        match call {
            Call::Uuid => Ok(Value::from(uuid::Uuid::now_v7().to_string())),
            Call::Env => {
                let env = self.env.clone().map(Value::Object);
                env.ok_or_else(|| {
                    "an ad-hoc action that is run by itself has no environment".to_owned()
                })
            }
            Call::Execution
            | Call::Executions { .. }
            | Call::Task(_)
            | Call::Tasks { .. }
            | Call::Global(_) => Err("there is no execution here".to_owned()),
        }
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }

    fn now(&self) -> Option<Timestamp> {
        Some(self.now)
    }
}

/// The value of `template` over `value`: its members are the variables, when it is an object.
///
/// # Errors
/// When it has none, in words for the author of the definition.
pub(super) fn evaluate(
    template: &Template,
    value: Value,
    bounds: Bounds,
    now: Timestamp,
) -> Result<Value, String> {
    let (variables, data) = match value {
        Value::Object(members) => (Variables::new([Arc::new(members)]), None),
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)) => (Variables::default(), Some(other)),
    };
    let apart = Apart {
        variables,
        data,
        env: None,
        budget: Budget::new(bounds),
        now,
    };
    template.evaluate(&apart).map_err(|error| error.to_string())
}

/// The variables of an environment with the expressions in them evaluated over themselves as they were written.
///
/// # Errors
/// When one is not written in its language or has no value, in words for its author.
pub(super) fn evaluate_environment(
    env: Map<String, Value>,
    bounds: Bounds,
    now: Timestamp,
) -> Result<Map<String, Value>, String> {
    let words = |error: expr::Error| error.to_string();
    let template = Template::parse(Value::Object(env.clone())).map_err(words)?;
    if template.is_plain() {
        return Ok(env);
    }
    let itself = Map::from_iter([("__env".to_owned(), Value::Object(env.clone()))]);
    let apart = Apart {
        variables: Variables::new([Arc::new(itself)]),
        data: None,
        env: Some(env),
        budget: Budget::new(bounds),
        now,
    };
    match template.evaluate(&apart).map_err(words)? {
        Value::Object(env) => Ok(env),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Ok(Map::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_an_environment_see_each_other_as_they_were_written() {
        let env = serde_json::json!({"a": 1, "b": "<% env().a %>", "c": ["<% env().b %>"]});
        let env = serde_json::from_value(env).unwrap();
        assert_eq!(
            Value::Object(
                evaluate_environment(env, Bounds::default(), Timestamp::from_unix_ms(0)).unwrap()
            ),
            serde_json::json!({"a": 1, "b": 1, "c": ["<% env().a %>"]})
        );
    }
}
