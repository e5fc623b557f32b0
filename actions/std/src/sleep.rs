//! `std.sleep`: ends after a while. The host suspends the guest meanwhile; it costs no thread.

use std::thread;
use std::time::Duration;

use serde::Deserialize;
use zonda_sdk::{Context, Failure, JsonSchema, Result};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// How long, in seconds.
    #[serde(default = "one_second")]
    #[schemars(range(min = 0))]
    seconds: f64,
}

pub(crate) fn run(_: &Context, input: Input) -> Result<()> {
    seconds(input.seconds, "seconds")
}

/// Sleeps; `name` is the input that says how long.
pub(crate) fn seconds(seconds: f64, name: &str) -> Result<()> {
    let duration = Duration::try_from_secs_f64(seconds)
        .map_err(|_| Failure::new(format!("{name}: not a time that can be waited: {seconds}")))?;
    if !duration.is_zero() {
        thread::sleep(duration);
    }
    Ok(())
}

fn one_second() -> f64 {
    1.0
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use zonda_sdk::Action;
    use zonda_sdk::testing::Test;

    #[test]
    fn a_time_that_cannot_be_waited_fails_and_names_the_input() {
        let action = Action::new("std.sleep", super::run);
        assert_eq!(
            Test::new().run(&action, json!({"seconds": 0})).unwrap(),
            Value::Null
        );
        let failure = Test::new()
            .run(&action, json!({"seconds": -1}))
            .unwrap_err();
        assert!(failure.message.starts_with("seconds:"), "{failure}");
    }
}
