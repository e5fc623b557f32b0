//! The specifications' own tests: one workflow on different clouds, and the private context in all of its actions.

use anyhow::{Context, Result};
use e2e::client::{Client, id_of, result_of};
use e2e::cloud::{Cloud, Tenant};
use e2e::host::{Host, Settings};
use e2e::marks::Marks;
use e2e::workflows::json_in;
use e2e::{guests, unique};
use reqwest::Method;
use serde_json::{Value, json};

/// Makes a stack and lists what there is, in a sub-workflow too.
const STACKS: &str = r#"
version: '2.0'

stacks:
  input: [name, template]
  output:
    here: <% $.here %>
    below: <% $.below %>
  tasks:
    make:
      action: heat.stacks_create
      input:
        stack_name: <% $.name %>
        template: <% $.template %>
      on-success: [list, list_below]
    list:
      action: heat.stacks_list
      publish:
        here: <% task().result.stack_name %>
      on-success: [both]
    list_below:
      workflow: stacks_below
      publish:
        below: <% task().result.names %>
      on-success: [both]
    both:
      join: all
      action: std.noop

stacks_below:
  output:
    names: <% $.names %>
  tasks:
    list:
      action: heat.stacks_list
      publish:
        names: <% task().result.stack_name %>
"#;

async fn output_of(client: &Client, id: &str) -> Result<Value> {
    let execution = client.ended(id).await?;
    anyhow::ensure!(execution["state"] == "SUCCESS", "{execution}");
    json_in(&execution, "output")
}

#[tokio::test]
async fn a_workflow_works_on_another_cloud_than_the_configured_one() -> Result<()> {
    let (home, other) = (Cloud::a()?, Cloud::b()?);
    let (caller, target) = (home.tenant().await?, other.tenant().await?);
    let host = Host::start_with(Settings::new().keystone(&home)).await?;
    let client = host.client()?.with_token(&caller.token().await?.secret);
    client.define(STACKS, "").await?.expect(201)?;

    let name = unique("stack");
    let input = json!({ "name": name, "template": Cloud::template() });
    let id = client
        .start("stacks")
        .input(input)
        .headers(target.target_headers(&target.token().await?))?
        .id()
        .await?;
    let expected = json!({ "here": [name], "below": [name] });
    assert_eq!(output_of(&client, &id).await?, expected);
    // The execution is the caller's, not the target's.
    let execution = client.execution(&id).await?;
    assert_eq!(execution["project_id"], caller.project_id.as_str());
    // And nothing of it is on the caller's own cloud.
    let own = client.run("heat.stacks_list").result().await?;
    assert_eq!(own, json!([]));
    Ok(())
}

#[tokio::test]
async fn simultaneous_executions_of_one_private_workflow_work_on_their_own_clouds() -> Result<()> {
    let (home, other) = (Cloud::a()?, Cloud::b()?);
    let caller = home.tenant().await?;
    // Other clouds, regions, users and tenants.
    let targets: [Tenant; 3] = [
        home.tenant().await?,
        other.tenant().await?,
        other.tenant().await?,
    ];
    let host = Host::start_with(Settings::new().keystone(&home)).await?;
    let client = host.client()?.with_token(&caller.token().await?.secret);
    let made = client.define(STACKS, "").await?.expect(201)?;
    assert_eq!(made["workflows"][0]["scope"], "private");

    let mut started = Vec::new();
    for (number, target) in targets.iter().enumerate() {
        let name = unique("stack");
        let start = client
            .start("stacks")
            .input(json!({ "name": name, "template": Cloud::template() }));
        // A token in headers, and a password in os.auth.
        let start = if number == 0 {
            start.headers(target.target_headers(&target.token().await?))?
        } else {
            start.custom_context(json!({ "os.auth": target.os_auth() }))
        };
        started.push((start.id().await?, name));
    }
    for (id, name) in &started {
        let expected = json!({ "here": [name], "below": [name] });
        assert_eq!(output_of(&client, id).await?, expected);
    }
    Ok(())
}

/// Every kind of task that runs an action.
const CONTEXTS: &str = r#"
version: '2.0'

contexts:
  tasks:
    plain:
      action: probe.context
      on-success: [items, call]
    items:
      with-items: i in [1, 2]
      action: probe.context
    call:
      workflow: contexts_below
      on-success: [again]
    again:
      with-items: i in [1, 2]
      workflow: contexts_below

contexts_below:
  tasks:
    first:
      action: probe.context
      wait-before: 1
      on-success: [second]
    second:
      action: probe.context
"#;

