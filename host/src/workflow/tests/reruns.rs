//! Tasks that are run again or skipped.

use serde_json::{Value, json};

use super::{Outcome, World};
use crate::{domain::State, workflow::Event};

fn failed() -> Outcome {
    Outcome::Failed(json!("x"))
}

#[test]
fn a_failed_task_is_run_again_and_the_execution_goes_on() {
    let mut world = World::new(
        "version: '2.0'
wf:
  output: {r: <% task(a).result %>}
  tasks:
    a: {on-success: b, retry: {count: 1, delay: 1}}
    b: {action: std.noop}
",
    )
    .script("a", [failed(), failed(), failed(), Outcome::Done(json!(1))])
    .run();
    assert_eq!(world.state(), State::Error);
    let task = world.task("a").id;
    world.send(Event::Rerun { task, reset: true });
    assert_eq!(world.started.len(), 5);
    assert_eq!(world.state(), State::Success);
    assert_eq!(world.output(), json!({"r": 1}));
    assert_eq!(world.root().run, 1);
}

#[test]
fn only_the_items_that_failed_are_run_again_without_reset() {
    let text = "version: '2.0'
wf:
  output: {r: <% task(a).result %>}
  tasks:
    a: {with-items: 'i in <% [1, 2, 3] %>', concurrency: 1, action: std.echo, input: {output: <% $.i %>}}
";
    for (reset, runs, result) in [(false, 4, json!([1, 9, 3])), (true, 6, json!([9, 9, 9]))] {
        let first = [Outcome::Done(json!(1)), failed(), Outcome::Done(json!(3))];
        let mut world = World::new(text)
            .script("a", first)
            .script("a", vec![Outcome::Done(json!(9)); 3])
            .run();
        let task = world.task("a").id;
        world.send(Event::Rerun { task, reset });
        assert_eq!(world.started.len(), runs);
        assert_eq!(world.output(), json!({ "r": result }));
    }
}

#[test]
fn a_skipped_task_leads_on_as_the_definition_says() {
    for (clauses, expected) in [
        (
            "on-skip: c, on-success: b, publish-on-skip: {p: s}",
            vec!["a", "c"],
        ),
        ("on-success: b", vec!["a", "b"]),
        (
            "on-skip: [{c: <% false %>}], on-success: b, on-complete: c",
            vec!["a", "b"],
        ),
    ] {
        let text = format!(
            "version: '2.0'\nwf:\n  tasks:\n    a: {{{clauses}}}\n    b: {{action: std.noop}}\n    c: {{action: std.noop}}\n"
        );
        let mut world = World::new(&text).script("a", [failed()]);
        world.deliver(world.root, &Event::Start);
        for action in std::mem::take(&mut world.under_way) {
            let ended = if *action.task == *"a" {
                State::Error
            } else {
                State::Success
            };
            let ended = super::world::ended(ended, &json!("x"), 0);
            world.deliver(world.root, &Event::ChildEnded(action.id, ended));
        }
        let before = world.names().len();
        let task = world.task("a").id;
        world.send(Event::Skip { task });
        let a = world.task("a");
        assert_eq!(a.state, State::Skipped);
        assert_eq!(a.state_info.as_deref(), Some("Task was skipped."));
        let _ = before;
        for name in expected {
            assert!(world.names().contains(&name), "{clauses}: {name}");
        }
        assert_eq!(world.state(), State::Success);
    }
}

#[test]
fn what_the_end_of_the_execution_cut_off_is_run_again_with_it() {
    let mut world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {on-error: fail}
    slow: {action: std.async_noop, on-success: after}
    after: {action: std.noop}
",
    )
    .script("a", [Outcome::Pending])
    .script("slow", [Outcome::Pending, Outcome::Done(Value::Null)])
    .run();
    world.end("a", failed());
    assert_eq!(world.state(), State::Error);
    assert_eq!(world.task("slow").state, State::Cancelled);
    let task = world.task("a").id;
    world.send(Event::Rerun { task, reset: true });
    assert_eq!(world.state(), State::Success);
    assert_eq!(world.names(), ["a", "slow", "after"]);
}

#[test]
fn only_tasks_that_failed_are_run_again() {
    let mut world = World::new("version: '2.0'\nwf:\n  tasks:\n    a: {action: std.noop}\n").run();
    let task = world.task("a").id;
    world.send(Event::Rerun { task, reset: true });
    world.send(Event::Skip { task });
    assert_eq!(world.state(), State::Success);
    assert_eq!(world.started.len(), 1);
}

#[test]
fn a_cancelled_task_is_run_again() {
    let mut world = World::new("version: '2.0'\nwf:\n  tasks:\n    a: {action: std.noop}\n")
        .script("a", [Outcome::Cancelled])
        .run();
    assert_eq!(world.state(), State::Cancelled);
    let task = world.task("a").id;
    world.send(Event::Rerun { task, reset: true });
    assert_eq!(world.state(), State::Success);
}

#[test]
fn a_sub_workflow_that_was_cut_off_is_begun_anew_or_goes_on_by_its_own_task() {
    let text = "version: '2.0'
wf:
  tasks:
    a: {workflow: sub}
    b: {on-error: fail}
sub:
  tasks:
    s: {action: std.noop}
";
    let world = || {
        let mut world = World::new(text)
            .script("b", [Outcome::Pending])
            .script("s", [Outcome::Pending])
            .run();
        world.end("b", failed());
        assert_eq!(world.task("a").state, State::Cancelled);
        assert_eq!(world.execution(world.subs()[0]).state, State::Cancelled);
        world
    };
    let mut from_above = world();
    let task = from_above.task("b").id;
    from_above.send(Event::Rerun { task, reset: true });
    assert_eq!(from_above.state(), State::Success);
    assert_eq!(from_above.subs().len(), 2);

    let mut from_below = world();
    let sub = from_below.subs()[0];
    let task = *from_below.executions[&sub].tasks.keys().next().unwrap();
    from_below.send_to(sub, Event::Rerun { task, reset: true });
    assert_eq!(from_below.subs().len(), 1);
    assert_eq!(from_below.execution(sub).state, State::Success);
    // Nobody ran the task again that failed.
    assert_eq!(from_below.task("a").state, State::Success);
    assert_eq!(from_below.task("b").state, State::Error);
}
