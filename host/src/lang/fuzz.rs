//! Fuzz target of documents.

use std::collections::BTreeMap;

use crate::{
    fuzz::fuzz,
    lang::{
        Fault, actions,
        graph::{Format, draw},
        workbook, workflow, workflows,
    },
};

/// Faults say something, and where it is if it is anywhere.
fn assert_told(faults: &[Fault]) {
    assert!(!faults.is_empty());
    assert!(faults.iter().all(|fault| !fault.message.is_empty()));
}

#[test]
fn documents() {
    const WORDS: &[&str] = &[
        "\n",
        "\n  ",
        "\n      ",
        ": ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "'",
        "\"",
        "&a ",
        "*a",
        "<<: *a",
        "? ",
        "!!str ",
        "|\n ",
        ">-\n ",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
        "# ",
        "\t",
        "~",
        "yes",
        "0x1F",
        "1:30",
        "version: '2.0'\n",
        "type: reverse\n",
        "requires: ",
        "join: all",
        "on-success: ",
        "on-complete: {publish: {global: {a: 1}}, next: [a]}",
        "fail(msg=\"x\")",
        "with-items: i in [1]",
        "retry: count=1 delay=1",
        "task-defaults:\n",
        "action: std.echo output=\"x\"",
        "<% $.x %>",
        "{{ _.x }}",
        "{% if a %}",
        "\u{2028}",
        "\u{feff}",
        "größe",
    ];
    fuzz!(WORDS, |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        match workflows(&text) {
            Err(faults) => assert_told(&faults),
            Ok(all) => {
                for one in all {
                    for format in Format::ALL {
                        let drawing = draw(&one, &BTreeMap::new(), format);
                        assert!(!drawing.contains(|c: char| c.is_control() && c != '\n'));
                    }
                    let mut again = workflow(&one.source).expect("what is kept reads back");
                    again.source = one.source.clone();
                    assert_eq!(again, one);
                }
            }
        }
        match workbook(&text) {
            Err(faults) => assert_told(&faults),
            Ok(book) => {
                for one in book.workflows.values() {
                    let mut again = workflow(&one.source).expect("what is kept reads back");
                    again.source = one.source.clone();
                    assert_eq!(&again, one);
                }
            }
        }
        if let Err(faults) = actions(&text) {
            assert_told(&faults);
        }
    });
}
