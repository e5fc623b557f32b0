//! `std.async_noop`: stays running until somebody completes it.

use zonda_sdk::{Context, Pending, Result};

pub(crate) fn run(_: &Context, (): ()) -> Result<Pending> {
    Ok(Pending)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use zonda_sdk::testing::Test;
    use zonda_sdk::{Action, Outcome};

    #[test]
    fn it_is_declared_asynchronous_and_answers_pending() {
        let action = Action::new("std.async_noop", super::run);
        assert!(action.spec().asynchronous);
        let outcome = Test::new().run_to_outcome(&action, json!({})).unwrap();
        assert_eq!(outcome, Outcome::Pending);
    }
}
