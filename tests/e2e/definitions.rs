//! Workflows, workbooks and ad-hoc actions: made, looked at, changed, published and deleted, over HTTP.

use anyhow::{Context as _, Result};
use e2e::client::{Client, id_of};
use e2e::cloud::Cloud;
use e2e::host::{Host, Settings};
use e2e::unique;
use e2e::workflows::json_in;
use reqwest::Method;
use serde_json::{Value, json};

const WORKFLOWS: &str = "---
version: '2.0'

greet:
  description: Says hello.
  tags: [friendly, short]
  input:
    - name
    - word: hello
  output:
    said: <% task(say).result %>
  tasks:
    say:
      action: std.echo output=\"<% $.word %> <% $.name %>\"
twice:
  tasks:
    both:
      with-items: name in <% [a, b] %>
      workflow: greet
      input:
        name: <% $.name %>
";

const ACTIONS: &str = "---
version: '2.0'

shout:
  description: Says it twice.
  tags: [loud]
  base: std.echo
  base-input:
    output: <% $.text %><% $.text %><% $.end %>
  input:
    - text
    - end: '!'
  output:
    said: <% $ %>
scream:
  base: shout
  base-input:
    text: <% $.text %>
    end: '!!!'
  input: [text]
";

const WORKBOOK: &str = "---
version: '2.0'
name: kitchen
tags: [home]

actions:
  chop:
    base: std.echo
    base-input:
      output: chopped <% $.what %>
    input: [what]
workflows:
  cook:
    input: [what]
    output:
      dish: <% task(prepare).result.done %>
    tasks:
      prepare:
        workflow: cut what=<% $.what %>
  cut:
    input: [what]
    output:
      done: <% task(chop).result %>
    tasks:
      chop:
        action: chop what=<% $.what %>
";

async fn post(client: &Client, path: &str, document: &str) -> Result<Value> {
    let answer = client.send_text(Method::POST, path, document).await?;
    answer.expect(201)
}

async fn put(client: &Client, path: &str, document: &str) -> Result<Value> {
    let answer = client.send_text(Method::PUT, path, document).await?;
    answer.expect(200)
}

/// The names in a list, in its order.
async fn names(client: &Client, path: &str) -> Result<Vec<String>> {
    let list = client.get(path).await?.expect(200)?;
    let list = list.as_object().context("no object")?;
    let list = list.values().find_map(Value::as_array).context("no list")?;
    let names = list.iter().map(|it| it["name"].as_str().map(str::to_owned));
    names.collect::<Option<_>>().context("no name")
}

/// What an execution of a workflow comes to.
async fn output(client: &Client, workflow: &str, input: Value) -> Result<Value> {
    let ended = client.start(workflow).input(input).ended().await?;
    anyhow::ensure!(ended["state"] == "SUCCESS", "{ended}");
    json_in(&ended, "output")
}

#[tokio::test]
async fn a_document_makes_all_of_its_workflows_or_none() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let made = post(&client, "/v2/workflows", WORKFLOWS).await?;
    let greet = &made["workflows"][0];
    for (member, expected) in [
        ("name", json!("greet")),
        ("namespace", json!("")),
        ("input", json!("name, word=\"hello\"")),
        (
            "interface",
            json!({ "input": ["name", { "word": "hello" }], "output": ["said"] }),
        ),
        ("tags", json!(["friendly", "short"])),
        ("scope", json!("private")),
        ("updated_at", Value::Null),
    ] {
        assert_eq!(greet[member], expected, "{member}");
    }
    let id = id_of(greet)?;
    for reference in ["greet", &id] {
        let shown = client.get(&format!("/v2/workflows/{reference}")).await?;
        let shown = shown.expect(200)?;
        assert_eq!(json_in(&shown, "interface")?, greet["interface"]);
        for member in ["id", "definition", "checksum", "created_at"] {
            assert_eq!(shown[member], greet[member], "{member}");
        }
    }
    assert_eq!(names(&client, "/v2/workflows").await?, ["greet", "twice"]);
    let said = output(&client, "greet", json!({ "name": "ann" })).await?;
    assert_eq!(said, json!({ "said": "hello ann" }));
    output(&client, "twice", json!({})).await?;

    // One name is taken, so that the other is not made.
    let both = "version: '2.0'\nfresh: {tasks: {a: {action: std.noop}}}\ngreet: {tasks: {a: {action: std.noop}}}";
    let refused = client.send_text(Method::POST, "/v2/workflows", both);
    let words = refused.await?.fault(409)?;
    assert!(words.contains("greet"), "{words}");
    client.get("/v2/workflows/fresh").await?.fault(404)?;
    Ok(())
}

