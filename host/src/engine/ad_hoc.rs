//! Ad-hoc actions: how the result of the action below becomes theirs.

use std::sync::Arc;

use serde_json::Value;

use super::{Engine, Error, UpdateAction, apart};
use crate::{
    domain::{ActionExecution, Failure, JsonText, Outcome, State, Timestamp},
    expr::{Bounds, Template},
};

impl Engine {
    /// What `run` ended in, when its module's action ended in `outcome`.
    pub(super) async fn turned(&self, run: &ActionExecution, outcome: Outcome) -> Outcome {
        let Outcome::Done(result) = &outcome else {
            return outcome;
        };
        let Some(templates) = outputs(run) else {
            return outcome;
        };
        let (bounds, now) = (self.settings.bounds(), self.clock.now());
        let result = result.clone();
        let turning =
            tokio::task::spawn_blocking(move || turn(&templates, &result, bounds, now)).await;
        match turning {
            Ok(Ok(result)) => Outcome::Done(result),
            Ok(Err(reason)) => Outcome::Failed(Failure::new(reason)),
            Err(_) => Outcome::Failed(Failure::new(
                "the host failed while it evaluated the output of the ad-hoc action, by a fault of its own",
            )),
        }
    }

    /// As [`update_run`](Self::update_run), without holding up who serves others: the output of an ad-hoc action may take
    /// its time.
    pub(super) async fn updated_run(
        self: &Arc<Self>,
        mut run: ActionExecution,
        update: &UpdateAction,
    ) -> Result<ActionExecution, Error> {
        let now = self.clock.now();
        if outputs(&run).is_none() {
            self.update_run(&mut run, update, now)?;
            return Ok(run);
        }
        let (engine, update) = (Arc::clone(self), update.clone());
        let updating = tokio::task::spawn_blocking(move || {
            engine.update_run(&mut run, &update, now)?;
            Ok(run)
        });
        updating.await.map_err(|error| Error::Host(error.into()))?
    }

    /// Makes the change that a caller wishes of `run`. A result that an ad-hoc action does not take ends it in ERROR.
    pub(super) fn update_run(
        &self,
        run: &mut ActionExecution,
        update: &UpdateAction,
        now: Timestamp,
    ) -> Result<(), Error> {
        let is_success = update.state == State::Success && !run.state().is_completed();
        if let Some(templates) = outputs(run).filter(|_| is_success) {
            let null = JsonText::from_value(&Value::Null);
            let result = update.output.as_ref().unwrap_or(&null);
            match turn(&templates, result, self.settings.bounds(), now) {
                Ok(result) => run.update(State::Success, Some(&result), now)?,
                Err(reason) => {
                    let reason = JsonText::from_value(&Value::from(reason));
                    run.update(State::Error, Some(&reason), now)?;
                }
            }
            return Ok(());
        }
        run.update(update.state, update.output.as_ref(), now)?;
        Ok(())
    }
}

fn outputs(run: &ActionExecution) -> Option<Vec<JsonText>> {
    let ad_hoc = run.ad_hoc.as_ref()?;
    (!ad_hoc.output.is_empty()).then(|| ad_hoc.output.clone())
}

/// `result` through `templates`, each over what the one before gave.
fn turn(
    templates: &[JsonText],
    result: &JsonText,
    bounds: Bounds,
    now: Timestamp,
) -> Result<JsonText, String> {
    let mut value: Value = result.to().map_err(|error| error.to_string())?;
    for template in templates {
        let source: Value = template.to().map_err(|error| error.to_string())?;
        let template = Template::parse(source).map_err(|error| error.to_string())?;
        value = apart::evaluate(&template, value, bounds, now)?;
    }
    Ok(JsonText::from_value(&value))
}
