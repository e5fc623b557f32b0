//! The variables of executions: given in `params`, or those of an environment that they name.

use anyhow::{Result, ensure};
use e2e::client::Client;
use e2e::host::Host;
use e2e::marks::Marks;
use e2e::unique;
use e2e::workflows::json_in;
use reqwest::Method;
use serde_json::{Value, json};

const WORKFLOWS: &str = "
version: '2.0'
above:
  output:
    here: <% env() %>
    below: <% task(call).result.env %>
    jinja: \"{{ env().word }}\"
  tasks:
    call: {workflow: below}
below:
  output: {env: <% env() %>}
  tasks:
    t: {action: std.echo output=<% env().get(word) %>}
";

async fn output(client: &Client, params: Value) -> Result<Value> {
    let ended = client.start("above").params(params).ended().await?;
    ensure!(ended["state"] == "SUCCESS", "{ended}");
    json_in(&ended, "output")
}

async fn put(client: &Client, method: Method, variables: Value) -> Result<()> {
    let body = json!({ "name": "prod", "variables": variables });
    let status = if method == Method::POST { 201 } else { 200 };
    let answer = client.send_json(method, "/v2/environments", &body).await?;
    answer.expect(status).map(drop)
}

#[tokio::test]
async fn variables_hold_for_all_below_whether_given_or_named() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    client.create_workflows(WORKFLOWS).await?;
    let env = json!({ "word": "hey", "twice": "<% env().word %> <% env().word %>" });
    let evaluated = json!({ "word": "hey", "twice": "hey hey" });
    let shows = |env: &Value| json!({ "here": env, "below": env, "jinja": "hey" });
    let given = output(&client, json!({ "env": env })).await?;
    assert_eq!(given, shows(&evaluated));
    let plain = json!({ "env": env, "evaluate_env": false });
    assert_eq!(output(&client, plain).await?, shows(&env));
    put(&client, Method::POST, env).await?;
    let named = output(&client, json!({ "env": "prod" })).await?;
    assert_eq!(named, shows(&evaluated));
    assert!(output(&client, json!({})).await.is_err());

    let unknown = client.start("above").params(json!({ "env": "nope" }));
    assert_eq!(
        unknown.send().await?.fault(400)?,
        "Environment is not found: nope"
    );
    let number = client.start("above").params(json!({ "env": 7 }));
    let words = number.send().await?.fault(400)?;
    assert!(
        words.contains("Unexpected value type for environment"),
        "{words}"
    );
    Ok(())
}

#[tokio::test]
async fn a_named_environment_is_as_it_was_at_the_start_and_private() -> Result<()> {
    let mut host = Host::start().await?;
    let client = host.client()?;
    let held = "version: '2.0'\nheld:\n  output: {word: <% env().word.len() %>}\n  tasks:\n    wait: {action: std.async_noop}";
    client.create_workflows(held).await?;
    let secret = unique("secret");
    put(&client, Method::POST, json!({ "word": secret })).await?;
    let id = client
        .start("held")
        .params(json!({ "env": "prod" }))
        .id()
        .await?;
    let task = client.task_in(&id, "wait", "RUNNING").await?;
    put(&client, Method::PUT, json!({ "word": "" })).await?;

    // Where it is held, one variable is changed, and the others stay.
    client
        .update_execution(&id, json!({ "state": "PAUSED" }))
        .await?;
    let env = json!({ "state": "RUNNING", "params": { "env": { "other": 1 } } });
    client.update_execution(&id, env).await?;
    let mut marks = Marks::default();
    marks.add("a variable", &secret);
    let shown = client.execution(&id).await?;
    assert_eq!(json_in(&shown, "params")?["env"], "prod");
    for path in ["", "/tasks", "/report", "/executions"] {
        let answer = client.get(&format!("/v2/executions/{id}{path}")).await?;
        assert_eq!(marks.found_in(&answer.bytes), Vec::<&str>::new(), "{path}");
    }
    let runs = task["id"].as_str().unwrap_or_default();
    let runs = client
        .get(&format!("/v2/tasks/{runs}/action_executions"))
        .await?;
    let run = e2e::client::id_of(&runs.expect(200)?["action_executions"][0])?;
    let done = json!({ "state": "SUCCESS", "output": {} });
    client
        .update_action_execution(&run, &done)
        .await?
        .expect(200)?;
    let ended = client.ended(&id).await?;
    assert_eq!(json_in(&ended, "output")?, json!({ "word": secret.len() }));

    host.stop().await?;
    assert_eq!(marks.found_in(host.log().as_bytes()), Vec::<&str>::new());
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