#[tokio::test]
async fn a_changed_workflow_keeps_its_id_and_what_runs_its_definition() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let version = |word: &str| {
        format!(
            "version: '2.0'\nflow:\n  output: {{said: {word}}}\n  tasks:\n    wait: {{action: std.async_noop}}"
        )
    };
    let made = post(&client, "/v2/workflows", &version("first")).await?;
    let made = &made["workflows"][0];
    let (id, checksum) = (id_of(made)?, made["checksum"].clone());
    let execution = client.start("flow").id().await?;
    let task = client.task_in(&execution, "wait", "RUNNING").await?;

    let changed = put(&client, "/v2/workflows", &version("second")).await?;
    let changed = &changed["workflows"][0];
    assert_eq!(changed["id"], id.as_str());
    assert_ne!(changed["checksum"], checksum);
    assert!(changed["updated_at"].is_string(), "{changed}");
    let path = format!("/v2/workflows/{id}");
    let renamed = version("third").replace("flow:", "stream:");
    assert_eq!(put(&client, &path, &renamed).await?["name"], "stream");
    client.get("/v2/workflows/flow").await?.fault(404)?;
    let by_query = format!("/v2/workflows?identifier={id}");
    let by_query = put(&client, &by_query, &version("fourth")).await?;
    assert_eq!(by_query["name"], "flow");

    let runs = format!("/v2/tasks/{}/action_executions", id_of(&task)?);
    let run = id_of(&client.get(&runs).await?.expect(200)?["action_executions"][0])?;
    let done = json!({ "state": "SUCCESS", "output": {} });
    let done = client.update_action_execution(&run, &done);
    done.await?.expect(200)?;
    let ended = client.ended(&execution).await?;
    assert_eq!(json_in(&ended, "output")?, json!({ "said": "first" }));

    let unknown = version("x").replace("flow:", "unknown:");
    let refused = client.send_text(Method::PUT, "/v2/workflows", &unknown);
    let words = refused.await?.fault(404)?;
    assert!(words.contains("unknown"), "{words}");
    let two =
        "version: '2.0'\na: {tasks: {t: {action: std.noop}}}\nb: {tasks: {t: {action: std.noop}}}";
    client
        .send_text(Method::PUT, &path, two)
        .await?
        .fault(400)?;
    client.delete("/v2/workflows/flow").await?.expect(204)?;
    client.get(&path).await?.fault(404)?;
    Ok(())
}

#[tokio::test]
async fn a_name_is_of_its_namespace_and_looked_for_in_the_default_one_next() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let document = |word: &str| {
        format!(
            "version: '2.0'\nouter:\n  output: {{said: <% task(call).result.said %>}}\n  tasks:\n    call: {{workflow: inner}}\n\
             inner:\n  output: {{said: {word}}}\n  tasks:\n    t: {{action: std.noop}}"
        )
    };
    client.define(&document("plain"), "").await?.expect(201)?;
    client
        .define(&document("blue"), "blue")
        .await?
        .expect(201)?;
    let only = "version: '2.0'\nonly: {tasks: {t: {action: std.noop}}}";
    client.define(only, "").await?.expect(201)?;
    for (namespace, word) in [("", "plain"), ("blue", "blue"), ("green", "plain")] {
        let path = format!("/v2/workflows/outer?namespace={namespace}");
        let shown = client.get(&path).await?.expect(200)?;
        let expected = if namespace == "blue" { "blue" } else { "" };
        assert_eq!(shown["namespace"], expected, "{namespace}");
        let started = client
            .start("outer")
            .member("workflow_namespace", namespace);
        let ended = started.ended().await?;
        assert_eq!(
            json_in(&ended, "output")?,
            json!({ "said": word }),
            "{namespace}"
        );
        assert_eq!(ended["workflow_namespace"], expected);
    }
    let in_blue = names(&client, "/v2/workflows?namespace=blue").await?;
    assert_eq!(in_blue, ["outer", "inner"]);
    // What is changed or deleted is of the very namespace.
    let path = "/v2/workflows/only?namespace=blue";
    client.get(path).await?.expect(200)?;
    client.delete(path).await?.fault(404)?;
    let path = "/v2/workflows?namespace=blue";
    client
        .send_text(Method::PUT, path, only)
        .await?
        .fault(404)?;
    client
        .delete("/v2/workflows/outer?namespace=blue")
        .await?
        .expect(204)?;
    let left = client.get("/v2/workflows/outer?namespace=blue").await?;
    assert_eq!(left.expect(200)?["namespace"], "");

    // Ad-hoc actions alike; the stock client has the namespace in the path.
    post(&client, "/v2/actions?namespace=blue", ACTIONS).await?;
    client.get("/v2/actions/shout").await?.fault(404)?;
    let shown = client.get("/v2/actions/shout/blue").await?.expect(200)?;
    assert_eq!(shown["namespace"], "blue");
    let run = client.run("shout").input(json!({ "text": "a" }));
    run.send().await?.fault(400)?;
    let run = client.run("shout").input(json!({ "text": "a" }));
    let result = run
        .member("workflow_namespace", json!("blue"))
        .result()
        .await?;
    assert_eq!(result, json!({ "said": "aa!" }));
    client.delete("/v2/actions/shout/blue").await?.expect(204)?;
    Ok(())
}

