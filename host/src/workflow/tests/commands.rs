//! The commands of the engine among what follows.

use serde_json::json;

use super::{Outcome, World};
use crate::{domain::State, workflow::Event};

fn world(on_success: &str) -> World {
    World::new(&format!(
        "version: '2.0'
wf:
  tasks:
    a: {{on-success: {on_success}}}
    slow: {{action: std.async_noop}}
    b: {{action: std.noop}}
    c: {{action: std.noop}}
"
    ))
    .script("slow", [Outcome::Pending])
}

#[test]
fn fail_ends_the_execution_and_cuts_off_what_is_under_way() {
    let world = world("[b, {fail: <% true %>}, c]").run();
    assert_eq!(world.state(), State::Error);
    assert_eq!(
        world.states(),
        [
            ("a", State::Success),
            ("slow", State::Cancelled),
            ("b", State::Cancelled),
        ]
    );
    assert_eq!(world.output(), json!({"result": null}));
}

#[test]
fn fail_and_succeed_say_their_message() {
    let world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {publish: {x: 1}, on-success: [fail msg=<% $.x %>]}
",
    )
    .run();
    assert_eq!(world.state(), State::Error);
    assert_eq!(world.state_info(), "1");
    let world = world_of("succeed msg='well done'").run();
    assert_eq!(world.state(), State::Success);
    assert_eq!(world.state_info(), "well done");
}

fn world_of(command: &str) -> World {
    World::new(&format!(
        "version: '2.0'\nwf:\n  tasks:\n    a: {{on-success: [\"{command}\"]}}\n"
    ))
}

#[test]
fn a_handled_error_needs_no_task() {
    let world = World::new("version: '2.0'\nwf:\n  tasks:\n    a: {on-error: noop}\n")
        .script("a", [Outcome::Failed(json!(1))])
        .run();
    assert_eq!(world.state(), State::Success);
}

#[test]
fn a_command_comes_before_a_task_with_its_name() {
    let world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {on-success: [fail]}
    fail: {action: std.noop}
",
    )
    .run();
    assert_eq!(world.names(), ["a"]);
    assert_eq!(world.state(), State::Error);
}

#[test]
fn pause_holds_what_comes_after_it_until_the_execution_is_resumed() {
    let mut world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {on-success: [b, pause, c]}
    b: {on-success: d}
    c: {action: std.noop}
    d: {action: std.noop}
",
    )
    .run();
    assert_eq!(world.state(), State::Paused);
    assert_eq!(world.names(), ["a", "b"]);
    assert_eq!(world.task("b").state, State::Success);
    world.send(Event::Resume);
    assert_eq!(world.names(), ["a", "b", "c", "d"]);
    assert_eq!(world.state(), State::Success);
}
