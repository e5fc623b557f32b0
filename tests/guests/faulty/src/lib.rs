//! The `faulty` module: a fault in `describe`, chosen by patching the built component.
//!
//! A test replaces the text `faulty-mode:good------------` in the bytes by another mode of the same length, so one
//! build gives every bad upload. Whatever the mode, `faulty.mode` answers with it.

use std::hint::black_box;

use zonda_sdk::AccessRule;
use zonda_sdk::bindings::exports::zonda::action::actions::{ActionSpec, Failure, Guest, Outcome};
use zonda_sdk::bindings::zonda::action::{cloud, execution};

/// Patched by the tests: the part after the colon, padded with `-`.
#[used]
static MODE: [u8; 28] = *b"faulty-mode:good------------";

/// The module.
pub struct Module;

impl Guest for Module {
    fn describe() -> Vec<ActionSpec> {
        let good = spec("faulty.mode");
        match mode().as_str() {
            "traps" => panic!("describe failed on purpose"),
            "loops" => loop {
                black_box(());
            },
            "allocates" => {
                let mut hoard = Vec::new();
                loop {
                    hoard.push(black_box(vec![1_u8; 1 << 20]));
                }
            }
            "exits" => std::process::exit(0),
            "asks" => {
                // There is no run whose facts these could be, and no cloud.
                black_box((execution::facts(), cloud::target().is_ok()));
                vec![good]
            }
            "empty" => Vec::new(),
            "duplicate" => vec![spec("faulty.mode"), good],
            "prefix" => vec![spec("other.mode")],
            "no-prefix" => vec![spec("mode")],
            "long-name" => vec![spec(&format!("faulty.{}", "x".repeat(300)))],
            "long-text" => vec![ActionSpec {
                description: "x".repeat(64 << 20),
                ..good
            }],
            "many" => (0..100_000)
                .map(|number| spec(&format!("faulty.n{number}")))
                .collect(),
            "not-json" => vec![with_schema("{")],
            "not-object" => vec![with_schema(r#"{"type": "array"}"#)],
            "bad-schema" => vec![with_schema(r#"{"type": "object", "required": 7}"#)],
            "remote-ref" => vec![with_schema(
                r#"{"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1/a.json"}}}"#,
            )],
            "bad-output" => vec![ActionSpec {
                output_schema: Some("{".into()),
                ..good
            }],
            "bad-rule" => vec![with_rule("compute", "GET", "servers")],
            "bad-method" => vec![with_rule("compute", "GET /", "/servers")],
            _ => vec![good],
        }
    }

    fn run(_: String, _: String) -> Result<Outcome, Failure> {
        Ok(Outcome::Done(format!("\"{}\"", mode())))
    }
}

fn mode() -> String {
    let text = String::from_utf8_lossy(black_box(&MODE)).into_owned();
    let mode = text.split_once(':').map_or("", |(_, mode)| mode);
    mode.trim_end_matches('-').into()
}

fn spec(name: &str) -> ActionSpec {
    ActionSpec {
        name: name.into(),
        description: "Answers with the mode of this module.".into(),
        input_schema: r#"{"type": "object"}"#.into(),
        output_schema: None,
        access: Vec::new(),
        idempotent: true,
        asynchronous: false,
    }
}

fn with_schema(schema: &str) -> ActionSpec {
    ActionSpec {
        input_schema: schema.into(),
        ..spec("faulty.mode")
    }
}

fn with_rule(service_type: &str, method: &str, path: &str) -> ActionSpec {
    let rule = AccessRule {
        service_type: service_type.into(),
        method: method.into(),
        path: path.into(),
    };
    ActionSpec {
        access: vec![rule],
        ..spec("faulty.mode")
    }
}

#[cfg(target_family = "wasm")]
zonda_sdk::bindings::export!(Module with_types_in zonda_sdk::bindings);
