//! What is wrong with documents: each fault with its place, its path and what would be right.

use super::{direct, document, told};
use crate::lang;

fn faults(text: &str) -> String {
    told(&lang::workflows(text).expect_err(text))
}

/// Says that the document of direct `tasks` has this fault, and this one only.
fn refused(tasks: &str, fault: &str) {
    assert_eq!(faults(&direct(tasks)), fault, "{tasks}");
}

#[test]
fn several_faults_are_told_at_once_in_the_order_of_the_document() {
    let text = direct(
        "a:
  acton: std.noop
  on-success: [c, bb]
bbb:
  action: std.noop
  workflow: x
  join: 5
  wait-before: soon",
    );
    assert_eq!(
        faults(&text),
        "line 6, column 7: wf.tasks.a.acton: `acton` is not known here; did you mean `action`?
line 7, column 20: wf.tasks.a.on-success[0]: there is no task `c` in this workflow
line 7, column 23: wf.tasks.a.on-success[1]: there is no task `bb` in this workflow
line 10, column 7: wf.tasks.bbb.workflow: a task has an `action` or a `workflow`, not both
line 11, column 13: wf.tasks.bbb.join: the join waits for 5 tasks, but 0 lead to it
line 12, column 20: wf.tasks.bbb.wait-before: must be a whole number from 0 or an expression, but is a text"
    );
}

#[test]
fn a_task_that_is_not_there_is_told_with_the_one_that_was_meant() {
    refused(
        "first: {on-success: secnd}\nsecond: {action: std.noop}",
        "line 5, column 25: wf.tasks.first.on-success: there is no task `secnd`; did you mean `second`?",
    );
}

#[test]
fn members_of_the_other_kind_of_workflow_are_told() {
    refused(
        "a: {requires: b}\nb: {action: std.noop}",
        "line 5, column 9: wf.tasks.a.requires: `requires` is for tasks of reverse workflows; this one is direct",
    );
    assert_eq!(
        faults(&document("reverse", "a: {join: all, on-success: a}")),
        "line 5, column 9: wf.tasks.a.join: `join` is for tasks of direct workflows; this one is reverse
line 5, column 20: wf.tasks.a.on-success: `on-success` is for tasks of direct workflows; this one is reverse"
    );
}

#[test]
fn wrong_values_are_told() {
    for (task, fault) in [
        (
            "{timeout: -1}",
            "18: wf.tasks.t.timeout: must be a whole number from 0, but is -1",
        ),
        (
            "{keep-result: 'no'}",
            "22: wf.tasks.t.keep-result: must be true, false or an expression, but is a text",
        ),
        (
            "{action: 5}",
            "17: wf.tasks.t.action: must be a text, but is a number: write it in quotes",
        ),
        ("{action: ''}", "17: wf.tasks.t.action: must not be empty"),
        (
            "{action: std.echo output=x}",
            "17: wf.tasks.t.action: the value of `output` must be a number, true, false, null, a list, an expression or a text in quotes: output=\"x\"",
        ),
        (
            "{input: x}",
            "16: wf.tasks.t.input: must be an object of names and values, or an expression for one",
        ),
        ("{input: {}}", "16: wf.tasks.t.input: must not be empty"),
        (
            "{action: a.b x=1, input: <% $ %>}",
            "33: wf.tasks.t.input: is an expression; give all inputs in it, none beside the name",
        ),
        (
            "{publish: [a]}",
            "18: wf.tasks.t.publish: must be an object of names and values, but is a list",
        ),
        (
            "{with-items: <% $.l %>}",
            "21: wf.tasks.t.with-items: must be `name in <% list %>` or `name in [1, 2]`",
        ),
        (
            "{with-items: i in x}",
            "21: wf.tasks.t.with-items: must be `name in <% list %>` or `name in [1, 2]`",
        ),
        (
            "{with-items: 'i in [1,]'}",
            "21: wf.tasks.t.with-items: the list of `i` is no JSON: trailing comma at line 1 column 4",
        ),
        (
            "{retry: count=5}",
            "16: wf.tasks.t.retry: must have a `count` and a `delay` in seconds, as in `count=5 delay=1`",
        ),
        (
            "{retry: {count: 1, delay: 1, break-on: x}}",
            "47: wf.tasks.t.retry.break-on: `break-on` must be an expression, but is a text",
        ),
    ] {
        refused(&format!("t: {task}"), &format!("line 5, column {fault}"));
    }
}

