//! Direct workflows: what follows what, and how executions end.

use serde_json::{Value, json};

use super::{Outcome, World};
use crate::domain::State;

#[test]
fn tasks_follow_each_other() {
    let world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {action: std.echo, input: {output: 1}, on-success: b}
    b: {on-success: [c]}
    c: {action: std.noop}
",
    )
    .run();
    assert_eq!(world.state(), State::Success);
    assert_eq!(world.names(), ["a", "b", "c"]);
    assert_eq!(world.output(), json!({}));
    assert_eq!(world.started[0].name, "std.echo");
    assert_eq!(world.started[0].input, json!({"output": 1}));
    assert_eq!(world.started[1].name, "std.noop");
}

#[test]
fn what_is_published_reaches_the_tasks_after_it_and_the_output() {
    let world = World::with(
        "version: '2.0'
wf:
  input: [who, {greeting: hello}]
  vars: {both: <% $.greeting %>}
  output: {said: <% $.said %>, both: <% $.both %>, who: <% $.who %>}
  tasks:
    a: {action: std.echo, input: {output: <% $.who %>}, publish: {said: <% task().result %>}, on-success: b}
    b: {action: std.echo, input: {output: <% $.said %>}}
",
        json!({"who": "you"}),
        json!({}),
    )
    .script("a", [Outcome::Done(json!("hi"))])
    .run();
    assert_eq!(
        world.inputs(),
        [json!({"output": "you"}), json!({"output": "hi"})]
    );
    assert_eq!(
        world.output(),
        json!({"said": "hi", "both": "hello", "who": "you"})
    );
}

#[test]
fn without_an_output_all_that_was_published_is_it() {
    let world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {publish: {x: 1}, on-success: [b, c]}
    b: {publish: {y: 2}}
    c: {publish: {z: 3}}
",
    )
    .run();
    assert_eq!(world.output(), json!({"x": 1, "y": 2, "z": 3}));
}

#[test]
fn an_error_that_nothing_handles_fails_the_execution_when_all_have_ended() {
    let world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {on-success: never, on-complete: after}
    b: {on-success: more}
    never: {action: std.noop}
    after: {action: std.noop}
    more: {action: std.noop}
",
    )
    .script("a", [Outcome::Failed(json!("no luck"))])
    .run();
    assert_eq!(world.state(), State::Error);
    assert_eq!(world.names(), ["a", "b", "after", "more"]);
    let a = world.task("a");
    assert_eq!(a.state_info.as_deref(), Some("no luck"));
    let action = world.started[0].id;
    let crate::workflow::ChildId::Action(action) = action else {
        panic!("a runs an action")
    };
    let expected = format!(
        "Failure caused by error in tasks: a\n\n  a [task_ex_id={}] -> no luck\n    \
         [action_ex_id={action}, idx=0]: no luck\n",
        a.id
    );
    assert_eq!(world.state_info(), expected);
    assert_eq!(world.output(), json!({ "result": expected }));
}

#[test]
fn an_error_is_handled_by_on_error() {
    let world = World::new(
        "version: '2.0'
wf:
  output: {was: <% $.was %>}
  tasks:
    a:
      action: std.fail
      publish-on-error: {was: <% task().result %>}
      on-error: b
    b: {action: std.noop}
",
    )
    .script("a", [Outcome::Failed(json!({"code": 7}))])
    .run();
    assert_eq!(world.state(), State::Success);
    assert_eq!(world.states(), [("a", State::Error), ("b", State::Success)]);
    assert_eq!(world.task("a").state_info.as_deref(), Some("{'code': 7}"));
    assert_eq!(world.output(), json!({"was": {"code": 7}}));
}

