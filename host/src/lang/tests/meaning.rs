//! What documents mean.

use serde_json::{Value, json};

use super::{direct, document, read};
use crate::{
    expr::Template,
    lang::{self, Callee, Input, Join, Next, Task, WorkflowKind},
};

fn task(text: &str) -> Task {
    let workflow = read(&direct(text));
    workflow.tasks.values().next().unwrap().clone()
}

fn source(template: Option<&Template>) -> Option<Value> {
    template.map(|template| template.source().clone())
}

fn names(next: &[Next]) -> Vec<&str> {
    next.iter().map(|next| next.name.as_ref()).collect()
}

#[test]
fn a_workflow_says_all_that_it_may() {
    let workflow = read(
        "version: 2.0
wf:
  description: What it is for
  type: direct
  tags: [a, b]
  input:
    - one
    - two: <% env().x %>
    - three: null
  vars: {v: 1}
  output: {o: <% $.v %>}
  output-on-error: {e: '{{ _.v }}'}
  tasks:
    only: {action: std.noop}
",
    );
    assert_eq!(workflow.name.as_ref(), "wf");
    assert_eq!(workflow.kind, WorkflowKind::Direct);
    assert_eq!(workflow.description.as_deref(), Some("What it is for"));
    assert_eq!(workflow.tags, ["a", "b"]);
    assert_eq!(
        Input::interface(&workflow.input),
        [
            json!("one"),
            json!({"two": "<% env().x %>"}),
            json!({"three": null})
        ]
    );
    assert_eq!(source(workflow.vars.as_ref()), Some(json!({"v": 1})));
    assert_eq!(
        source(workflow.output.as_ref()),
        Some(json!({"o": "<% $.v %>"}))
    );
    assert_eq!(
        source(workflow.output_on_error.as_ref()),
        Some(json!({"e": "{{ _.v }}"}))
    );
    assert_eq!(
        workflow.tasks.keys().map(AsRef::as_ref).collect::<Vec<_>>(),
        ["only"]
    );
}

