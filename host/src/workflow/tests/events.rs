//! Events out of turn, and what people ask of an execution.

use serde_json::{Value, json};
use std::sync::Arc;

use super::{Outcome, World};
use crate::{
    domain::{State, Timestamp},
    workflow::Event,
};

const SLOW: &str = "version: '2.0'
wf:
  tasks:
    a: {action: std.async_noop, on-success: b}
    b: {action: std.noop}
";

#[test]
fn what_ends_while_the_execution_is_held_is_followed_when_it_is_resumed() {
    let mut world = World::new(SLOW).script("a", [Outcome::Pending]).run();
    world.send(Event::Pause);
    world.end("a", Outcome::Done(Value::Null));
    assert_eq!(world.states(), [("a", State::Success)]);
    assert!(!world.task("a").processed);
    world.send(Event::Resume);
    assert_eq!(
        world.states(),
        [("a", State::Success), ("b", State::Success)]
    );
}

#[test]
fn an_execution_that_was_held_before_it_began_begins_when_it_is_resumed() {
    let mut world = World::new(SLOW);
    world.send(Event::Pause);
    world.send(Event::Start);
    assert!(world.names().is_empty());
    world.send(Event::Resume);
    assert_eq!(world.state(), State::Success);
}

#[test]
fn a_caller_ends_an_execution() {
    for (state, output) in [
        (State::Success, json!({})),
        (State::Error, json!({"result": "so"})),
        (State::Cancelled, json!({"result": "so"})),
    ] {
        let mut world = World::new(SLOW).script("a", [Outcome::Pending]).run();
        world.send(Event::Stop(state, Some("so".to_owned())));
        assert_eq!(world.state(), state);
        assert_eq!(world.state_info(), "so");
        assert_eq!(world.output(), output);
        assert_eq!(world.task("a").state, State::Cancelled);
        world.send(Event::Resume);
        world.send(Event::Pause);
        world.send(Event::Stop(State::Success, None));
        assert_eq!(world.state(), state);
    }
}

#[test]
fn an_execution_ends_at_its_deadline() {
    let mut world = World::new(SLOW).script("a", [Outcome::Pending]).run();
    let deadline = Timestamp::from_unix_ms(world.now + 10_000);
    let root = world.executions.get_mut(&world.root).unwrap();
    Arc::make_mut(&mut root.execution).deadline = Some(deadline);
    world.send(Event::DeadlinePassed);
    assert_eq!(world.state(), State::Running);
    world.now += 10_000;
    world.send(Event::DeadlinePassed);
    assert_eq!(world.state(), State::Error);
    assert!(world.state_info().contains("deadline has passed"));
}

#[test]
fn an_action_that_is_held_holds_its_task_and_the_execution() {
    let mut world = World::new(SLOW).script("a", [Outcome::Pending]).run();
    let id = world.pending[0].id;
    world.send(Event::ChildMoved(id, State::Paused, 0));
    assert_eq!(world.task("a").state, State::Paused);
    assert_eq!(world.state(), State::Paused);
    world.send(Event::ChildMoved(id, State::Running, 0));
    assert_eq!(world.task("a").state, State::Running);
    assert_eq!(world.state(), State::Running);
    world.end("a", Outcome::Done(Value::Null));
    assert_eq!(world.state(), State::Success);
}

#[test]
fn a_cancelled_action_cancels_its_task_and_the_execution() {
    let mut world = World::new(SLOW).script("a", [Outcome::Pending]).run();
    world.end("a", Outcome::Cancelled);
    assert_eq!(world.states(), [("a", State::Cancelled)]);
    assert_eq!(world.state_info(), "Cancelled tasks: a");
}

#[test]
fn what_nobody_knows_changes_nothing() {
    let other = World::new(SLOW).run();
    let mut world = World::new(SLOW).script("a", [Outcome::Pending]).run();
    let unknown = other.task("b").id;
    world.send(Event::Rerun {
        task: unknown,
        reset: true,
    });
    world.send(Event::Skip { task: unknown });
    let ended = super::world::ended(State::Success, &Value::Null, 0);
    let stranger = crate::workflow::ChildId::Workflow(other.root);
    world.send(Event::ChildEnded(stranger, ended));
    assert_eq!(world.states(), [("a", State::Running)]);
}