#[test]
fn wrong_joins_clauses_and_scalars_are_told() {
    for (task, fault) in [
        (
            "{join: two}",
            "15: wf.tasks.t.join: must be `all`, `one` or the number of tasks to wait for",
        ),
        (
            "{join: all}",
            "15: wf.tasks.t.join: no task leads to this join",
        ),
        (
            "{on-success: [{fail: true}]}",
            "29: wf.tasks.t.on-success[0].fail: the condition of a task must be an expression, `<% … %>` or `{{ … }}`",
        ),
        (
            "{on-success: [{fail: <% 1 %>, noop: <% 1 %>}]}",
            "22: wf.tasks.t.on-success[0]: must have one task and its condition; put each task into an item of its own",
        ),
        (
            "{on-success: []}",
            "21: wf.tasks.t.on-success: must not be empty",
        ),
        (
            "{on-success: 'fail(text=\"x\")'}",
            "21: wf.tasks.t.on-success: `text` means nothing here: only engine commands take an input, `msg`",
        ),
        (
            "{on-success: {publish: {a: 1}}}",
            "32: wf.tasks.t.on-success.publish.a: `a` is not known here; known are branch, global, atomic",
        ),
        (
            "{tags: [a, a]}",
            "19: wf.tasks.t.tags[1]: `a` is in the list twice",
        ),
        (
            "{description: [x]}",
            "22: wf.tasks.t.description: must be a text, but is a list",
        ),
        (
            "{action: a.b, action: a.c}",
            "22: wf.tasks.t.action: `action` is said twice; only one can count",
        ),
        (
            "{timeout: 123456789012345678901}",
            "18: wf.tasks.t.timeout: the number has too many digits; write it in quotes",
        ),
        (
            "{input: {a: !x 1}}",
            "23: wf.tasks.t.input.a: the tag `!x` means nothing here",
        ),
    ] {
        refused(&format!("t: {task}"), &format!("line 5, column {fault}"));
    }
}

#[test]
fn a_workflow_needs_a_task_that_begins_it() {
    refused(
        "a: {on-success: b}\nb: {on-success: a}",
        "line 5, column 5: wf.tasks.a: no task begins the workflow: each follows another one; leave one task out of every `on-…` clause",
    );
}

#[test]
fn a_circle_of_requirements_is_told() {
    assert_eq!(
        faults(&document(
            "reverse",
            "a: {requires: b}\nb: {requires: [c]}\nc: {requires: b}"
        )),
        "line 5, column 5: wf.tasks.a: requires itself in the end: b → c → b"
    );
}

#[test]
fn names_are_checked() {
    let with = |name: &str| format!("version: '2.0'\n{name}: {{tasks: {{t: {{action: a.b}}}}}}\n");
    assert_eq!(
        faults(&with("my flow")),
        "line 2, column 1: my flow: the name of a workflow has no white space; `_` is the usual word break"
    );
    assert!(faults(&with("01234567-89ab-cdef-0123-456789abcdef")).contains("is no UUID"));
    assert!(faults(&with(&"x".repeat(256))).contains("1 to 255 characters"));
    let long = "t".repeat(209);
    let tasks = format!("a: {{on-success: {long}}}\n{long}: {{join: all}}");
    assert!(faults(&direct(&tasks)).contains("at most 208 characters"));
    assert!(faults(&direct(&format!("{}: {{action: a.b}}", "t".repeat(256)))).contains("1 to 255"));
}