#[test]
fn a_guard_decides_and_an_error_whose_guards_do_not_hold_is_not_handled() {
    let text = "version: '2.0'
wf:
  input: [way]
  tasks:
    a:
      on-success: [{b: <% $.way = 1 %>}, {c: <% $.way = 2 %>}]
      on-error: [{b: <% $.way = 1 %>}]
    b: {action: std.noop}
    c: {action: std.noop}
";
    let world = World::with(text, json!({"way": 2}), json!({})).run();
    assert_eq!(world.names(), ["a", "c"]);
    let failed = Outcome::Failed(Value::Null);
    let world = World::with(text, json!({"way": 2}), json!({}))
        .script("a", [failed])
        .run();
    assert_eq!(world.state(), State::Error);
}

#[test]
fn on_success_comes_before_on_complete() {
    let world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {on-complete: [c], on-success: [b]}
    b: {action: std.noop}
    c: {action: std.noop}
",
    )
    .run();
    assert_eq!(world.names(), ["a", "b", "c"]);
}

#[test]
fn a_task_may_run_again_in_a_loop() {
    let world = World::new(
        "version: '2.0'
wf:
  output: {i: <% $.i %>}
  tasks:
    begin: {publish: {i: 0}, on-success: count}
    count: {publish: {i: <% $.i + 1 %>}, on-success: [{count: <% $.i < 5 %>}]}
",
    )
    .run();
    assert_eq!(world.names().len(), 6);
    assert_eq!(world.output(), json!({"i": 5}));
}

#[test]
fn an_endless_loop_ends_at_the_limit() {
    let mut world = World::new(
        "version: '2.0'
wf:
  tasks:
    begin: {on-success: count}
    count: {with-items: 'i in <% [] %>', on-success: count}
",
    );
    world.limits.tasks = 50;
    let world = world.run();
    assert_eq!(world.state(), State::Error);
    assert_eq!(world.names().len(), 50);
    assert!(world.state_info().contains("tasks_per_execution = 50"));
}

#[test]
fn ten_thousand_tasks_follow_each_other_without_recursion() {
    let mut text = String::from("version: '2.0'\nwf:\n  tasks:\n");
    for i in 0..2000 {
        text.push_str(&format!("    t{i}: {{on-success: t{}}}\n", i + 1));
    }
    text.push_str("    t2000: {publish: {x: <% $.y %>}}\n");
    let mut world = World::new(&text.replace("t0: {", "t0: {publish: {y: 1}, "));
    world.is_quick = true;
    let world = world.run();
    assert_eq!(world.output(), json!({"x": 1, "y": 1}));
}

#[test]
fn a_fault_of_an_expression_fails_task_and_execution() {
    for (text, doing) in [
        (
            "a: {action: std.echo, input: {output: <% $.nothing %>}}",
            "run task",
        ),
        (
            "a: {publish: {x: <% $.nothing %>}}",
            "handle action completion",
        ),
        (
            "a: {on-success: [{b: <% $.nothing %>}]}",
            "handle action completion",
        ),
        ("a: {action: std.missing}", "run task"),
    ] {
        let text =
            format!("version: '2.0'\nwf:\n  tasks:\n    {text}\n    b: {{action: std.noop}}\n");
        let world = World::new(&text).run();
        assert_eq!(world.state(), State::Error, "{text}");
        assert_eq!(world.task("a").state, State::Error);
        let begins = format!("Failed to {doing} [error=");
        assert!(
            world.state_info().starts_with(&begins),
            "{}",
            world.state_info()
        );
    }
}

#[test]
fn output_on_error_is_told_beside_the_reason() {
    let world = World::new(
        "version: '2.0'
wf:
  output-on-error: {seen: <% $.seen %>}
  tasks:
    a: {publish: {seen: 1}, on-success: fail}
",
    )
    .run();
    assert_eq!(world.output(), json!({"result": null, "seen": 1}));
}

#[test]
fn an_output_without_a_value_fails_the_execution() {
    let world = World::new(
        "version: '2.0'
wf:
  output: {seen: <% $.nothing %>}
  tasks: {a: {action: std.noop}}
",
    )
    .run();
    assert_eq!(world.state(), State::Error);
    assert!(
        world
            .state_info()
            .starts_with("Failed to check and complete")
    );
}
