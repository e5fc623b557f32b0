//! The document of one definition alone.

use super::read;
use crate::lang;

/// That each of the workflows' documents says the same workflow.
fn assert_they_read_back(text: &str) -> Vec<String> {
    let workflows = lang::workflows(text).unwrap();
    let sources = workflows.into_iter().map(|mut workflow| {
        let source = workflow.source.to_string();
        let again = read(&source);
        workflow.source = again.source.clone();
        assert_eq!(workflow, again);
        source
    });
    sources.collect()
}

#[test]
fn a_document_of_one_workflow_is_kept_as_it_is() {
    let text = "# Mine.\n---\nversion: \"2.0\"\n\nwf:\n    tasks:   # these\n        t: {action: std.noop}\n";
    assert_eq!(assert_they_read_back(text), [text]);
}

#[test]
fn of_several_workflows_each_keeps_its_own_lines() {
    let text = "---
version: '2.0'

# The first.
one:
  tasks:
    t:
      action: std.echo
      input:
        output: |
          # no comment

          text
    # the end of one

# Not of anything.

# The second.
# More of it.
two:
  tasks:
    t: {action: std.noop}
...
";
    assert_eq!(
        assert_they_read_back(text),
        [
            "version: '2.0'

# The first.
one:
  tasks:
    t:
      action: std.echo
      input:
        output: |
          # no comment

          text
    # the end of one

# Not of anything.
",
            "version: '2.0'

# The second.
# More of it.
two:
  tasks:
    t: {action: std.noop}
...
"
        ]
    );
}

#[test]
fn a_workbooks_definitions_move_to_the_left() {
    let text = "version: '2.0'
name: book

actions:
    # Greets.
    greet:
        base: std.echo

workflows:
    one:
        tasks:
            t:
                action: std.echo
                input:
                    output: |
                        a
                          b
    two:
        tasks: {t: {action: greet}}
description: last
";
    let workbook = lang::workbook(text).unwrap();
    assert_eq!(
        workbook.actions["greet"].source.as_ref(),
        "version: '2.0'\n\n# Greets.\ngreet:\n    base: std.echo\n"
    );
    assert_eq!(
        workbook.workflows["two"].source.as_ref(),
        "version: '2.0'\n\ntwo:\n    tasks: {t: {action: greet}}\n"
    );
    for workflow in workbook.workflows.values() {
        let mut again = read(&workflow.source);
        again.source = workflow.source.clone();
        assert_eq!(&again, workflow);
    }
}

#[test]
fn what_cannot_be_cut_out_is_written_anew() {
    for text in [
        "{\"version\": \"2.0\", \"one\": {\"tasks\": {\"t\": {\"action\": \"std.noop\"}}}, \"two\": {\"tasks\": {\"u\": {\"input\": {\"a\": 1.50, \"b\": [null, true, \"<% $.x %>\"]}}}}}",
        "version: '2.0'\none:\n  vars: &v {a: '\\x07', b: \"\\u2028\"}\n  tasks: {t: {action: std.noop}}\ntwo:\n  vars: *v\n  tasks: {t: {action: std.noop}}\n",
        "version: '2.0'\none: &a\n  tasks: {t: {action: std.noop}}\ntwo: *a\n",
        "version: '2.0'\none:\n  tasks: {t: {action: std.noop}}\n\"two\":\n  tasks: {t: {action: std.noop}}\n",
        "version: '2.0'\n? one\n: tasks: {t: {action: std.noop}}\n? two\n: tasks: {t: {action: std.noop}}\n",
    ] {
        let sources = assert_they_read_back(text);
        assert_eq!(sources.len(), 2);
        assert!(
            sources
                .iter()
                .all(|source| lang::workflows(source).unwrap().len() == 1)
        );
    }
}

#[test]
fn a_document_of_several_workflows_is_not_one_workflow() {
    let text = "version: '2.0'\na: {tasks: {t: {action: x}}}\nb: {tasks: {t: {action: x}}}\n";
    assert!(lang::workflow(text).is_err());
}