#[test]
fn documents_that_are_none_are_told() {
    for (text, fault) in [
        ("", "the document is empty"),
        ("# nothing", "the document is empty"),
        (
            "text",
            "line 1, column 1: must be an object of names and values, but is a text",
        ),
        (
            "version: '2.0'",
            "line 1, column 1: the document must have a workflow besides its `version`",
        ),
        (
            "wf: {tasks: {t: {action: a.b}}}",
            "line 1, column 1: the document must have a version: write version: '2.0'",
        ),
        (
            "version: '1.0'\nwf: {tasks: {t: {action: a.b}}}",
            "line 1, column 10: version: this version of the language is not known; write version: '2.0'",
        ),
        (
            "version: 2\nwf: {}",
            "line 2, column 5: wf: must not be empty",
        ),
        (
            "version: 2\nwf: {tags: [x]}",
            "line 2, column 1: wf: a workflow must have `tasks`",
        ),
        (
            "version: 2\nwf: {type: revers, tasks: {t: {action: a.b}}}",
            "line 2, column 12: wf.type: must be `direct` or `reverse`",
        ),
        (
            "version: 2\n---\nwf: 1",
            "line 2, column 1: a second document begins here; send one document at a time",
        ),
        (
            "version: 2\nwf: *x",
            "line 2, column 5: wf: there is no `&x` before; a text that begins with `*` needs quotes",
        ),
        (
            "a: &a [*a]",
            "line 1, column 8: a: it refers to what it is part of",
        ),
        (
            "[a]: b",
            "line 1, column 1: a name is a text, no list or object",
        ),
    ] {
        assert_eq!(faults(text), fault, "{text}");
    }
    assert!(faults("version: 2\nwf: @x").contains("a text that begins with `@` needs quotes"));
    assert!(faults("a: [").starts_with("line 1, column "));
}

#[test]
fn workbooks_and_actions_are_checked_too() {
    let book = |text: &str| told(&lang::workbook(text).unwrap_err());
    assert_eq!(
        book("version: '2.0'\nname: b\nworkflow: {}"),
        "line 3, column 1: workflow: `workflow` is not known here; did you mean `workflows`?"
    );
    assert_eq!(
        book("version: '2.0'\nworkflows: {w: {tasks: {t: {action: x}}}}"),
        "line 1, column 1: a workbook must have a `name`"
    );
    assert_eq!(
        book("version: '2.0'\nname: b\nactions: {a.b: {base: std.noop}}"),
        "line 3, column 11: actions.a.b: a name in a workbook has letters, digits, `_` and `-` only"
    );
    assert_eq!(
        told(&lang::actions("version: '2.0'\na: {input: [x, x], output: 1}").unwrap_err()),
        "line 2, column 1: a: an action must have a `base`, the action that it runs
line 2, column 16: a.input[1]: the input `x` is in the list twice"
    );
}

#[test]
fn nothing_grows_out_of_bounds() {
    let bomb = "a: &a [1,1,1,1,1,1,1,1,1]\n".to_owned()
        + &(b'b'..=b'i')
            .map(|c| {
                let (c, p) = (char::from(c), char::from(c - 1));
                format!("{c}: &{c} [*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p}]\n")
            })
            .collect::<String>();
    assert!(faults(&bomb).contains("more than 500000 values"));
    assert!(faults(&"[".repeat(100_000)).starts_with("line 1"));
    assert!(faults(&"- ".repeat(100_000)).starts_with("line 1"));
    assert!(faults(&" ".repeat((4 << 20) + 1)).contains("is longer than"));
    let many = (0..1000)
        .map(|i| format!("t{i}: {{x: 1}}\n"))
        .collect::<String>();
    assert_eq!(lang::workflows(&direct(&many)).unwrap_err().len(), 50);
}
