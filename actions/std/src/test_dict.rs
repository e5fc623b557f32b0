//! `std.test_dict`: a dict of a chosen size, for tests of big results.

use serde::Deserialize;
use serde_json::{Map, Value};
use zonda_sdk::{Context, JsonSchema, Result};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// How many members.
    #[serde(default)]
    size: u32,
    /// What each name begins with; the member's number follows.
    #[serde(default)]
    key_prefix: String,
    /// The value of each member.
    #[serde(default = "empty_text")]
    val: Value,
}

pub(crate) fn run(_: &Context, input: Input) -> Result<Map<String, Value>> {
    let Input {
        size,
        key_prefix,
        val,
    } = input;
    Ok((0..size)
        .map(|number| (format!("{key_prefix}{number}"), val.clone()))
        .collect())
}

fn empty_text() -> Value {
    Value::String(String::new())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use zonda_sdk::Action;
    use zonda_sdk::testing::Test;

    #[test]
    fn the_dict_has_as_many_members_as_wanted() {
        let action = Action::new("std.test_dict", super::run);
        assert_eq!(Test::new().run(&action, json!({})).unwrap(), json!({}));
        let input = json!({"size": 2, "key_prefix": "k", "val": 7});
        assert_eq!(
            Test::new().run(&action, input).unwrap(),
            json!({"k0": 7, "k1": 7})
        );
    }
}
