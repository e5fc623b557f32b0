//! What is run when an action is: an action of a module, itself or below the ad-hoc actions that are based on it, with
//! the input that each gives the next.

use std::{collections::HashSet, sync::Arc};

use serde_json::{Map, Value};

use super::{
    Action, Engine, Error, apart,
    definitions::{Callable, MAX_CHAIN, cycle, too_long},
};
use crate::{
    domain::{ActionName, JsonText, Namespace, ProjectId, Timestamp},
    expr::{Bounds, Template},
    lang, workflow,
};

/// What is run when an action is.
pub(super) struct Expanded {
    /// The module's action.
    pub(super) action: Arc<Action>,
    /// The input of the action that was asked for, with the defaults of an ad-hoc one.
    pub(super) input: Map<String, Value>,
    /// What an ad-hoc action makes of it.
    pub(super) base: Option<Base>,
}

/// What an ad-hoc action makes of the module's action below it.
pub(super) struct Base {
    /// What that gets.
    pub(super) input: Map<String, Value>,
    /// How its result is turned, each over the result of the one before.
    pub(super) output: Vec<JsonText>,
}

impl Engine {
    /// What is run when `project` runs the action `name` with `input`.
    ///
    /// # Errors
    /// When there is no such action or none that it is based on, it is based on itself, or an input is wrong.
    pub(super) async fn expand_action(
        &self,
        project: &ProjectId,
        name: &ActionName,
        namespace: &Namespace,
        input: Map<String, Value>,
    ) -> Result<Expanded, Error> {
        let find = |asked: Arc<str>, workbook| async move {
            self.find_callable(project, &asked, namespace, Option::as_ref(&workbook))
                .await
        };
        let first = find(name.as_str().into(), None).await?.ok_or_else(|| {
            Error::BadInput(format!("Failed to find action [action_name={name}]"))
        })?;
        let mut own_input = None;
        let (mut called, mut input) = (first, input);
        let (mut seen, mut output) = (HashSet::new(), Vec::new());
        loop {
            let (ad_hoc, spec) = match called {
                Callable::AdHoc(action, spec) => (action, spec),
                Callable::Module(action) => {
                    output.reverse();
                    return Ok(match own_input {
                        None => Expanded {
                            action,
                            input,
                            base: None,
                        },
                        Some(own_input) => Expanded {
                            action,
                            input: own_input,
                            base: Some(Base { input, output }),
                        },
                    });
                }
            };
            if !seen.insert(ad_hoc.id) {
                return Err(cycle(name.as_str(), ad_hoc.name.as_str()));
            }
            if seen.len() > MAX_CHAIN {
                return Err(too_long(name.as_str()));
            }
            let completed = workflow::complete_input(&spec.input, input, &spec.name, "AdHocAction");
            input = completed.map_err(Error::BadInput)?;
            own_input.get_or_insert_with(|| input.clone());
            if let Some(template) = &spec.output {
                output.push(JsonText::from_value(template.source()));
            }
            input = self.base_input(&spec, input).await?;
            called = find(Arc::clone(&spec.base), ad_hoc.workbook)
                .await?
                .ok_or_else(|| {
                    Error::BadInput(format!(
                        "Failed to find base action [action_name={} namespace={namespace}]",
                        spec.base
                    ))
                })?;
        }
    }

    /// What an ad-hoc action gives its base: what its `base-input` makes of its own input.
    async fn base_input(
        &self,
        spec: &Arc<lang::AdHocAction>,
        input: Map<String, Value>,
    ) -> Result<Map<String, Value>, Error> {
        if spec.base_input.is_none() {
            return Ok(input);
        }
        let (spec, bounds) = (Arc::clone(spec), self.settings.bounds());
        let now = self.clock.now();
        let evaluated = tokio::task::spawn_blocking(move || match &spec.base_input {
            Some(template) => evaluate(template, &spec.name, input, bounds, now),
            None => Ok(input),
        });
        evaluated
            .await
            .map_err(|error| Error::Host(error.into()))?
            .map_err(Error::BadInput)
    }
}

fn evaluate(
    template: &Template,
    name: &str,
    input: Map<String, Value>,
    bounds: Bounds,
    now: Timestamp,
) -> Result<Map<String, Value>, String> {
    match apart::evaluate(template, Value::Object(input), bounds, now) {
        Ok(Value::Object(input)) => Ok(input),
        Ok(_) => Err(format!("'base-input' of {name} is to be an object.")),
        Err(error) => Err(format!("'base-input' of {name}: {error}")),
    }
}
