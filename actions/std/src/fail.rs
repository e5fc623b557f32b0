//! `std.fail`: fails, for workflows that test their error handling.

use serde::Deserialize;
use serde_json::Value;
use zonda_sdk::{Context, Failure, JsonSchema, Result};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// What the failed run's `result` shall be.
    #[serde(default)]
    error_data: Option<Value>,
}

pub(crate) fn run(_: &Context, input: Input) -> Result<()> {
    let failure = Failure::new("Fail action expected exception.");
    Err(match input.error_data {
        Some(data) => failure.detail(data),
        None => failure,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use zonda_sdk::Action;
    use zonda_sdk::testing::Test;

    #[test]
    fn it_fails_with_the_data_that_it_was_given() {
        let action = Action::new("std.fail", super::run);
        let bare = Test::new().run(&action, json!({})).unwrap_err();
        assert_eq!(
            (bare.message.as_str(), bare.detail),
            ("Fail action expected exception.", None)
        );
        let data = json!({"code": 7});
        let failure = Test::new()
            .run(&action, json!({"error_data": data}))
            .unwrap_err();
        assert_eq!(failure.detail, Some(data));
    }
}
