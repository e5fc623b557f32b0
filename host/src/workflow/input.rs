//! The input of a workflow or ad-hoc action, checked against what it declares, and the environment of an execution.

use serde_json::{Map, Value};

use super::text::list;
use crate::lang::Input;

/// `given` with defaults filled in.
///
/// # Errors
/// In Mistral's words, when an input is missing that has no default, or there is one that `declared` does not have.
/// `name` and `class` are those of whose input it is.
pub fn complete(
    declared: &[Input],
    mut given: Map<String, Value>,
    name: &str,
    class: &str,
) -> Result<Map<String, Value>, String> {
    let missing = declared
        .iter()
        .filter(|input| input.default.is_none() && !given.contains_key(&*input.name));
    let missing: Vec<_> = missing.map(|input| &*input.name).collect();
    let is_known = |name: &str| declared.iter().any(|input| *input.name == *name);
    let unexpected: Vec<_> = given
        .keys()
        .map(String::as_str)
        .filter(|name| !is_known(name))
        .collect();
    if !missing.is_empty() || !unexpected.is_empty() {
        let mut message = format!("Invalid input [name={name}, class={class}");
        for (what, names) in [("missing", missing), ("unexpected", unexpected)] {
            if !names.is_empty() {
                message.push_str(&format!(", {what}={}", list(&names)));
            }
        }
        message.push(']');
        return Err(message);
    }
    for input in declared {
        if let Some(default) = &input.default
            && !given.contains_key(&*input.name)
        {
            given.insert(input.name.to_string(), default.source().clone());
        }
    }
    Ok(given)
}
