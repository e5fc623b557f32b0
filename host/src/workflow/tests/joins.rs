//! Joins.

use serde_json::{Value, json};

use super::{Outcome, World};
use crate::{domain::State, workflow::Event};

#[test]
fn a_join_of_all_sees_what_every_branch_published() {
    let world = World::new(
        "version: '2.0'
wf:
  output: {s: <% $.s %>, t: <% $.t %>, x: <% $.x %>}
  tasks:
    a: {publish: {x: 0}, on-success: [b, c]}
    b: {publish: {s: 1}, on-success: j}
    c: {publish: {t: 2, x: 3}, on-success: j}
    j: {join: all}
",
    )
    .run();
    assert_eq!(world.names(), ["a", "b", "c", "j"]);
    assert_eq!(world.output(), json!({"s": 1, "t": 2, "x": 3}));
    assert_eq!(world.task("j").inbound.len(), 2);
}

#[test]
fn a_join_of_one_runs_once() {
    let world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {publish: {x: a}, on-success: j}
    b: {publish: {x: b}, on-success: j}
    j: {join: one, action: std.echo, input: {output: <% $.x %>}}
",
    )
    .run();
    assert_eq!(world.names(), ["a", "b", "j"]);
    assert_eq!(world.started.len(), 3);
    assert_eq!(world.started[2].input, json!({"output": "a"}));
    assert!(world.task("j").inbound[1].is_late);
}

#[test]
fn a_join_of_two_out_of_three_waits_for_two() {
    let mut world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {on-success: j}
    b: {on-success: j}
    c: {action: std.async_noop, on-success: j}
    j: {join: 2}
",
    )
    .script("b", [Outcome::Pending])
    .script("c", [Outcome::Pending])
    .run();
    assert_eq!(world.task("j").state, State::Waiting);
    assert_eq!(
        world.task("j").state_info.as_deref(),
        Some("Task is waiting.")
    );
    world.end("c", Outcome::Done(Value::Null));
    assert_eq!(world.task("j").state, State::Success);
    assert_eq!(world.state(), State::Running);
    world.end("b", Outcome::Done(Value::Null));
    assert_eq!(world.state(), State::Success);
}

#[test]
fn a_join_that_can_no_longer_begin_ends_in_error() {
    let world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {on-success: j}
    b: {on-success: [{j: <% false %>}]}
    c: {on-error: d}
    d: {on-success: j}
    j: {join: all, on-error: after}
    after: {action: std.noop}
",
    )
    .run();
    let j = world.task("j");
    assert_eq!(j.state, State::Error);
    assert_eq!(j.state_info.as_deref(), Some("Failed by tasks: ['b']"));
    assert_eq!(world.task("after").state, State::Success);
    assert_eq!(world.state(), State::Success);
}

#[test]
fn a_join_waits_for_a_path_that_is_not_there_yet() {
    let world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {on-success: j}
    b: {on-success: c}
    c: {on-success: d}
    d: {on-success: j}
    j: {join: all}
",
    )
    .run();
    assert_eq!(world.names(), ["a", "b", "j", "c", "d"]);
    assert_eq!(world.state(), State::Success);
}

#[test]
fn a_join_that_is_never_reached_is_never_made() {
    let world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {on-error: j}
    b: {on-error: j}
    j: {join: all}
",
    )
    .run();
    assert_eq!(world.names(), ["a", "b"]);
    assert_eq!(world.state(), State::Success);
}

#[test]
fn joins_that_wait_for_each_other_end() {
    let world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {on-success: [j, k]}
    j: {join: all, on-success: k}
    k: {join: all, on-success: j}
",
    )
    .run();
    assert_eq!(world.state(), State::Error);
    assert_eq!(world.task("j").state, State::Error);
    assert_eq!(world.task("k").state, State::Error);
}

#[test]
fn a_join_in_a_loop_begins_anew() {
    let world = World::new(
        "version: '2.0'
wf:
  output: {i: <% $.i %>}
  tasks:
    begin: {publish: {i: 0}, on-success: fork}
    fork: {publish: {i: <% $.i + 1 %>}, on-success: [left, right]}
    left: {on-success: j}
    right: {on-success: j}
    j: {join: all, on-success: [{fork: <% $.i < 3 %>}]}
",
    )
    .run();
    let joins = world.names().iter().filter(|name| **name == "j").count();
    assert_eq!(joins, 3);
    assert_eq!(world.output(), json!({"i": 3}));
}

#[test]
fn a_join_over_two_hundred_branches_begins_once() {
    let mut text = String::from("version: '2.0'\nwf:\n  tasks:\n    j: {join: all}\n");
    for i in 0..200 {
        text.push_str(&format!(
            "    b{i}: {{publish: {{v{i}: {i}}}, on-success: j}}\n"
        ));
    }
    let mut world = World::new(&text);
    world.is_quick = true;
    let world = world.run();
    assert_eq!(world.names().len(), 201);
    assert_eq!(world.output().as_object().unwrap().len(), 200);
}

#[test]
fn a_join_that_is_complete_while_the_execution_is_held_begins_when_it_is_resumed() {
    let mut world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {on-success: j}
    b: {action: std.async_noop, on-success: j}
    j: {join: all}
",
    )
    .script("b", [Outcome::Pending])
    .run();
    world.send(Event::Pause);
    world.end("b", Outcome::Done(Value::Null));
    assert_eq!(world.task("j").state, State::Waiting);
    world.send(Event::Resume);
    assert_eq!(world.task("j").state, State::Success);
    assert_eq!(world.state(), State::Success);
}

#[test]
fn a_task_whose_rerun_reaches_a_failed_join_lets_it_begin() {
    let mut world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {on-success: j}
    b: {on-success: j}
    j: {join: all}
",
    )
    .script("b", [Outcome::Failed(json!("x"))])
    .run();
    assert_eq!(world.task("j").state, State::Error);
    let task = world.task("b").id;
    world.send(Event::Rerun { task, reset: true });
    assert_eq!(world.task("j").state, State::Success);
    assert_eq!(world.state(), State::Success);
}

#[test]
fn a_failed_join_may_lead_to_what_lets_it_begin() {
    let world = World::new(
        "version: '2.0'
wf:
  tasks:
    begin: {on-success: [a, b]}
    a: {publish: {a: 1}, on-success: j}
    b: {publish: {b: '<% $.get(mended, no) %>'}, on-success: j, on-error: noop}
    j: {join: all, on-error: mend, publish: {j: <% $.a %>}}
    mend: {publish: {mended: 'yes'}, on-success: b}
",
    )
    .script(
        "b",
        [Outcome::Failed(json!("x")), Outcome::Done(Value::Null)],
    )
    .run();
    assert_eq!(world.names(), ["begin", "a", "b", "j", "mend", "b"]);
    assert_eq!(world.task("j").state, State::Success);
    let output = world.output();
    for (name, value) in [("a", 1.into()), ("b", json!("yes")), ("j", 1.into())] {
        assert_eq!(output[name], value, "{output}");
    }
}
