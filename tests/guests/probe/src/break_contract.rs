//! Answers that the SDK cannot give, because they break the contract.

use zonda_sdk::bindings::exports::zonda::action::actions::{ActionSpec, Failure, Guest, Outcome};
use zonda_sdk::{Action, Context, Result, export};

/// The module.
pub struct Module;

impl Guest for Module {
    fn describe() -> Vec<ActionSpec> {
        let own = [
            "probe.invalid_json",
            "probe.invalid_detail",
            "probe.pending_not_declared",
        ];
        let own = own.map(|name| Action::new(name, unreached).describe("Breaks the contract."));
        export::describe(crate::actions().chain(own))
    }

    fn run(name: String, input: String) -> std::result::Result<Outcome, Failure> {
        match name.as_str() {
            "probe.invalid_json" => Ok(Outcome::Done("{\"half\": ".into())),
            "probe.invalid_detail" => Err(Failure {
                message: "the detail is not JSON".into(),
                detail: Some("nonsense".into()),
                retryable: false,
            }),
            "probe.pending_not_declared" => Ok(Outcome::Pending),
            _ => export::run(&name, &input, |name| {
                crate::actions().find(|action| action.name() == name)
            }),
        }
    }
}

fn unreached(_: &Context, (): ()) -> Result<()> {
    Err("`run` answers for this action itself".into())
}

#[cfg(target_family = "wasm")]
zonda_sdk::bindings::export!(Module with_types_in zonda_sdk::bindings);
