//! The inputs of a run, with defaults filled in, nulls left out and values converted.

use serde_json::{Map, Value};
use zonda_sdk::{Failure, Result, TokenFacts};

use crate::convert::convert;
use crate::table::{Input, Rest, Route, Row, To};

/// The name of the optional input that every action has.
pub(crate) const REGION: &str = "action_region";

/// The inputs of a run.
pub(crate) struct Inputs<'a> {
    /// Those that the row names; first those that the caller gave, then the defaults.
    named: Vec<(&'static Input, Value)>,
    /// The others, by the caller's names.
    others: Vec<(&'a str, &'a Value)>,
    /// What the items of a list must equal.
    pub wanted: Vec<(&'a str, &'a Value)>,
    /// Where the request goes, if not to the target's own region.
    pub region: Option<&'a str>,
}

impl<'a> Inputs<'a> {
    /// Reads what the caller gave.
    pub(crate) fn read(
        row: &'static Row,
        given: &'a Map<String, Value>,
        token: &TokenFacts,
    ) -> Result<Self> {
        let region = given
            .get(REGION)
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty());
        let mut inputs = Self {
            named: Vec::new(),
            others: Vec::new(),
            wanted: Vec::new(),
            region,
        };
        for (name, value) in given
            .iter()
            .filter(|(name, value)| *name != REGION && !value.is_null())
        {
            let Some(input) = row.inputs.iter().find(|input| input.name == name) else {
                match row.rest {
                    Rest::Refuse => {
                        return Err(Failure::new(format!("there is no input `{name}`")));
                    }
                    Rest::Match => inputs.wanted.push((name, value)),
                    Rest::Query | Rest::Body | Rest::Patch => inputs.others.push((name, value)),
                }
                continue;
            };
            if let To::Match(member) = input.to {
                inputs.wanted.push((member, value));
            }
            if let Some(value) = convert(input.convert, value.clone()) {
                inputs.named.push((input, value));
            }
        }
        for input in row
            .inputs
            .iter()
            .filter(|input| given.get(input.name).is_none_or(Value::is_null))
        {
            match (default(input, token), input.required) {
                (Some(value), _) => inputs.named.push((input, value)),
                (None, true) => {
                    return Err(Failure::new(format!(
                        "the input `{}` is missing",
                        input.name
                    )));
                }
                (None, false) => {}
            }
        }
        Ok(inputs)
    }

    /// Those that the row names, with what is to be done with each.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static Input, &Value)> {
        self.named.iter().map(|(input, value)| (*input, value))
    }

    /// Those that the row does not name.
    pub(crate) fn others(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.others.iter().copied()
    }

    /// The value of an input that the row names.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.named()
            .find(|(input, _)| input.name == name)
            .map(|(_, value)| value)
    }

    /// The first of the row's routes that these inputs fit, leaving none of the inputs for paths over.
    pub(crate) fn route(&self, row: &'static Row) -> Result<&'static Route> {
        let for_path = |name: &str| {
            self.named()
                .any(|(input, _)| input.to == To::Path && input.name == name)
        };
        let fits = |route: &&Route| {
            route
                .when
                .is_none_or(|switch| self.get(switch).is_some_and(is_true))
                && route.inputs().all(for_path)
                && self.named().all(|(input, _)| {
                    input.to != To::Path || route.inputs().any(|name| name == input.name)
                })
        };
        row.routes.iter().find(fits).ok_or_else(|| {
            let ways: Vec<String> = row
                .routes
                .iter()
                .map(|route| route.inputs().collect::<Vec<_>>().join(" + "))
                .collect();
            Failure::new(format!(
                "the inputs do not fit together; give {}",
                ways.join(", or ")
            ))
        })
    }
}

fn default(input: &Input, token: &TokenFacts) -> Option<Value> {
    match input.default? {
        r#""@user""# => token.user_id.clone().map(Value::String),
        default => serde_json::from_str(default).ok(),
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(value) => *value,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Null => false,
        Value::Array(_) | Value::Object(_) => true,
    }
}