#[tokio::test]
async fn a_fault_is_told_with_its_line_its_path_and_what_would_be_right() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    for (collection, good, wrong, place, path, remedy) in [
        (
            "workflows",
            WORKFLOWS,
            "version: '2.0'\nflow:\n  tasks:\n    first:\n      action: std.noop\n      on-success: secnd\n    second:\n      action: std.noop\n",
            (6, 19),
            "flow.tasks.first.on-success",
            "did you mean `second`?",
        ),
        (
            "workbooks",
            WORKBOOK,
            "version: '2.0'\nname: book\nworkflows:\n  flow:\n    tasks:\n      a:\n        acton: std.noop\n",
            (7, 9),
            "workflows.flow.tasks.a.acton",
            "did you mean `action`?",
        ),
        (
            "actions",
            ACTIONS,
            "version: '2.0'\nact:\n  bass: std.noop\n",
            (3, 3),
            "act.bass",
            "did you mean `base`?",
        ),
    ] {
        let list = format!("/v2/{collection}");
        let validate = format!("{list}/validate");
        let valid = client.send_text(Method::POST, &validate, good).await?;
        assert_eq!(valid.expect(200)?, json!({ "valid": true }), "{collection}");
        let validity = client.send_text(Method::POST, &validate, wrong).await?;
        let validity = validity.expect(200)?;
        assert_eq!(validity["valid"], false);
        let faults = validity["faults"].as_array().context("no faults")?;
        let fault = faults.iter().find(|fault| fault["path"] == path);
        let fault = fault.with_context(|| format!("no {path} in {validity}"))?;
        assert_eq!(
            (&fault["line"], &fault["column"]),
            (&json!(place.0), &json!(place.1)),
            "{fault}"
        );
        let message = fault["message"].as_str().context("no message")?;
        assert!(message.contains(remedy), "{message}");
        let error = validity["error"].as_str().context("no error")?;
        let line = format!("line {}, column {}: {path}: ", place.0, place.1);
        assert!(
            error.starts_with("Invalid DSL: ") && error.contains(&line),
            "{error}"
        );
        // The same words where it was to be kept.
        for method in [Method::POST, Method::PUT] {
            let refused = client.send_text(method, &list, wrong).await?;
            assert_eq!(refused.fault(400)?, error, "{collection}");
        }
    }
    let nothing: [String; 0] = [];
    assert_eq!(names(&client, "/v2/workflows").await?, nothing);
    for text in [
        "",
        "a: [",
        "just words",
        "version: '2.0'",
        "version: '1.0'\na: {tasks: {t: {action: x}}}",
    ] {
        let refused = client.send_text(Method::POST, "/v2/workflows", text);
        let words = refused.await?.fault(400)?;
        assert!(words.starts_with("Invalid DSL: "), "{text:?}: {words}");
    }
    Ok(())
}