#[tokio::test]
async fn a_custom_context_reaches_every_action_of_every_task_and_sub_workflow() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    client.define(CONTEXTS, "").await?.expect(201)?;
    let tenant = Cloud::a()?.tenant().await?;
    let id = client
        .start("contexts")
        .custom_context(json!({ "ticket": 4711, "os.auth": tenant.os_auth() }))
        .id()
        .await?;
    assert_eq!(client.ended(&id).await?["state"], "SUCCESS");
    let list = client
        .get("/v2/action_executions?include_output=true")
        .await?
        .expect(200)?;
    let runs = list["action_executions"].as_array().context("no list")?;
    assert_eq!(runs.len(), 1 + 2 + 2 + 2 * 2);
    for run in runs {
        let seen = result_of(run)?;
        assert_eq!(seen["custom_context"], json!({ "ticket": 4711 }), "{run}");
        let facts = &seen["facts"];
        assert_eq!(facts["root_execution_id"], id.as_str(), "{facts}");
        assert_eq!(
            facts["task_execution_id"], run["task_execution_id"],
            "{facts}"
        );
        assert_eq!(facts["task_name"], run["task_name"], "{facts}");
    }
    Ok(())
}

/// Looks for the private context wherever an expression reaches.
const SEARCH: &str = r#"
version: '2.0'

search:
  output:
    all: <% $ %>
    execution: <% execution() %>
    openstack: <% $.openstack %>
    env: <% env() %>
    tasks: <% tasks(execution().id) %>
    executions: <% executions() %>
    jinja: "{{ _ }} {{ execution() }}"
  tasks:
    look:
      action: heat.stacks_list
      publish:
        seen: <% [task(), execution(), $] %>
      on-success: [call]
    call:
      workflow: search_below
    
search_below:
  output:
    all: <% [$, execution(), $.openstack] %>
  tasks:
    fail:
      action: std.fail
      on-error: noop
"#;

#[tokio::test]
async fn a_custom_context_is_in_no_log_list_or_expression() -> Result<()> {
    let cloud = Cloud::a()?;
    let tenant = cloud.tenant().await?;
    let settings = Settings::new()
        .keystone(&cloud)
        .set("log", "level", "trace");
    let mut host = Host::start_with(settings).await?;
    let token = tenant.token().await?;
    let client = host.client()?.with_token(&token.secret);
    client.define(SEARCH, "").await?.expect(201)?;
    let context = unique("canary");
    let mut marks = Marks::default();
    marks.add("the custom context", &context);
    marks.add("the password", &tenant.password);
    marks.add("the token", &token.secret);
    let answer = client
        .start("search")
        .custom_context(json!({ "key": context, "os.auth": tenant.os_auth() }))
        .send()
        .await?;
    assert_eq!(marks.found_in(&answer.bytes), Vec::<&str>::new());
    let id = id_of(&answer.expect(201)?)?;
    let execution = client.ended(&id).await?;
    assert_eq!(execution["state"], "SUCCESS", "{execution}");
    assert_eq!(
        json_in(&execution, "custom_context")?,
        json!({ "key": context })
    );
    let mut shown = json_in(&execution, "output")?.to_string();
    for path in [
        "/v2/executions?include_output=true",
        "/v2/tasks",
        "/v2/action_executions?include_output=true",
        &format!("/v2/executions/{id}/tasks"),
        &format!("/v2/executions/{id}/executions?include_output=true"),
        &format!("/v2/executions/{id}/report"),
        "/v2/audit_events",
    ] {
        shown += &client.get(path).await?.text();
    }
    host.stop().await?;
    shown += &host.log();
    assert_eq!(marks.found_in(shown.as_bytes()), Vec::<&str>::new());
    for (path, bytes) in host.files()? {
        assert_eq!(
            marks.found_in(&bytes),
            Vec::<&str>::new(),
            "in {}",
            path.display()
        );
    }
    Ok(())
}

/// Fails on a cloud, and works on it afterwards.
const AGAIN: &str = r#"
version: '2.0'

again:
  output:
    stacks: <% task(below).result.stacks %>
  tasks:
    choose:
      action: <% env().get(act, 'std.fail') %>
      on-success: below
      on-skip: below
    below:
      join: one
      workflow: again_below

again_below:
  output:
    stacks: <% task(list).result.stack_name %>
  tasks:
    list:
      action: heat.stacks_list
"#;