#[test]
fn a_task_says_all_that_it_may() {
    let task = task(
        "t:
  description: d
  tags: [x]
  workflow: sub a=1
  input: {a: 2, b: [yes, 'yes', 0x10]}
  with-items:
    - i in <% $.list %>
    - j in [1, \"two\"]
  concurrency: 3
  keep-result: false
  target: <% $.host %>
  safe-rerun: true
  wait-before: 1
  wait-after: <% $.n %>
  timeout: 5.0
  pause-before: <% $.p %>
  fail-on: <% $.f %>
  retry: {count: 3, delay: 1, break-on: <% $.b %>, continue-on: <% $.c %>}",
    );
    assert_eq!(
        task.callee,
        Callee::Workflow(Template::parse("sub".into()).unwrap())
    );
    assert_eq!(
        source(task.input.as_ref()),
        Some(json!({"a": 1, "b": [true, "yes", 16]}))
    );
    let items: Vec<_> = task
        .with_items
        .iter()
        .map(|(name, list)| (name.as_ref(), list.source().clone()))
        .collect();
    assert_eq!(
        items,
        [("i", json!("<% $.list %>")), ("j", json!([1, "two"]))]
    );
    assert_eq!(source(task.concurrency.as_ref()), Some(json!(3)));
    assert_eq!(source(task.keep_result.as_ref()), Some(json!(false)));
    assert_eq!(source(task.target.as_ref()), Some(json!("<% $.host %>")));
    assert_eq!(source(task.safe_rerun.as_ref()), Some(json!(true)));
    assert_eq!(source(task.wait_before.as_ref()), Some(json!(1)));
    assert_eq!(source(task.timeout.as_ref()), Some(json!(5)));
    let retry = task.retry.unwrap();
    assert_eq!(retry.count.source(), &json!(3));
    assert_eq!(source(retry.break_on.as_ref()), Some(json!("<% $.b %>")));
    assert_eq!(task.description.as_deref(), Some("d"));
    assert_eq!(task.tags, ["x"]);
}

#[test]
fn a_task_that_names_nothing_does_nothing() {
    let task = task("t: {description: d}");
    assert_eq!(
        task.callee,
        Callee::Action(Template::parse("std.noop".into()).unwrap())
    );
    assert_eq!(task.input, None);
}

#[test]
fn a_retry_may_stand_in_one_line() {
    let retry = task("t: {retry: count=<% $.n %> delay=2 break-on=<% $.b = 1 %>}");
    let retry = retry.retry.unwrap();
    assert_eq!(retry.count.source(), &json!("<% $.n %>"));
    assert_eq!(retry.delay.source(), &json!(2));
    let fraction = task("t: {retry: count=1 delay=1.5}").retry.unwrap();
    assert_eq!(fraction.delay.source(), &json!(1));
    assert_eq!(
        source(retry.break_on.as_ref()),
        Some(json!("<% $.b = 1 %>"))
    );
}

#[test]
fn an_input_may_be_an_expression() {
    let task = task("t: {action: std.echo, input: '<% $.all %>'}");
    assert_eq!(source(task.input.as_ref()), Some(json!("<% $.all %>")));
}

#[test]
fn what_follows_is_written_in_many_ways() {
    let workflow = read(&direct(
        "a: {on-success: b}
b:
  on-success: [c, {fail(msg=\"x y\"): <% $.x %>}, 'pause msg=\"z\"']
  on-error:
    publish: {branch: {p: 1}, global: {g: 2}, atomic: {a: 3}}
    next: [d]
  on-complete: {next: {c: <% $.y %>}}
  on-skip: {d: '{{ _.z }}'}
c: {on-success: {publish: {global: {g: 1}}}}
d: {}
e: {on-success: 'fail(msg=<% task() %>)'}"
            .replace("d: {}", "d: {action: std.noop}")
            .as_str(),
    ));
    let b = &workflow.tasks["b"];
    assert_eq!(names(&workflow.tasks["a"].on_success.next), ["b"]);
    assert_eq!(names(&b.on_success.next), ["c", "fail", "pause"]);
    let fail = &b.on_success.next[1];
    assert_eq!(source(fail.message.as_ref()), Some(json!("x y")));
    assert_eq!(source(fail.guard.as_ref()), Some(json!("<% $.x %>")));
    assert_eq!(names(&b.on_error.next), ["d"]);
    let publish = &b.on_error.publish;
    assert_eq!(source(publish.branch.as_ref()), Some(json!({"p": 1})));
    assert_eq!(source(publish.global.as_ref()), Some(json!({"g": 2})));
    assert_eq!(source(publish.atomic.as_ref()), Some(json!({"a": 3})));
    assert_eq!(
        source(b.on_complete.next[0].guard.as_ref()),
        Some(json!("<% $.y %>"))
    );
    assert_eq!(
        source(b.on_skip.next[0].guard.as_ref()),
        Some(json!("{{ _.z }}"))
    );
    assert!(workflow.tasks["c"].on_success.next.is_empty());
    let message = &workflow.tasks["e"].on_success.next[0].message;
    assert_eq!(source(message.as_ref()), Some(json!("<% task() %>")));
}

#[test]
fn a_tasks_own_publish_comes_over_that_of_its_clause() {
    let task = task(
        "t:
  publish: {a: 1, o: {x: 1}}
  publish-on-error: {e: 1}
  publish-on-skip: {s: 1}
  on-success: {publish: {branch: {a: 2, b: 2, o: {x: 2, y: 2}}}}",
    );
    assert_eq!(
        source(task.on_success.publish.branch.as_ref()),
        Some(json!({"a": 1, "b": 2, "o": {"x": 1, "y": 2}}))
    );
    assert_eq!(
        source(task.on_error.publish.branch.as_ref()),
        Some(json!({"e": 1}))
    );
    assert_eq!(
        source(task.on_skip.publish.branch.as_ref()),
        Some(json!({"s": 1}))
    );
    assert_eq!(task.on_complete.publish.branch, None);
}

#[test]
fn defaults_hold_where_a_task_says_nothing() {
    let workflow = read(
        "version: '2.0'
wf:
  task-defaults:
    retry: count=1 delay=2
    timeout: 9
    pause-before: true
    safe-rerun: true
    on-error: [clean, fail]
  tasks:
    a: {on-success: b}
    b: {timeout: 1, pause-before: false, safe-rerun: false, on-error: noop, retry: count=5 delay=0}
    clean: {wait-before: 1}
",
    );
    let [a, b, clean] = ["a", "b", "clean"].map(|name| &workflow.tasks[name]);
    assert_eq!(source(a.timeout.as_ref()), Some(json!(9)));
    assert_eq!(a.retry.as_ref().unwrap().count.source(), &json!(1));
    assert_eq!(names(&a.on_error.next), ["clean", "fail"]);
    assert_eq!(source(b.timeout.as_ref()), Some(json!(1)));
    assert_eq!(b.retry.as_ref().unwrap().count.source(), &json!(5));
    assert_eq!(names(&b.on_error.next), ["noop"]);
    assert_eq!(source(b.safe_rerun.as_ref()), Some(json!(false)));
    // In Mistral too, a false or 0 does not switch a default off.
    assert_eq!(source(b.pause_before.as_ref()), Some(json!(true)));
    // A default leads no task to itself.
    assert_eq!(names(&clean.on_error.next), ["fail"]);
}

#[test]
fn a_reverse_workflow_requires() {
    let workflow = read(
        "version: '2.0'
wf:
  type: reverse
  task-defaults: {requires: [first, a]}
  tasks:
    first: {publish: {x: 1}}
    a: {requires: first}
    b: {requires: [a, c]}
    c: {requires: []}
"
        .replace("c: {requires: []}", "c: {wait-before: 1}")
        .replace("requires: [first, a]", "requires: first")
        .as_str(),
    );
    let requires = |name: &str| {
        let task = &workflow.tasks[name];
        task.requires.iter().map(AsRef::as_ref).collect::<Vec<_>>()
    };
    assert_eq!(workflow.kind, WorkflowKind::Reverse);
    assert!(requires("first").is_empty());
    assert_eq!(requires("a"), ["first"]);
    assert_eq!(requires("b"), ["a", "c", "first"]);
}

#[test]
fn a_join_waits_for_all_one_or_some() {
    let workflow = read(&direct(
        "a: {on-success: [x, y, z, n]}
b: {on-complete: [x, y, z]}
x: {join: all}
y: {join: one}
z: {join: 2}
n: {join: 0}",
    ));
    let join = |name: &str| workflow.tasks[name].join;
    assert_eq!(join("x"), Some(Join::All));
    assert_eq!(join("y"), Some(Join::Count(1)));
    assert_eq!(join("z"), Some(Join::Count(2)));
    assert_eq!(join("n"), None);
}

#[test]
fn a_workbook_has_workflows_and_actions() {
    let workbook = lang::workbook(
        "version: '2.0'
name: book
description: d
tags: [t]
actions:
  greet:
    base: std.echo output=\"hi <% $.who %>\"
    base-input: {delay: 1, output: no}
    input: [who, {loud: false}]
    output: <% $.upper() %>
  plain: {base: std.noop, output: null}
workflows:
  one: {tasks: {t: {action: greet who=\"x\"}}}
  two: {type: reverse, tasks: {t: {workflow: one}}}
",
    )
    .unwrap();
    assert_eq!(workbook.name.as_ref(), "book");
    assert_eq!(workbook.workflows.len(), 2);
    let greet = &workbook.actions["greet"];
    assert_eq!(greet.base.as_ref(), "std.echo");
    assert_eq!(
        source(greet.base_input.as_ref()),
        Some(json!({"delay": 1, "output": "hi <% $.who %>"}))
    );
    assert_eq!(Input::text(&greet.input), "who, loud=false");
    assert_eq!(
        source(greet.output.as_ref()),
        Some(json!("<% $.upper() %>"))
    );
    assert_eq!(workbook.actions["plain"].output, None);
    assert_eq!(workbook.actions["plain"].base_input, None);
}

#[test]
fn aliases_and_merges_mean_what_they_stand_for() {
    let workflow = read(
        "version: '2.0'
wf:
  vars:
    base: &base {a: 1, b: 2}
    all: {<<: *base, b: 3}
    list: {<<: [*base, {c: 4, a: 9}]}
    same: *base
  tasks: {t: {action: std.noop}}
",
    );
    assert_eq!(
        source(workflow.vars.as_ref()),
        Some(json!({
            "base": {"a": 1, "b": 2}, "all": {"a": 1, "b": 3}, "list": {"a": 1, "b": 2, "c": 4},
            "same": {"a": 1, "b": 2}
        }))
    );
}

#[test]
fn a_task_may_have_the_name_of_a_command() {
    let workflow = read(&document("direct", "fail: {on-success: noop}"));
    assert_eq!(names(&workflow.tasks["fail"].on_success.next), ["noop"]);
}
