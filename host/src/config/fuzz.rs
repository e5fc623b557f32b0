//! Fuzz target of the configuration file.

use toml::{Table, Value};

use super::{Config, Document, Error, Fault};
use crate::fuzz::fuzz;

/// What no refusal may repeat.
const MARK: &str = "fuzz-s3cret";

fn faults(document: Document, environment: &[(String, String)]) -> Vec<Fault> {
    match Config::from_document(document, environment) {
        Ok(_) => Vec::new(),
        Err(Error::Faults(faults)) => faults,
        Err(other) => panic!("{other}"),
    }
}

/// The sections with secrets in them repeat no value.
fn assert_private(fault: &Fault) {
    let key = fault.key.to_ascii_lowercase().replace("zonda__", "");
    if key.starts_with("auth") || key.starts_with("store") {
        assert!(!fault.reason.contains(MARK), "{fault}");
    }
}

/// Puts the mark behind every text in `value`. Names of settings aside: those a fault tells.
fn mark(value: &mut Value) {
    match value {
        Value::String(text) => text.push_str(MARK),
        Value::Array(items) => items.iter_mut().for_each(mark),
        Value::Table(members) => members.iter_mut().for_each(|(_, value)| mark(value)),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

#[test]
fn configurations() {
    const WORDS: &[&str] = &[
        "[listen]\n",
        "[auth]\n",
        "[store]\n",
        "[engine]\n",
        "[runtime]\n",
        "[runtime.compile]\n",
        "[openstack]\n",
        "[http]\n",
        "[log]\n",
        "[[runtime]]\n",
        "= ",
        "\n",
        "\"",
        "\"\"\"",
        "{ a = 1 }",
        "[1, \"x\"]",
        "-1",
        "1e999",
        "9223372036854775808",
        "nan",
        "2026-11-22",
        "path",
        "level",
        "timeout_secs",
        "address",
        "a.b.c.d.e = 1\n",
        "\u{0}",
        "\"127.0.0.0/8\"",
        "\"::/999\"",
        "\"0.0.0.0:99999\"",
        "\"file:///\"",
    ];
    fuzz!(WORDS, |input: &[u8]| {
        let Ok(mut table) = String::from_utf8_lossy(input).parse::<Table>() else {
            return;
        };
        let document = |table: &Table| Document::parse(&table.to_string()).unwrap();
        for fault in faults(document(&table), &[]) {
            assert!(!fault.key.is_empty() && !fault.reason.is_empty());
        }
        table.iter_mut().for_each(|(_, value)| mark(value));
        for fault in faults(document(&table), &[]) {
            assert_private(&fault);
        }
    });
}

#[test]
fn environments() {
    const WORDS: &[&str] = &[
        "ZONDA__",
        "__",
        "=",
        "\n",
        "LISTEN__ADDRESS",
        "STORE__PATH",
        "OPENSTACK__ALLOW",
        "ENGINE__TIMEOUT_SECS",
        "[",
        "]",
        "{",
        "}",
        "\"",
        ",",
        "-1",
        "127.0.0.0/8",
        "\u{0}",
        "true",
    ];
    fuzz!(WORDS, |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        let variables: Vec<(String, String)> = text
            .split('\n')
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), format!("{value}{MARK}")))
            .collect();
        for fault in faults(Document::default(), &variables) {
            assert_private(&fault);
        }
    });
}
