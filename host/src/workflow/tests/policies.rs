//! The policies of tasks.

use serde_json::{Value, json};

use super::{Outcome, World};
use crate::{domain::State, workflow::Event};

fn one(policies: &str) -> World {
    World::new(&format!(
        "version: '2.0'\nwf:\n  tasks:\n    a:\n      action: std.echo\n      {}\n",
        policies.replace('\n', "\n      ")
    ))
}

fn failed() -> Outcome {
    Outcome::Failed(json!("x"))
}

#[test]
fn wait_before_delays_the_run() {
    let mut world = one("wait-before: 5");
    world.deliver(world.root, &Event::Start);
    let a = world.task("a");
    assert_eq!(a.state, State::Delayed);
    let info = a.state_info.as_deref();
    assert_eq!(info, Some("Delayed by 'wait-before' policy [delay=5]"));
    let begin = world.now;
    world.go_on();
    assert_eq!(world.state(), State::Success);
    assert_eq!(world.now - begin, 5000);
}

#[test]
fn wait_after_delays_the_end_once_and_keeps_its_reason() {
    let world = one("wait-after: 3\nretry: {count: 1, delay: 2}")
        .script("a", [failed(), failed()])
        .run();
    assert_eq!(world.now, 1_000_000 + 5000);
    assert_eq!(world.task("a").state_info.as_deref(), Some("x"));
    assert_eq!(world.state(), State::Error);
}

#[test]
fn retry_tries_again_so_often() {
    let world = one("retry: {count: 2, delay: 1}\npublish: {r: <% task().result %>}")
        .script("a", [failed(), failed(), Outcome::Done(json!(1))])
        .run();
    assert_eq!(world.started.len(), 3);
    assert_eq!(world.output(), json!({"r": 1}));
    assert_eq!(world.task("a").policies.retries, 2);
    let world = one("retry: {count: 2, delay: 0}")
        .script("a", vec![failed(); 3])
        .run();
    assert_eq!(world.started.len(), 3);
    assert_eq!(world.state(), State::Error);
}

