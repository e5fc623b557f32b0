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
/// How deep arrays and objects of a result may nest: less than readers of JSON take, our own
/// included, so that it can stand in other documents.
const NESTING: usize = 100;

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
            Err(BadJson::TooDeep) => Outcome::Failed(Failure::new(format!(
                "the action's result is nested more than {NESTING} levels deep"
            ))),
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
            message.push_str(" (its detail was left out: it is too long, too deep or not JSON)");
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
    TooDeep,
    NotJson(serde_json::Error),
}

fn checked_json(text: String, settings: &Settings) -> Result<JsonText, BadJson> {
    if text.len() > settings.output_bytes() {
        return Err(BadJson::TooLong);
    }
    let json = JsonText::parse(text).map_err(BadJson::NotJson)?;
    if nesting(json.as_str()) > NESTING {
        return Err(BadJson::TooDeep);
    }
    Ok(json)
}

/// How deep arrays and objects of a valid document nest.
fn nesting(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(byte) = bytes.next()
                    && byte != b'"'
                {
                    if byte == b'\\' {
                        bytes.next();
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_counted_outside_of_strings() {
        assert_eq!(nesting("1"), 0);
        assert_eq!(nesting(r#"{"a": [[], {}]}"#), 3);
        assert_eq!(nesting(r#"["[[[", "\"[[", "\\", []]"#), 2);
    }

    #[test]
    fn a_result_is_taken_up_to_the_depth_that_readers_take() {
        let settings = Settings::default();
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let json = checked_json(nested(NESTING), &settings).ok().unwrap();
        assert!(json.as_result().to::<serde_json::Value>().is_ok());
        assert!(matches!(
            checked_json(nested(NESTING + 1), &settings),
            Err(BadJson::TooDeep)
        ));
    }
}
