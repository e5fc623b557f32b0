//! The `evil` module: what the SDK would not let an action do, one behavior each, for the tests.

use zonda_sdk::AccessRule;
use zonda_sdk::bindings::exports::zonda::action::actions::{ActionSpec, Failure, Guest, Outcome};

mod abi;
mod exhaust;
mod handles;
mod results;
mod streams;

/// The module.
pub struct Module;

/// What a behavior comes to: its result as JSON text.
type Ended = Result<String, String>;

/// One behavior; the number is the input's `count`.
type Behavior = fn(u32) -> Ended;

/// Every behavior by its name.
const BEHAVIORS: &[(&str, Behavior)] = &[
    ("evil.text_not_utf8", abi::text_not_utf8),
    ("evil.text_beyond_memory", abi::text_beyond_memory),
    ("evil.text_of_2_gib", abi::text_of_2_gib),
    ("evil.enum_out_of_range", abi::enum_out_of_range),
    ("evil.variant_out_of_range", abi::variant_out_of_range),
    ("evil.option_out_of_range", abi::option_out_of_range),
    ("evil.list_of_2_gib", abi::list_of_2_gib),
    ("evil.answer_to_nowhere", abi::answer_to_nowhere),
    ("evil.answer_misaligned", abi::answer_misaligned),
    ("evil.handle_forged", handles::forged),
    ("evil.handle_dropped_twice", handles::dropped_twice),
    ("evil.handle_used_after_drop", handles::used_after_drop),
    ("evil.handle_of_another_type", handles::of_another_type),
    ("evil.handles_without_end", handles::without_end),
    ("evil.grow_memory", exhaust::grow_memory),
    ("evil.recurse_indirectly", exhaust::recurse_indirectly),
    ("evil.large_call", exhaust::large_call),
    ("evil.large_log", exhaust::large_log),
    ("evil.log_for_ever", exhaust::log_for_ever),
    ("evil.print_for_ever", exhaust::print_for_ever),
    ("evil.print_noise", exhaust::print_noise),
    ("evil.print_escapes", exhaust::print_escapes),
    ("evil.sleep", exhaust::sleep),
    ("evil.abort", exhaust::abort),
    ("evil.exit", exhaust::exit),
    ("evil.write_files", exhaust::write_files),
    ("evil.read_stdin", exhaust::read_stdin),
    ("evil.nested_result", results::nested),
    ("evil.large_result", results::large),
    ("evil.large_failure", results::large_failure),
    ("evil.large_detail", results::large_detail),
    ("evil.not_a_number", results::not_a_number),
    ("evil.empty_result", results::empty),
    ("evil.pending", results::pending),
    ("evil.request_flood", streams::request_flood),
    ("evil.send_all", streams::send_all),
    ("evil.open_streams", streams::open),
    ("evil.open_uploads", streams::uploads),
    ("evil.write_after_finish", streams::write_after_finish),
    ("evil.upload_never_finished", streams::never_finished),
    ("evil.upload_too_short", streams::too_short),
    ("evil.take_answers", streams::take_answers),
];

impl Guest for Module {
    fn describe() -> Vec<ActionSpec> {
        let names = BEHAVIORS.iter().map(|(name, _)| *name);
        names
            .map(|name| ActionSpec {
                name: name.into(),
                description: "Misbehaves.".into(),
                input_schema: r#"{"type": "object", "properties": {"count": {"type": "integer"}}}"#
                    .into(),
                output_schema: None,
                access: vec![AccessRule {
                    service_type: "*".into(),
                    method: "*".into(),
                    path: "/**".into(),
                }],
                idempotent: false,
                asynchronous: false,
            })
            .collect()
    }

    fn run(name: String, input: String) -> Result<Outcome, Failure> {
        let digits: String = input.chars().filter(char::is_ascii_digit).collect();
        let count = digits.parse().unwrap_or_default();
        let behavior = BEHAVIORS.iter().find(|(known, _)| *known == name);
        match behavior {
            Some(("evil.pending", _)) => Ok(Outcome::Pending),
            Some((_, behavior)) => behavior(count).map(Outcome::Done).map_err(failure),
            None => Err(failure(format!("there is no {name}"))),
        }
    }
}

fn failure(message: String) -> Failure {
    let detail = message.starts_with('x').then(|| message.clone());
    Failure {
        message,
        detail,
        retryable: false,
    }
}

/// Any error of the host's, as a failure's message.
fn shown(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

#[cfg(target_family = "wasm")]
zonda_sdk::bindings::export!(Module with_types_in zonda_sdk::bindings);
