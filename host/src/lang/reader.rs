//! What the reading of a workflow's members has in common.

use std::{collections::HashSet, sync::Arc};

use serde_json::Value;

use super::{
    Input, WorkflowKind,
    fault::Faults,
    inline, nearest,
    spot::{self, Members, Spot},
};
use crate::expr::Template;

/// Reads one workflow or ad-hoc action.
pub(super) struct Reader<'a> {
    pub(super) faults: &'a mut Faults,
    /// Of which kind the workflow is.
    pub(super) kind: WorkflowKind,
    /// The names of its tasks.
    pub(super) tasks: HashSet<&'a str>,
}

/// What `description` says.
pub(super) fn description(members: Members<'_>, faults: &mut Faults) -> Option<String> {
    let spot = members.get("description").filter(|spot| !spot.is_null())?;
    match spot.as_text() {
        Some(text) => Some(text.to_owned()),
        None => spot.text(faults).map(str::to_owned),
    }
}

/// What `tags` says.
pub(super) fn tags(members: Members<'_>, faults: &mut Faults) -> Vec<String> {
    let texts = members.get("tags").and_then(|spot| spot.texts(faults));
    let texts = texts.unwrap_or_default().into_iter();
    texts.map(|(_, text)| text.to_owned()).collect()
}

/// What `input` says: names, each maybe with its default.
pub(super) fn input(members: Members<'_>, faults: &mut Faults) -> Vec<Input> {
    let Some(spot) = members.get("input") else {
        return Vec::new();
    };
    let Some(items) = spot.as_items() else {
        let message = format!(
            "must be a list of names, each maybe with its default, but is {}",
            spot.kind()
        );
        faults.add(spot, message);
        return Vec::new();
    };
    if items.len() == 0 {
        faults.add(spot, "must not be empty");
    }
    let mut seen = HashSet::new();
    let mut inputs = Vec::new();
    for item in items {
        let mut default = None;
        let name = if let Some(members) = item.as_members() {
            let mut members = members.iter();
            let (Some(member), None) = (members.next(), members.next()) else {
                let message =
                    "must have one name and its default; put each input into an item of its own";
                faults.add(item, message);
                continue;
            };
            default = member.template(faults);
            member.name()
        } else {
            let Some(name) = item.text(faults) else {
                continue;
            };
            name
        };
        if !seen.insert(name) {
            faults.add(item, format!("the input `{name}` is in the list twice"));
        }
        inputs.push(Input {
            name: name.into(),
            default,
        });
    }
    inputs
}

/// The name of a definition, where it stands as a member's.
pub(super) fn name(spot: Spot<'_>, what: &str, faults: &mut Faults) -> Arc<str> {
    let name = spot.name();
    let fault = if name.is_empty() || name.chars().nth(255).is_some() {
        Some("has 1 to 255 characters")
    } else if name.contains(char::is_whitespace) {
        Some("has no white space; `_` is the usual word break")
    } else if name.contains(char::is_control) {
        Some("has no control characters")
    } else if uuid::Uuid::try_parse(name).is_ok() {
        Some("is no UUID, so that it is told from an id")
    } else {
        None
    };
    if let Some(fault) = fault {
        faults.add_name(spot, format!("the name of {what} {fault}"));
    }
    name.into()
}

/// Puts the members of `over` over those of `all`, objects within objects too.
pub(super) fn overlay(all: &mut Value, over: Value) {
    match (all, over) {
        (Value::Object(all), Value::Object(over)) => {
            for (name, value) in over {
                match all.get_mut(&name) {
                    Some(under) => overlay(under, value),
                    None => {
                        all.insert(name, value);
                    }
                }
            }
        }
        (all, over) => *all = over,
    }
}

impl Reader<'_> {
    /// That there is no such task, and which one is probably meant.
    pub(super) fn unknown_task(&self, name: &str, commands: &[&str]) -> String {
        let known = self.tasks.iter().chain(commands).copied();
        match nearest::of(name, known) {
            Some(nearest) => format!("there is no task `{name}`; did you mean `{nearest}`?"),
            None => format!("there is no task `{name}` in this workflow"),
        }
    }

    /// A whole number from 0, or an expression for one.
    pub(super) fn count(&mut self, spot: Spot<'_>) -> Option<Template> {
        self.count_of(spot, spot.value())
    }

    /// The same for `value`, which was made of what stands at `spot`.
    pub(super) fn count_of(&mut self, spot: Spot<'_>, value: Value) -> Option<Template> {
        if is_expression(&value) {
            return self.parsed(spot, value);
        }
        let Value::Number(number) = &value else {
            let message = format!(
                "must be a whole number from 0 or an expression, but is {}",
                spot::kind(&value)
            );
            self.faults.add(spot, message);
            return None;
        };
        let Some(whole) = whole(number) else {
            let message = format!("must be a whole number from 0, but is {number}");
            self.faults.add(spot, message);
            return None;
        };
        self.parsed(spot, whole.into())
    }

    /// True, false, or an expression for one.
    pub(super) fn truth(&mut self, spot: Spot<'_>) -> Option<Template> {
        let value = spot.value();
        if value.is_boolean() || is_expression(&value) {
            return spot.template(self.faults);
        }
        let kind = spot::kind(&value);
        let message = format!("must be true, false or an expression, but is {kind}");
        self.faults.add(spot, message);
        None
    }

    /// An expression, the member `name`.
    pub(super) fn expression_of(
        &mut self,
        spot: Spot<'_>,
        name: &str,
        value: Value,
    ) -> Option<Template> {
        if is_expression(&value) {
            return self.parsed(spot, value);
        }
        let kind = spot::kind(&value);
        let message = format!("`{name}` must be an expression, but is {kind}");
        self.faults.add(spot, message);
        None
    }

    fn parsed(&mut self, spot: Spot<'_>, value: Value) -> Option<Template> {
        if value.is_string() && spot.as_text() == value.as_str() {
            spot.template(self.faults)
        } else {
            spot.template_of(value, self.faults)
        }
    }
}

fn is_expression(value: &Value) -> bool {
    value.as_str().is_some_and(inline::is_expression)
}

/// The number, if it is whole and not negative; `5.0` is.
pub(super) fn whole(number: &serde_json::Number) -> Option<u64> {
    let float = || {
        let float = number.as_f64()?;
        let is_whole = float.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&float);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is whole and within bounds"
        )]
        is_whole.then_some(float as u64)
    };
    number.as_u64().or_else(float)
}
