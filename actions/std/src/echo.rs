//! `std.echo`: answers with what it was given.

use serde::Deserialize;
use serde_json::Value;
use zonda_sdk::{Context, JsonSchema, Result};

use crate::sleep;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// What to answer with.
    output: Value,
    /// How long to wait before, in seconds.
    #[serde(default)]
    #[schemars(range(min = 0))]
    delay: f64,
}

pub(crate) fn run(_: &Context, input: Input) -> Result<Value> {
    sleep::seconds(input.delay, "delay")?;
    Ok(input.output)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use zonda_sdk::Action;
    use zonda_sdk::testing::Test;

    #[test]
    fn whatever_comes_in_goes_out() {
        let action = Action::new("std.echo", super::run);
        for output in [json!("hi"), json!({"a": [1, null]}), Value::Null] {
            assert_eq!(
                Test::new().run(&action, json!({"output": output})).unwrap(),
                output
            );
        }
    }

    #[test]
    fn an_input_that_is_missing_or_misspelt_is_named() {
        let action = Action::new("std.echo", super::run);
        let missing = Test::new().run(&action, json!({})).unwrap_err();
        assert!(
            missing.message.contains("missing field `output`"),
            "{missing}"
        );
        let misspelt = Test::new()
            .run(&action, json!({"output": 1, "dely": 1}))
            .unwrap_err();
        assert!(
            misspelt.message.contains("unknown field `dely`"),
            "{misspelt}"
        );
    }
}
