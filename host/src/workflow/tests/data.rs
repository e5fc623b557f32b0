//! What expressions see.

use serde_json::json;

use super::{Outcome, World};
use crate::{
    domain::State,
    workflow::{Draft, context::Context},
};

#[test]
fn expressions_see_the_execution_its_environment_and_its_tasks() {
    let world = World::new(
        "version: '2.0'
wf:
  tasks:
    a:
      action: std.echo
      input:
        env: <% env().region %>
        who: <% $.openstack.project_id %>
        id: <% execution().id %>
        name: <% execution().name %>
        none: <% task(b) %>
",
    )
    .env(json!({"region": "r"}))
    .run();
    let id = world.root.to_string();
    assert_eq!(
        world.inputs(),
        [json!({
            "env": "r", "who": "p", "id": id, "name": "wf", "none": null
        })]
    );
    let draft = Draft::new(&world.executions[&world.root]);
    let variables = draft.variables(Some(world.task("a")), None, &Context::default());
    let own = json!({"id": world.task("a").id.to_string(), "name": "a"});
    assert_eq!(variables.get("__task_execution"), Some(&own));
    assert_eq!(variables.get("__execution"), Some(&json!({ "id": id })));
    assert_eq!(variables.get("__env"), Some(&json!({"region": "r"})));
}

#[test]
fn globals_are_seen_by_all_and_merged() {
    let world = World::new(
        "version: '2.0'
wf:
  vars: {g: {v: 0, w: 0}}
  output: {g: <% $.g %>, f: <% global(g) %>}
  tasks:
    a:
      on-success:
        publish: {global: {g: {v: 1}}}
        next: b
    b:
      on-complete:
        publish: {atomic: {g: {x: 2}}, branch: {mine: 1}}
",
    )
    .run();
    let g = json!({"v": 1, "w": 0, "x": 2});
    assert_eq!(world.output(), json!({"g": g, "f": g}));
    assert_eq!(
        world.root().published_global.as_str(),
        r#"{"g":{"v":1,"x":2}}"#
    );
    assert_eq!(
        world.task("b").published_global.as_str(),
        r#"{"g":{"x":2}}"#
    );
    assert_eq!(world.task("b").published.as_str(), r#"{"mine":1}"#);
}

#[test]
fn variables_are_evaluated_once() {
    let world = World::new(
        "version: '2.0'
wf:
  vars: {id: <% uuid() %>}
  tasks:
    a: {action: std.echo, input: {output: <% $.id %>}, on-success: b}
    b: {action: std.echo, input: {output: <% $.id %>}}
",
    )
    .run();
    let inputs = world.inputs();
    assert_eq!(inputs[0], inputs[1]);
    assert!(inputs[0]["output"].is_string());
}

#[test]
fn results_of_other_tasks_are_asked_for_by_name() {
    let world = World::new(
        "version: '2.0'
wf:
  output: {r: <% task(a).result %>, s: <% task(a).state %>, all: <% tasks(here) %>}
  tasks:
    a: {on-success: b}
    b: {action: std.noop}
",
    )
    .script("a", [Outcome::Done(json!([1, 2]))])
    .run();
    let output = world.output();
    assert_eq!(output["r"], json!([1, 2]));
    assert_eq!(output["s"], json!("SUCCESS"));
    assert!(output["all"].as_str().unwrap().contains("here"));
}

#[test]
fn results_that_are_not_kept_are_gone_after_they_were_published() {
    let world = World::new(
        "version: '2.0'
wf:
  output: {r: <% task(a).result %>, p: <% $.p %>}
  tasks:
    a: {keep-result: false, publish: {p: <% task().result %>}}
",
    )
    .script("a", [Outcome::Done(json!("big"))])
    .run();
    assert_eq!(world.output(), json!({"r": null, "p": "big"}));
    assert_eq!(world.forgotten, [world.started[0].id]);
}

#[test]
fn names_of_actions_are_computed_and_the_environment_has_defaults_for_them() {
    let world = World::with(
        "version: '2.0'
wf:
  input: [name]
  tasks:
    a: {action: <% $.name %>, input: {x: 1}, on-success: b}
    b: {action: std.http, input: {url: u}, safe-rerun: true}
",
        json!({"name": "std.echo"}),
        json!({}),
    )
    .env(json!({"__actions": {"std.http": {"url": "v", "timeout": 5}}}))
    .run();
    assert_eq!(world.started[0].name, "std.echo");
    assert_eq!(world.started[1].input, json!({"url": "u", "timeout": 5}));
    assert_eq!(world.started[1].safe_rerun, Some(true));
}

#[test]
fn input_that_is_no_object_is_refused() {
    let world = World::new(
        "version: '2.0'
wf:
  tasks:
    a: {action: std.echo, input: '<% [1] %>'}
",
    )
    .run();
    assert_eq!(world.state(), State::Error);
    assert!(world.state_info().contains("Dict type is expected"));
}

const ACTIONS: &str = "version: '2.0'
my.shout:
  input: [what, {mark: '!'}]
  base: my.say
  base-input: {words: <% $.what %>, mark: <% $.mark %>, seen: <% $.published %>}
  output: {shouted: <% $ %>}
my.say:
  input: [words, mark, seen]
  base: std.echo
  base-input: {output: [<% $.words %>, <% $.mark %>, <% $.seen %>]}
  output: {said: <% $ %>}
my.one: {base: my.two}
my.two: {base: my.one}
my.lost: {base: my.missing}
my.plain: {base: std.echo, input: [output]}
";

#[test]
fn an_ad_hoc_action_prepares_the_input_of_its_base() {
    let world = World::new(
        "version: '2.0'
wf:
  vars: {published: p}
  tasks:
    a: {action: my.shout, input: {what: hey}}
",
    )
    .actions(ACTIONS)
    .run();
    let action = &world.started[0];
    assert_eq!((&*action.name, &*action.base), ("my.shout", "std.echo"));
    assert_eq!(action.input, json!({"output": ["hey", "!", "p"]}));
    assert_eq!(
        action.output,
        [json!({"said": "<% $ %>"}), json!({"shouted": "<% $ %>"})]
    );
}

#[test]
fn a_wrong_use_of_an_ad_hoc_action_fails_its_task() {
    for (task, message) in [
        (
            "{action: my.shout, input: {why: 1}}",
            "Invalid input [name=my.shout, class=AdHocAction, missing=['what'], unexpected=['why']]",
        ),
        (
            "{action: my.one}",
            "Found a cycle in an ad-hoc action chain [action_name=my.one, duplicate_action_name=my.one]",
        ),
        (
            "{action: my.lost}",
            "Failed to find base action [action_name=my.missing namespace=] ",
        ),
    ] {
        let text = format!("version: '2.0'\nwf:\n  tasks:\n    a: {task}\n");
        let world = World::new(&text).actions(ACTIONS).run();
        assert_eq!(world.task("a").state_info.as_deref(), Some(message));
        assert_eq!(world.state(), State::Error);
    }
}

#[test]
fn what_is_published_has_a_most_size_and_depth() {
    let text = "version: '2.0'
wf:
  input: [x]
  tasks:
    a: {publish: {y: ['<% $.x %>']}}
";
    let mut world = World::with(text, json!({"x": "0123456789"}), json!({}));
    world.limits.field_bytes = 10;
    let world = world.run();
    assert_eq!(world.state(), State::Error);
    assert!(
        world
            .state_info()
            .contains("Size of 'published' is 20 bytes")
    );

    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let world = World::with(text, json!({ "x": deep }), json!({})).run();
    assert_eq!(world.state(), State::Error);
}
