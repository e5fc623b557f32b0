//! `std.noop`: does nothing.

use zonda_sdk::{Context, Result};

pub(crate) fn run(_: &Context, (): ()) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use zonda_sdk::Action;
    use zonda_sdk::testing::Test;

    #[test]
    fn the_result_of_nothing_is_null() {
        let action = Action::new("std.noop", super::run);
        assert_eq!(Test::new().run(&action, json!({})).unwrap(), Value::Null);
    }
}
