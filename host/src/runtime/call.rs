//! One run: a fresh store, an instance, the call, and what came of it.

use std::{pin::pin, sync::Arc};

use super::{
    Module, Run, Runtime, Settings,
    bindings::{exports::zonda::action::actions, zonda::action::types},
    error, guest,
    limits::{self, Exceeded},
    log::cut,
};
use crate::domain::{ActionSpec, Failure, JsonText, Outcome};

/// The longest message of a failure; the rest of it is cut off.
const MESSAGE_BYTES: usize = 64 << 10;

impl Runtime {
    /// Makes one run, to its end or to one of its limits. Dropping the future ends it at once.
    pub async fn run(&self, module: &Module, run: Run) -> Outcome {
        let settings = &self.shared.settings;
        let spec = Arc::clone(&run.scope.spec);
        // The bindings take JSON as a `String`.
        let input = run.input.as_str().to_owned();
        let memory_bytes = settings.memory_bytes();
        let mut store = guest::store(&self.engine, &self.shared, Some(run), memory_bytes);
        let answer = {
            let call = pin!(async {
                let bindings = module.pre.instantiate_async(&mut store).await?;
                let actions = bindings.zonda_action_actions();
                actions
                    .call_run(&mut store, spec.name.as_str(), &input)
                    .await
            });
            limits::metered(settings.cpu_time(), call).await
        };
        match answer {
            Some(Ok(answer)) => outcome_of(answer, &spec, settings),
            Some(Err(err)) => Outcome::Failed(error::failure(&err, store.data())),
            None => Outcome::Failed(error::over_limit(Exceeded::Cpu, settings)),
        }
    }
}

fn outcome_of(
    answer: Result<actions::Outcome, types::Failure>,
    spec: &ActionSpec,
    settings: &Settings,
) -> Outcome {
    match answer {
        Ok(actions::Outcome::Done(text)) => match checked_json(text, settings) {
            Ok(json) => Outcome::Done(json),
            Err(BadJson::TooLong) => Outcome::Failed(error::over_limit(Exceeded::Output, settings)),
            Err(BadJson::NotJson(err)) => Outcome::Failed(Failure::new(format!(
                "the action's result is not JSON: {err}"
            ))),
        },
        Ok(actions::Outcome::Pending) if spec.asynchronous => Outcome::Pending,
        Ok(actions::Outcome::Pending) => Outcome::Failed(Failure::new(format!(
            "`{}` answered pending, but it is not described as asynchronous",
            spec.name
        ))),
        Err(failure) => Outcome::Failed(failure_of(failure, settings)),
    }
}

fn failure_of(failure: types::Failure, settings: &Settings) -> Failure {
    let mut message = cut(failure.message, MESSAGE_BYTES);
    let detail = match failure.detail.map(|text| checked_json(text, settings)) {
        None => None,
        Some(Ok(json)) => Some(json),
        Some(Err(_)) => {
            message.push_str(" (its detail was left out: it is too long or not JSON)");
            None
        }
    };
    Failure {
        message,
        detail,
        retryable: failure.retryable,
    }
}

enum BadJson {
    TooLong,
    NotJson(serde_json::Error),
}

fn checked_json(text: String, settings: &Settings) -> Result<JsonText, BadJson> {
    if text.len() > settings.output_bytes() {
        return Err(BadJson::TooLong);
    }
    JsonText::parse(text).map_err(BadJson::NotJson)
}
