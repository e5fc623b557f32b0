//! Reverse workflows.

use serde_json::json;

use super::{Outcome, World};
use crate::domain::State;

const TEXT: &str = "version: '2.0'
wf:
  type: reverse
  output: {r: <% $.r %>}
  tasks:
    a: {publish: {x: 1}}
    b: {requires: a, publish: {y: <% $.x + 1 %>}}
    c: {requires: [a]}
    d: {requires: [b, c], publish: {r: <% $.x + $.y %>}}
    other: {requires: a}
";

#[test]
fn what_is_required_runs_first_and_nothing_else() {
    let world = World::with(TEXT, json!({}), json!({"task_name": "d"})).run();
    assert_eq!(world.names(), ["a", "b", "c", "d"]);
    assert_eq!(world.output(), json!({"r": 3}));
}

#[test]
fn a_task_that_fails_keeps_back_what_requires_it() {
    let world = World::with(TEXT, json!({}), json!({"task_name": "d"}))
        .script("b", [Outcome::Failed(json!("x"))])
        .run();
    assert_eq!(world.names(), ["a", "b", "c"]);
    assert_eq!(world.state(), State::Error);
    assert!(
        world
            .state_info()
            .starts_with("Failure caused by error in tasks: b\n")
    );
}

#[test]
fn the_task_to_run_has_to_be_there() {
    let world = World::with(TEXT, json!({}), json!({"task_name": "z"})).run();
    assert!(world.state_info().contains("Invalid task name"));
    let world = World::new(TEXT).run();
    assert!(world.state_info().contains("'task_name'"));
    assert_eq!(world.state(), State::Error);
}
