//! One run: a fresh store, an instance, the call, and what came of it.

use std::{pin::pin, sync::Arc};

use super::{
    Module, Run, Runtime, Settings,
    bindings::{exports::zonda::action::actions, zonda::action::types},
    error, guest,
    limits::{self, Exceeded},
    log::cut,
};
use crate::{
    domain::{ActionSpec, Failure, JsonText, Outcome},
    openstack::Session,
};

/// The longest message of a failure; the rest of it is cut off.
const MESSAGE_BYTES: usize = 64 << 10;

impl Runtime {
    /// Makes one run, to its end or to one of its limits. Dropping the future ends it at once.
    pub async fn run(&self, module: &Module, run: Run) -> Outcome {
        let settings = &self.shared.settings;
        let spec = Arc::clone(&run.scope.spec);
        let session = run.session.clone();
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
            Some(Ok(answer)) => outcome_of(cleaned(answer, session.as_deref()), &spec, settings),
            Some(Err(err)) => {
                let failure = error::failure(&err, store.data());
                let message = clean(failure.message, session.as_deref());
                Outcome::Failed(Failure { message, ..failure })
            }
            None => Outcome::Failed(error::over_limit(Exceeded::Cpu, settings)),
        }
    }
}

/// The answer without the run's secrets, before anything is cut off or checked.
fn cleaned(
    answer: Result<actions::Outcome, types::Failure>,
    session: Option<&Session>,
) -> Result<actions::Outcome, types::Failure> {
    match answer {
        Ok(actions::Outcome::Done(text)) => Ok(actions::Outcome::Done(clean(text, session))),
        Ok(actions::Outcome::Pending) => Ok(actions::Outcome::Pending),
        Err(failure) => Err(types::Failure {
            message: clean(failure.message, session),
            detail: failure.detail.map(|text| clean(text, session)),
            retryable: failure.retryable,
        }),
    }
}

/// `text` without the secrets of `session`; as it is where there is none.
fn clean(text: String, session: Option<&Session>) -> String {
    match session {
        Some(session) => session.clean(text),
        None => text,
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