#[tokio::test]
async fn a_workbook_makes_changes_and_deletes_what_it_is_made_of() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let made = post(&client, "/v2/workbooks", WORKBOOK).await?;
    assert_eq!(
        (&made["name"], &made["tags"]),
        (&json!("kitchen"), &json!(["home"]))
    );
    assert_eq!(made["definition"], WORKBOOK);
    assert_eq!(
        names(&client, "/v2/workflows").await?,
        ["kitchen.cook", "kitchen.cut"]
    );
    assert_eq!(
        names(&client, "/v2/actions?name=has:kitchen").await?,
        ["kitchen.chop"]
    );
    let dish = output(&client, "kitchen.cook", json!({ "what": "leek" })).await?;
    assert_eq!(dish, json!({ "dish": "chopped leek" }));
    let chopped = client.run("kitchen.chop").input(json!({ "what": "egg" }));
    assert_eq!(chopped.result().await?, "chopped egg");

    let id = client
        .get("/v2/workflows/kitchen.cook")
        .await?
        .expect(200)?["id"]
        .clone();
    let changed = WORKBOOK
        .replace("chopped <%", "sliced <%")
        .replace("  cut:\n", "  slice:\n")
        .replace("workflow: cut ", "workflow: slice ");
    let changed = put(&client, "/v2/workbooks", &changed).await?;
    assert_eq!(changed["id"], made["id"]);
    assert_eq!(
        client
            .get("/v2/workflows/kitchen.cook")
            .await?
            .expect(200)?["id"],
        id
    );
    client.get("/v2/workflows/kitchen.cut").await?.fault(404)?;
    let dish = output(&client, "kitchen.cook", json!({ "what": "leek" })).await?;
    assert_eq!(dish, json!({ "dish": "sliced leek" }));

    let again = client.send_text(Method::POST, "/v2/workbooks", WORKBOOK);
    again.await?.fault(409)?;
    client.delete("/v2/workbooks/kitchen").await?.expect(204)?;
    for gone in [
        "workbooks/kitchen",
        "workflows/kitchen.cook",
        "actions/kitchen.chop",
    ] {
        client.get(&format!("/v2/{gone}")).await?.fault(404)?;
    }
    Ok(())
}

#[tokio::test]
async fn an_ad_hoc_action_is_run_listed_and_used_as_any_other() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let made = post(&client, "/v2/actions", ACTIONS).await?;
    let shout = &made["actions"][0];
    assert_eq!(shout["input"], "text, end=\"!\"");
    assert_eq!(
        (&shout["is_system"], &shout["tags"]),
        (&json!(false), &json!(["loud"]))
    );
    let id = id_of(shout)?;
    let shown = client
        .get(&format!("/v2/actions/{id}/"))
        .await?
        .expect(200)?;
    assert_eq!(shown["name"], "shout");
    assert_eq!(
        names(&client, "/v2/actions?tags=has:loud").await?,
        ["shout"]
    );

    let said = json!({ "said": "aa!" });
    let run = client.run("shout").input(json!({ "text": "a" }));
    assert_eq!(run.result().await?, said);
    let run = client.run("shout").input(json!({ "text": "a" })).saved();
    let run = client.completed(&id_of(&run.created().await?)?).await?;
    assert_eq!(
        (&run["name"], &run["state"]),
        (&json!("shout"), &json!("SUCCESS"))
    );
    assert_eq!(e2e::client::result_of(&run)?, said);
    assert_eq!(json_in(&run, "input")?, json!({ "text": "a", "end": "!" }));
    let run = client.run("scream").input(json!({ "text": "b" }));
    assert_eq!(run.result().await?, json!({ "said": "bb!!!" }));
    let words = client.run("shout").input(json!({ "txt": "a" })).send();
    let words = words.await?.fault(400)?;
    assert!(
        words.contains("Invalid input [name=shout") && words.contains("text"),
        "{words}"
    );
    let flow = "version: '2.0'\nflow:\n  output: {all: <% task(t).result.said %>}\n  tasks:\n    t:\n      \
                with-items: c in <% [x, y] %>\n      action: shout text=<% $.c %> end='?'";
    post(&client, "/v2/workflows", flow).await?;
    assert_eq!(
        output(&client, "flow", json!({})).await?,
        json!({ "all": ["xx?", "yy?"] })
    );

    let circle = "version: '2.0'\nshout: {base: scream}";
    let refused = client.send_text(Method::PUT, "/v2/actions", circle);
    let words = refused.await?.fault(400)?;
    assert!(
        words.contains("cycle") && words.contains("shout"),
        "{words}"
    );
    let path = format!("/v2/actions/{id}");
    let changed = put(&client, &path, "version: '2.0'\nshout: {base: std.noop}").await?;
    assert_eq!(changed["actions"][0]["id"], id.as_str());
    assert_eq!(client.run("shout").result().await?, Value::Null);
    for (action, status) in [("std.echo", 403), ("nobody.knows", 404)] {
        client
            .delete(&format!("/v2/actions/{action}/"))
            .await?
            .fault(status)?;
    }
    client.delete("/v2/actions/shout").await?.expect(204)?;
    client.run("shout").send().await?.fault(400)?;
    Ok(())
}

