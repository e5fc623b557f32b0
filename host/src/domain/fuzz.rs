//! Fuzz targets of names, ids, times, digests and JSON Schemas.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{ActionExecutionId, ActionName, Digest, JsonText, ModuleName, Schema, Timestamp};
use crate::fuzz::fuzz;

/// Far more than any schema within the limits takes, even here, where nothing is optimized.
const BOUND: Duration = Duration::from_secs(20);

#[test]
fn names() {
    const WORDS: &[&str] = &[
        ".",
        "..",
        "-",
        "_",
        "std.",
        "sha256:",
        "2026-11-22T03:59:06Z",
        "+23:59",
        "-262144-01-01T00:00:00Z",
        "T24:00:60",
        ".999999999999",
        "\u{0}",
        "\u{202e}",
        "\u{e9}",
        "{",
        "}",
        "urn:uuid:",
        "00000000",
    ];
    fuzz!(WORDS, |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        let is_plain = |name: &str| {
            name.len() <= 255
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if let Ok(name) = ActionName::parse(&text) {
            assert!(
                is_plain(&text) && ModuleName::parse(name.prefix()).is_ok(),
                "{text}"
            );
        }
        if let Ok(name) = ModuleName::parse(&text) {
            assert!(is_plain(&text) && !name.as_str().contains('.'), "{text}");
        }
        if let Ok(id) = text.parse::<ActionExecutionId>() {
            assert_eq!(id.to_string().parse::<ActionExecutionId>().unwrap(), id);
        }
        if let Ok(digest) = text.parse::<Digest>() {
            assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
            // It names a file.
            assert!(digest.hex().bytes().all(|b| b.is_ascii_hexdigit()));
        }
        if let Some(time) = Timestamp::parse_rfc3339(&text) {
            let _ = (
                time.to_string(),
                time.after(Duration::MAX),
                time.since(Timestamp::from_unix_ms(i64::MIN)),
            );
        }
    });
}

#[test]
fn schemas() {
    const WORDS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"\"",
        "true",
        "null",
        "-1",
        "1e309",
        "\"type\":\"object\",",
        "\"$ref\":\"#\"",
        "\"$ref\":\"#/$defs/a\"",
        "\"$ref\":\"file:///etc/passwd\"",
        "\"$ref\":\"http://169.254.169.254/\"",
        "\"$id\":",
        "\"$anchor\":\"a\"",
        "\"$dynamicRef\":\"#a\"",
        "\"$schema\":",
        "\"allOf\":[",
        "\"anyOf\":[",
        "\"not\":",
        "\"properties\":{\"a\":",
        "\"patternProperties\":{\"(a+)+$\":",
        "\"pattern\":\"(a*)*b\"",
        "\"a{1000}{1000}\"",
        "\"(?=a)\"",
        "\"items\":",
        "\"prefixItems\":[",
        "\"uniqueItems\":true",
        "\"required\":[\"a\"]",
        "\"default\":",
        "\"unevaluatedProperties\":false",
        "\"format\":\"regex\"",
        "\"multipleOf\":0",
        "\"$vocabulary\":",
        "\"const\":",
    ];
    let deep = (0..60).fold(json!(1), |inner, _| json!({ "a": inner }));
    let values = [
        json!({}),
        json!({ "a": "aaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "b": [1, 1.5, null, "x"] }),
        deep,
    ];
    fuzz!(WORDS, |input: &[u8]| {
        let Ok(text) = JsonText::parse(String::from_utf8_lossy(input)) else {
            return;
        };
        let begun = Instant::now();
        let _ = Schema::compile(&text);
        if let Ok(schema) = Schema::compile_object(&text) {
            let _ = schema.mistral_input();
            for value in &values {
                let _ = schema.check(value);
            }
            let _ = schema.check(&text.to::<Value>().unwrap());
        }
        assert!(begun.elapsed() < BOUND, "{}", text.as_str());
    });
}