#[tokio::test]
async fn who_goes_on_with_an_ended_execution_gives_its_cloud_again() -> Result<()> {
    let (home, other) = (Cloud::a()?, Cloud::b()?);
    let (caller, target) = (home.tenant().await?, other.tenant().await?);
    let stack = unique("stack");
    let token = target.token().await?;
    other.create_stack(&token, &stack).await?;
    let host = Host::start_with(Settings::new().keystone(&home)).await?;
    let client = host.client()?.with_token(&caller.token().await?.secret);
    client.define(AGAIN, "").await?.expect(201)?;
    let by_headers = e2e::client::headers(target.target_headers(&token))?;
    let os_auth = json!({ "os.auth": target.os_auth() });
    let fixed = json!({ "act": "std.noop" });
    let rerun = json!({ "state": "RUNNING", "reset": true, "env": fixed });
    let skip = json!({ "state": "SKIPPED" });
    for (body, is_by_headers) in [
        (&rerun, true),
        (&rerun, false),
        (&skip, true),
        (&skip, false),
    ] {
        let start = client.start("again").custom_context(os_auth.clone());
        let failed = start.ended().await?;
        assert_eq!(failed["state"], "ERROR", "{failed}");
        let id = id_of(&failed)?;
        let path = format!("/v2/tasks/{}", id_of(&client.task(&id, "choose").await?)?);
        // Never on the caller's own cloud.
        let refused = client.send_json(Method::PUT, &path, body).await?;
        let words = refused.fault(400)?;
        assert!(words.contains("give a target cloud"), "{words}");
        let (mut headers, mut body) = (by_headers.clone(), body.clone());
        if !is_by_headers {
            headers.clear();
            body["custom_context"] = os_auth.clone();
        }
        headers.insert("content-type", "application/json".parse()?);
        let body = Some(serde_json::to_vec(&body)?);
        let answer = client.send(Method::PUT, &path, headers, body).await?;
        answer.expect(200)?;
        assert_eq!(output_of(&client, &id).await?, json!({ "stacks": [stack] }));
    }

    // Neither is it repeated elsewhere.
    let list = client.get("/v2/executions?workflow_name=again&limit=1");
    let source = id_of(&list.await?.expect(200)?["executions"][0])?;
    let again = json!({ "source_execution_id": source, "params": { "env": fixed } });
    let refused = client.send_json(Method::POST, "/v2/executions", &again);
    let words = refused.await?.fault(400)?;
    assert!(words.contains("give a target cloud"), "{words}");
    let mut again = again;
    again["custom_context"] = os_auth;
    let again = client.send_json(Method::POST, "/v2/executions", &again);
    let again = id_of(&again.await?.expect(201)?)?;
    assert_eq!(
        output_of(&client, &again).await?,
        json!({ "stacks": [stack] })
    );
    Ok(())
}

/// Fails beside a task that waits.
const BESIDE: &str = r#"
version: '2.0'

beside:
  tasks:
    wait:
      action: std.async_noop
    choose:
      action: <% env().get(act, 'std.fail') %>
"#;

#[tokio::test]
async fn a_task_of_an_execution_under_way_is_run_again_on_its_cloud() -> Result<()> {
    let (home, other) = (Cloud::a()?, Cloud::b()?);
    let (caller, target) = (home.tenant().await?, other.tenant().await?);
    let stack = unique("stack");
    let token = target.token().await?;
    other.create_stack(&token, &stack).await?;
    let host = Host::start_with(Settings::new().keystone(&home)).await?;
    let client = host.client()?.with_token(&caller.token().await?.secret);
    client.define(BESIDE, "").await?.expect(201)?;
    let start = client
        .start("beside")
        .headers(target.target_headers(&token))?;
    let id = start.id().await?;
    let task = id_of(&client.task_in(&id, "choose", "ERROR").await?)?;
    assert_eq!(client.execution(&id).await?["state"], "RUNNING");
    // The environment can be changed of what is held or has ended alone.
    let path = format!("/v2/executions/{id}");
    let paused = json!({ "state": "PAUSED" });
    let paused = client.send_json(Method::PUT, &path, &paused);
    paused.await?.expect(200)?;
    let env = json!({ "state": "RUNNING", "params": { "env": { "act": "heat.stacks_list" } } });
    client.update_execution(&id, env).await?;
    let rerun = json!({ "state": "RUNNING", "reset": true });
    let path = format!("/v2/tasks/{task}");
    let rerun = client.send_json(Method::PUT, &path, &rerun);
    rerun.await?.expect(200)?;
    client.task_in(&id, "choose", "SUCCESS").await?;
    let result = json_in(&client.task(&id, "choose").await?, "result")?;
    assert_eq!(result[0]["stack_name"], stack, "{result}");
    Ok(())
}