#[test]
fn break_on_stops_trying_and_continue_on_goes_on() {
    let world = one("retry: {count: 5, delay: 1, break-on: <% $.n = 2 %>}
publish-on-error: {n: <% task().result %>}")
    .script("a", [1, 2].map(|n| Outcome::Failed(json!(n))))
    .run();
    assert_eq!(world.started.len(), 2);
    let world = one("retry: {count: 5, delay: 1, continue-on: <% $.n < 3 %>}
publish: {n: <% task().result %>}")
    .script("a", [1, 2, 3, 4].map(|n| Outcome::Done(json!(n))))
    .run();
    assert_eq!(world.started.len(), 3);
    assert_eq!(world.output(), json!({"n": 3}));
}

#[test]
fn timeout_ends_the_task_and_its_run() {
    let mut world = one("timeout: 4").script("a", [Outcome::Pending]).run();
    assert_eq!(world.started[0].timeout_secs, Some(4));
    world.pass(3);
    assert_eq!(world.state(), State::Running);
    world.pass(1);
    let info = world.task("a").state_info.as_deref();
    assert_eq!(info, Some("Task timed out [timeout(s)=4]."));
    assert!(world.pending.is_empty());
    assert_eq!(world.state(), State::Error);
}

#[test]
fn timeout_holds_for_all_tries_until_it_is_used_up() {
    let mut world = one("timeout: 10\nretry: {count: 5, delay: 3}")
        .script(
            "a",
            [failed(), failed(), Outcome::Pending, Outcome::Pending],
        )
        .run();
    let left: Vec<_> = world
        .started
        .iter()
        .map(|action| action.timeout_secs)
        .collect();
    assert_eq!(left, [Some(10), Some(7), Some(4)]);
    world.pass(4);
    assert_eq!(world.started[3].timeout_secs, Some(10));
    world.end("a", Outcome::Done(Value::Null));
    assert_eq!(world.state(), State::Success);
}

#[test]
fn the_end_of_a_run_that_timed_out_comes_too_late() {
    let mut world = one("timeout: 4\nretry: {count: 1, delay: 1}")
        .script("a", [Outcome::Pending, Outcome::Pending])
        .run();
    let late = world.pending[0].id;
    world.pass(5);
    assert_eq!(world.started.len(), 2);
    let ended = super::world::ended(State::Success, &json!("late"), 0);
    world.send(Event::ChildEnded(late, ended));
    assert_eq!(world.task("a").state, State::Running);
    world.end("a", Outcome::Done(json!("in time")));
    assert_eq!(world.state(), State::Success);
}

#[test]
fn pause_before_holds_the_execution_until_it_is_resumed() {
    let mut world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {pause-before: true, wait-before: 5, on-success: b}
    b: {action: std.noop}
    c: {on-success: d}
    d: {action: std.noop}
",
    )
    .run();
    assert_eq!(world.state(), State::Paused);
    let a = world.task("a");
    assert_eq!(a.state, State::Idle);
    assert_eq!(
        a.state_info.as_deref(),
        Some("Set by 'pause-before' policy")
    );
    world.send(Event::Resume);
    assert_eq!(world.state(), State::Success);
    assert_eq!(world.names(), ["a", "c", "b", "d"]);
}

#[test]
fn fail_on_turns_success_into_error_and_may_be_retried() {
    let world = one("fail-on: <% task().result = 0 %>\nretry: {count: 3, delay: 1}")
        .script("a", [0, 0, 1].map(|n| Outcome::Done(json!(n))))
        .run();
    assert_eq!(world.started.len(), 3);
    assert_eq!(world.state(), State::Success);
    let world = one("fail-on: true").run();
    let info = world.task("a").state_info.as_deref();
    assert_eq!(info, Some("Failed by 'fail-on' policy"));
}

#[test]
fn a_timeout_in_wait_before_may_be_retried() {
    let world = one("wait-before: 2\ntimeout: 1\nretry: {count: 1, delay: 0}").run();
    assert_eq!(world.state(), State::Success);
    assert_eq!(world.started.len(), 1);
}

#[test]
fn policies_are_evaluated_and_what_is_no_number_is_refused() {
    let world = one("wait-before: <% 1 + 1 %>\nwait-after: <% 3 %>").run();
    assert_eq!(world.now, 1_000_000 + 5000);
    let world = one("wait-before: <% \"x\" %>").run();
    assert_eq!(world.state(), State::Error);
    assert!(
        world
            .state_info()
            .contains("'wait-before' is to be a whole number of seconds")
    );
}

#[test]
fn times_that_come_while_the_execution_is_held_count_when_it_is_resumed() {
    let mut world = one("retry: {count: 1, delay: 5}");
    world.deliver(world.root, &Event::Start);
    let id = world.started[0].id;
    let ended = super::world::ended(State::Error, &json!("x"), 0);
    world.deliver(world.root, &Event::ChildEnded(id, ended));
    world.under_way.clear();
    world.deliver(world.root, &Event::Pause);
    world.pass(6);
    assert_eq!(world.task("a").state, State::Delayed);
    assert_eq!(world.started.len(), 1);
    world.send(Event::Resume);
    assert_eq!(world.started.len(), 2);
    assert_eq!(world.state(), State::Success);
}

#[test]
fn with_items_are_tried_again_as_a_whole() {
    let world = World::new(
        "version: '2.0'
wf:
  output: {r: <% task(a).result %>}
  tasks:
    a:
      with-items: i in <% [1, 2] %>
      action: std.echo
      concurrency: 1
      retry: {count: 1, delay: 1}
",
    )
    .script(
        "a",
        [
            failed(),
            Outcome::Done(json!(0)),
            Outcome::Done(json!(1)),
            Outcome::Done(json!(2)),
        ],
    )
    .run();
    assert_eq!(world.started.len(), 4);
    assert_eq!(world.output(), json!({"r": [1, 2]}));
}
