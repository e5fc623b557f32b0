//! Sub-workflows.

use serde_json::{Value, json};

use super::{Outcome, World};
use crate::{domain::State, workflow::Event};

const TEXT: &str = "version: '2.0'
wf:
  output: {r: <% task(a).result %>}
  tasks:
    a: {workflow: sub, input: {x: 1, extra: 2}, on-success: b}
    b: {action: std.noop}
sub:
  input: [x, {y: 5}]
  output: {sum: <% $.x + $.y %>}
  tasks:
    s: {action: std.echo, on-success: t}
    t: {action: std.noop}
";

#[test]
fn a_sub_workflow_gets_its_input_and_gives_its_output() {
    let world = World::new(TEXT).run();
    let [sub] = world.subs()[..] else {
        panic!("one sub-workflow")
    };
    let sub = world.execution(sub);
    assert_eq!(sub.input.as_str(), r#"{"x":1,"y":5}"#);
    assert_eq!(sub.params.as_str(), r#"{"extra":2}"#);
    assert_eq!(world.output(), json!({"r": {"sum": 6}}));
    assert_eq!(world.names(), ["a", "b"]);
}

#[test]
fn a_sub_workflow_that_fails_fails_its_task_with_its_reason() {
    let world = World::new(TEXT)
        .script("s", [Outcome::Failed(json!("x"))])
        .run();
    assert_eq!(world.state(), State::Error);
    let a = world.task("a");
    let info = a.state_info.as_deref().unwrap();
    assert!(info.starts_with("Failure caused by error in tasks: s\n"));
    assert!(world.state_info().contains("[wf_ex_id="));
}

#[test]
fn what_the_task_lacks_or_does_not_find_fails_it() {
    for (task, message) in [
        (
            "{workflow: sub}",
            "Invalid input [name=sub, class=WorkflowSpec, missing=['x']]",
        ),
        (
            "{workflow: nowhere}",
            "Failed to find workflow [name=nowhere] [namespace=]",
        ),
    ] {
        let text = TEXT.replace(
            "{workflow: sub, input: {x: 1, extra: 2}, on-success: b}",
            task,
        );
        let world = World::new(&text).run();
        assert_eq!(world.task("a").state_info.as_deref(), Some(message));
    }
}

#[test]
fn a_sub_workflow_may_not_lie_endlessly_deep() {
    let mut world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {workflow: wf}
",
    );
    world.limits.depth = 4;
    let world = world.run();
    assert_eq!(world.executions.len(), 5);
    assert_eq!(world.state(), State::Error);
    assert!(world.state_info().contains("[engine] depth = 4"));
}

#[test]
fn holding_and_resuming_reach_below() {
    let mut world = World::new(TEXT).script("s", [Outcome::Pending]).run();
    let sub = world.subs()[0];
    world.send(Event::Pause);
    assert_eq!(world.execution(sub).state, State::Paused);
    assert_eq!(world.task("a").state, State::Paused);
    world.end("s", Outcome::Done(Value::Null));
    assert_eq!(world.executions[&sub].tasks.len(), 1);
    world.send(Event::Resume);
    assert_eq!(world.execution(sub).state, State::Success);
    assert_eq!(world.state(), State::Success);
}

#[test]
fn holding_and_resuming_reach_above() {
    let mut world = World::new(TEXT).script("s", [Outcome::Pending]).run();
    let sub = world.subs()[0];
    world.send_to(sub, Event::Pause);
    assert_eq!(world.state(), State::Paused);
    assert_eq!(world.task("a").state, State::Paused);
    world.send_to(sub, Event::Resume);
    assert_eq!(world.state(), State::Running);
    assert_eq!(world.task("a").state, State::Running);
    world.end("s", Outcome::Done(Value::Null));
    assert_eq!(world.state(), State::Success);
}

#[test]
fn cancelling_reaches_below_and_above() {
    let mut world = World::new(TEXT).script("s", [Outcome::Pending]).run();
    let sub = world.subs()[0];
    world.send(Event::Stop(State::Cancelled, Some("enough".to_owned())));
    assert_eq!(world.execution(sub).state, State::Cancelled);
    assert_eq!(world.state_info(), "enough");
    assert!(world.pending.is_empty());

    let mut world = World::new(TEXT).script("s", [Outcome::Pending]).run();
    let sub = world.subs()[0];
    world.send_to(sub, Event::Stop(State::Cancelled, None));
    assert_eq!(world.task("a").state, State::Cancelled);
    assert_eq!(world.state(), State::Cancelled);
}

#[test]
fn a_task_of_a_sub_workflow_that_is_run_again_lets_all_above_go_on() {
    let mut world = World::new(TEXT)
        .script("s", [Outcome::Failed(json!("x"))])
        .run();
    assert_eq!(world.state(), State::Error);
    let sub = world.subs()[0];
    let task = *world.executions[&sub].tasks.keys().next().unwrap();
    world.send_to(sub, Event::Rerun { task, reset: true });
    assert_eq!(world.execution(sub).state, State::Success);
    assert_eq!(world.state(), State::Success);
    assert_eq!(world.names(), ["a", "b"]);
    assert_eq!(world.output(), json!({"r": {"sum": 6}}));
}

#[test]
fn late_news_of_an_earlier_run_of_a_sub_workflow_change_nothing() {
    let mut world = World::new(TEXT)
        .script("s", [Outcome::Failed(json!("x")), Outcome::Pending])
        .run();
    let sub = world.subs()[0];
    let task = *world.executions[&sub].tasks.keys().next().unwrap();
    world.send_to(sub, Event::Rerun { task, reset: true });
    assert_eq!(world.state(), State::Running);
    let child = crate::workflow::ChildId::Workflow(sub);
    let late = super::world::ended(State::Error, &json!({"result": "x"}), 0);
    world.send(Event::ChildEnded(child, late));
    assert_eq!(world.state(), State::Running);
    world.end("s", Outcome::Done(Value::Null));
    assert_eq!(world.state(), State::Success);
    world.send(Event::ChildMoved(child, State::Running, 1));
    assert_eq!(world.state(), State::Success);
}

#[test]
fn sub_workflows_of_items_run_beside_each_other() {
    let text = TEXT
        .replace("a: {", "a: {with-items: 'i in <% [1, 2] %>', ")
        .replace("x: 1", "x: <% $.i %>");
    let world = World::new(&text).run();
    assert_eq!(world.output(), json!({"r": [{"sum": 6}, {"sum": 7}]}));
}
