//! `with-items`.

use serde_json::{Value, json};

use super::{Action, Outcome, World};
use crate::{domain::State, workflow::Event};

#[test]
fn each_item_has_its_run_and_the_results_are_in_order() {
    let world = World::new(
        "version: '2.0'
wf:
  vars: {xs: [1, 2, 3], ys: [a, b, c]}
  output: {r: <% task(a).result %>}
  tasks:
    a:
      with-items: [x in <% $.xs %>, y in <% $.ys %>]
      action: std.echo
      input: {output: <% $.x %>, also: <% $.y %>}
",
    )
    .script("a", [1, 2, 3].map(|i| Outcome::Done(json!(i * 10))))
    .run();
    assert_eq!(
        world.inputs(),
        [(1, "a"), (2, "b"), (3, "c")].map(|(x, y)| json!({"output": x, "also": y}))
    );
    let places: Vec<_> = world.started.iter().map(|action| action.index).collect();
    assert_eq!(places, [Some(0), Some(1), Some(2)]);
    assert_eq!(world.output(), json!({"r": [10, 20, 30]}));
}

#[test]
fn concurrency_is_the_most_under_way() {
    let mut world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {with-items: 'i in <% [1, 2, 3, 4, 5] %>', concurrency: 2, action: std.async_noop}
",
    )
    .script("a", vec![Outcome::Pending; 5])
    .run();
    for ended in 0..5 {
        assert_eq!(world.started.len(), 5.min(2 + ended));
        assert_eq!(world.task("a").state, State::Running);
        world.end("a", Outcome::Done(Value::Null));
    }
    assert_eq!(world.state(), State::Success);
}

#[test]
fn one_item_that_fails_fails_the_task_when_all_have_ended() {
    let world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {with-items: 'i in <% [1, 2, 3] %>', concurrency: 1, action: std.echo}
",
    )
    .script("a", [Outcome::Failed(json!("x"))])
    .run();
    assert_eq!(world.started.len(), 3);
    let info = world.task("a").state_info.as_deref();
    assert_eq!(info, Some("One or more actions had failed."));
    assert!(world.state_info().contains("idx=0]: x\n"));
}

#[test]
fn one_item_that_is_cancelled_cancels_the_task_and_the_execution() {
    let mut world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {with-items: 'i in <% [1, 2, 3] %>', action: std.async_noop, on-complete: b}
    b: {action: std.noop}
",
    )
    .script("a", vec![Outcome::Pending; 3])
    .run();
    world.end("a", Outcome::Cancelled);
    assert!(world.pending.is_empty());
    assert_eq!(world.states(), [("a", State::Cancelled)]);
    assert_eq!(world.state(), State::Cancelled);
    assert_eq!(world.state_info(), "Cancelled tasks: a");
    assert_eq!(world.output(), json!({"result": "Cancelled tasks: a"}));
}

#[test]
fn no_items_are_an_end() {
    let world = World::new(
        "version: '2.0'
wf:
  output: {r: <% task(a).result %>}
  tasks:
    a: {with-items: 'i in <% [] %>', action: std.echo}
",
    )
    .run();
    assert_eq!(world.output(), json!({"r": []}));
}

#[test]
fn lists_of_other_lengths_and_what_is_no_list_are_refused() {
    for (items, message) in [
        (
            "['x in <% [1, 2] %>', 'y in <% [1] %>']",
            "All arrays must have the same length",
        ),
        ("'x in <% 7 %>'", "Iterable type is expected"),
    ] {
        let text = format!(
            "version: '2.0'\nwf:\n  tasks:\n    a: {{with-items: {items}, action: std.noop}}\n"
        );
        let world = World::new(&text).run();
        assert_eq!(world.state(), State::Error);
        assert!(
            world.state_info().contains(message),
            "{}",
            world.state_info()
        );
    }
}

#[test]
fn what_is_left_of_the_items_is_begun_when_a_held_execution_is_resumed() {
    let mut world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {with-items: 'i in <% [1, 2, 3] %>', concurrency: 1, action: std.async_noop}
",
    )
    .script("a", vec![Outcome::Pending; 3])
    .run();
    world.send(Event::Pause);
    world.end("a", Outcome::Done(Value::Null));
    assert_eq!(world.started.len(), 1);
    world.send(Event::Resume);
    assert_eq!(world.started.len(), 2);
    world.end("a", Outcome::Done(Value::Null));
    world.end("a", Outcome::Done(Value::Null));
    assert_eq!(world.state(), State::Success);
}

#[test]
fn what_a_commit_has_no_room_for_is_begun_after_it() {
    let mut world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {with-items: 'i in <% [1, 2, 3, 4, 5] %>', action: std.async_noop}
    b: {action: std.async_noop, on-success: [d, e, f]}
    c: {with-items: 'i in <% [1, 2, 3] %>', concurrency: 2, action: std.async_noop}
    d: {action: std.async_noop}
    e: {action: std.async_noop}
    f: {action: std.async_noop}
",
    )
    .script("a", vec![Outcome::Pending; 5])
    .script("b", vec![Outcome::Pending])
    .script("c", vec![Outcome::Pending; 3])
    .script("d", vec![Outcome::Pending])
    .script("e", vec![Outcome::Pending])
    .script("f", vec![Outcome::Pending]);
    world.limits.begins = 2;
    let mut world = world.run();
    let begun = |world: &World, task: &str| {
        let of_task = |action: &&Action| *action.task == *task;
        world.started.iter().filter(of_task).count()
    };
    assert_eq!(["a", "b", "c"].map(|task| begun(&world, task)), [5, 1, 2]);
    world.end("b", Outcome::Done(Value::Null));
    assert_eq!(["d", "e", "f"].map(|task| begun(&world, task)), [1, 1, 1]);
    for task in ["a", "a", "a", "a", "a", "c", "c", "c", "d", "e", "f"] {
        assert_eq!(world.state(), State::Running);
        world.end(task, Outcome::Done(Value::Null));
    }
    assert_eq!(world.state(), State::Success);
}

#[test]
fn a_thousand_items_end() {
    let items: Vec<u32> = (0..1000).collect();
    let text = "version: '2.0'
wf:
  input: [items]
  tasks:
    a: {with-items: 'i in <% $.items %>', concurrency: 10, action: std.echo}
";
    let mut world = World::with(text, json!({"items": items}), json!({}));
    world.is_quick = true;
    let world = world.run();
    assert_eq!(world.started.len(), 1000);
    assert_eq!(world.state(), State::Success);
}
