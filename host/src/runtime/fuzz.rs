//! Fuzz targets of uploads: a component's bytes before anything compiles them, and what a module says of itself.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{
    bindings::{exports::zonda::action::actions::ActionSpec, zonda::action::types::AccessRule},
    describe,
    inspect::inspect,
};
use crate::{domain::ModuleName, fuzz::fuzz};

/// Far more than reading an upload of a few kilobytes takes, even here, where nothing is optimized.
const BOUND: Duration = Duration::from_secs(10);

#[test]
fn components() {
    const WORDS: &[&str] = &[
        "\0asm\u{d}\0\u{1}\0",
        "\0asm\u{1}\0\0\0",
        "@0.1.0",
        "@0.9.0",
        "zonda:action/actions@0.1.0",
        "wasi:sockets/tcp",
        "wasi:http/types@0.2.0",
        "\u{7f}",
        "\u{0}",
        "\u{1}",
        "\u{4}",
        "\u{a}",
        "\u{b}",
        "\u{60}",
    ];
    fuzz!(
        WORDS,
        |input: &[u8]| {
            let begun = Instant::now();
            if let Err(refusal) = inspect(input) {
                assert!(!refusal.to_string().is_empty());
            }
            assert!(begun.elapsed() < BOUND);
        },
        |kept| wat::parse_bytes(&kept).unwrap().into_owned()
    );
}

/// The specs that a JSON document tells, as a guest could return them.
fn specs(document: &Value) -> Vec<ActionSpec> {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let items = document.as_array().cloned().unwrap_or_default();
    let spec = |item: &Value| ActionSpec {
        name: text(&item["name"]),
        description: text(&item["description"]),
        input_schema: text(&item["input"]),
        output_schema: item.get("output").map(text),
        access: item["access"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|rule| AccessRule {
                service_type: text(&rule["service_type"]),
                method: text(&rule["method"]),
                path: text(&rule["path"]),
            })
            .collect(),
        idempotent: item["idempotent"] == true,
        asynchronous: item["asynchronous"] == true,
    };
    items.iter().map(spec).collect()
}

#[test]
fn descriptions() {
    const WORDS: &[&str] = &[
        "demo.",
        "demo.a",
        "{",
        "}",
        "[",
        "]",
        ",",
        "\"\"",
        "\"*\"",
        "**",
        "/**/a",
        "{id}",
        "/../",
        "//",
        "\\\\",
        "?",
        "#",
        "\\u0000",
        "\\u202e",
        "GET",
        "get",
        "\"type\": \"object\"",
        "\"$ref\": \"#\"",
        "null",
        "compute",
    ];
    let module = ModuleName::parse("demo").unwrap();
    fuzz!(WORDS, |input: &[u8]| {
        let Ok(document) = serde_json::from_slice(input) else {
            return;
        };
        match describe::check(specs(&document), Some(&module)) {
            Ok(actions) => {
                for action in actions {
                    assert_eq!(action.name.prefix(), "demo");
                    for rule in action.access {
                        let segments: Vec<&str> = rule.path.split('/').collect();
                        assert!(!segments.contains(&".."), "{rule}");
                        assert!(
                            !segments
                                .iter()
                                .rev()
                                .skip(1)
                                .any(|segment| *segment == "**"),
                            "{rule}"
                        );
                    }
                }
            }
            // It goes to whoever uploaded, and into their terminal.
            Err(refusal) => assert!(refusal.to_string().len() < 4096, "{refusal}"),
        }
    });
}