#[tokio::test]
async fn a_list_is_filtered_sorted_and_paged() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    post(&client, "/v2/workflows", WORKFLOWS).await?;
    post(&client, "/v2/workbooks", WORKBOOK).await?;
    for (query, expected) in [
        ("tags=has:friendly", &["greet"][..]),
        ("name=twice", &["twice"]),
        (
            "name=in:twice,greet&sort_keys=name&sort_dirs=desc",
            &["twice", "greet"],
        ),
        ("name=has:kitchen", &["kitchen.cook", "kitchen.cut"]),
        ("scope=public", &[]),
        ("input=has:word", &["greet"]),
        ("limit=1&sort_keys=name", &["greet"]),
    ] {
        let found = names(&client, &format!("/v2/workflows?{query}")).await?;
        assert_eq!(found, expected, "{query}");
    }
    let page = client
        .get("/v2/workflows?limit=3&fields=name")
        .await?
        .expect(200)?;
    assert_eq!(
        page["workflows"][0].as_object().map(serde_json::Map::len),
        Some(2)
    );
    let next = page["next"].as_str().context("no next page")?;
    let (_, next) = next.split_once("/v2/").context("no path")?;
    assert_eq!(
        names(&client, &format!("/v2/{next}")).await?,
        ["kitchen.cut"]
    );
    let words = client.get("/v2/workflows?colour=red").await?.fault(400)?;
    assert!(words.contains("Unknown argument: \"colour\""), "{words}");
    Ok(())
}

#[tokio::test]
async fn what_an_admin_publishes_everybody_uses_and_nobody_else_changes() -> Result<()> {
    let cloud = Cloud::a()?;
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let mut clients = Vec::new();
    for role in ["admin", "member", "member"] {
        let tenant = cloud.tenant_with(&[role]).await?;
        clients.push(host.client()?.with_token(&tenant.token().await?.secret));
    }
    let [admin, member, other] = &clients[..] else {
        anyhow::bail!("three tenants have three clients");
    };
    let name = unique("flow").replace('-', "_");
    let flow = format!("version: '2.0'\n{name}: {{tasks: {{t: {{action: {name}_act}}}}}}");
    let action = format!("version: '2.0'\n{name}_act: {{base: std.noop}}");
    let book = format!(
        "version: '2.0'\nname: {name}_book\nworkflows: {{flow: {{tasks: {{t: {{action: std.noop}}}}}}}}"
    );
    for (collection, document, reference) in [
        ("workflows", &flow, name.clone()),
        ("actions", &action, format!("{name}_act")),
        ("workbooks", &book, format!("{name}_book")),
    ] {
        let (list, one) = (
            format!("/v2/{collection}"),
            format!("/v2/{collection}/{reference}"),
        );
        let public = format!("{list}?scope=public");
        let refused = member.send_text(Method::POST, &public, document).await?;
        let words = refused.fault(403)?;
        assert!(words.contains("Operation forbidden"), "{words}");
        post(admin, &list, document).await?;
        member.get(&one).await?.fault(404)?;
        put(admin, &public, document).await?;
        assert_eq!(member.get(&one).await?.expect(200)?["scope"], "public");
        let found = names(member, &format!("{list}?name={reference}")).await?;
        assert_eq!(found, [reference.as_str()]);
        let changed = member.send_text(Method::PUT, &list, document).await?;
        changed.fault(404)?;
        member.delete(&one).await?.fault(404)?;
    }
    // What runs is the caller's.
    let id = member.start(&name).id().await?;
    assert_eq!(member.ended(&id).await?["state"], "SUCCESS");
    for (client, is_seen) in [(member, true), (other, false), (admin, false)] {
        let list = client.get("/v2/executions").await?;
        assert_eq!(list.text().contains(&id), is_seen);
    }
    let book = format!("{name}_book.flow");
    assert_eq!(other.start(&book).ended().await?["state"], "SUCCESS");
    // One's own comes before the public one.
    let own = format!(
        "version: '2.0'\n{name}: {{output: {{of: other}}, tasks: {{t: {{action: std.noop}}}}}}"
    );
    post(other, "/v2/workflows", &own).await?;
    assert_eq!(
        output(other, &name, json!({})).await?,
        json!({ "of": "other" })
    );
    Ok(())
}
