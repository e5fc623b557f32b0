//! Our own command line over definitions, executions and tasks, with what Mistral's has not: watching and drawing.

use anyhow::{Context as _, Result};
use e2e::TextFile;
use e2e::client::Client;
use e2e::host::Host;
use e2e::mistral::Mistral;
use serde_json::{Value, json};

const FLOWS: &str = "version: '2.0'
greet:
  tags: [friendly]
  input:
    - name
    - word: hello
  output:
    said: <% task(say).result %>
    place: <% env().get(place) %>
  tasks:
    say:
      action: std.echo output=\"<% $.word %> <% $.name %>\"
      publish:
        said: <% task().result %>
      on-success:
        publish:
          global:
            heard: <% task().result %>
        next: noop
above:
  tasks:
    call:
      workflow: greet name='below'
held:
  tasks:
    wait:
      action: std.async_noop
      on-success: after
    after:
      action: std.noop
chosen:
  tasks:
    choose:
      action: <% env().get(act, 'std.fail') %>
      on-success: well
      on-skip: left_out
    well:
      action: std.noop
    left_out:
      action: std.noop
";

const ACTIONS: &str = "version: '2.0'
shout:
  base: std.echo
  base-input:
    output: <% $.text %>!
  input: [text]
";

const BOOK: &str = "version: '2.0'
name: book
workflows:
  first:
    tasks:
      only:
        action: std.noop
";

fn parsed(printed: &str) -> Result<Value> {
    serde_json::from_str(printed).with_context(|| printed.to_owned())
}

/// The command line of one host.
struct Line {
    mistral: Mistral,
    client: Client,
    _host: Host,
}

impl Line {
    async fn start() -> Result<Self> {
        let host = Host::start().await?;
        Ok(Self {
            mistral: Mistral::new(&host),
            client: host.client()?,
            _host: host,
        })
    }

    /// What `zonda` printed, its arguments separated by spaces; a `$` is each of `values` in turn.
    async fn run(&self, command: &str, values: &[&str]) -> Result<String> {
        let mut values = values.iter();
        let mut arguments = Vec::new();
        for word in command.split(' ') {
            arguments.push(match word {
                "$" => values.next().context("too few values")?,
                word => word,
            });
        }
        self.mistral.zonda(&arguments).await
    }

    /// The same, as JSON.
    async fn json(&self, command: &str, values: &[&str]) -> Result<Value> {
        parsed(&self.run(&format!("{command} -f json"), values).await?)
    }

    /// What a command complained of.
    async fn complaint(&self, command: &str, values: &[&str]) -> Result<String> {
        let refused = self.run(command, values).await;
        Ok(refused.err().context("it succeeded")?.to_string())
    }

    /// The id of a new execution.
    async fn created(&self, command: &str, values: &[&str]) -> Result<String> {
        let created = self
            .json(&format!("execution create {command}"), values)
            .await?;
        e2e::client::id_of(&created)
    }
}

/// The values of a column of a list.
fn column<'a>(rows: &'a Value, name: &str) -> Vec<&'a str> {
    let rows = rows.as_array().into_iter().flatten();
    rows.filter_map(|row| row[name].as_str()).collect()
}

#[tokio::test]
async fn definitions_of_every_kind_are_made_shown_changed_and_deleted() -> Result<()> {
    let line = Line::start().await?;
    for (noun, document, names, fault) in [
        (
            "workflow",
            FLOWS,
            &["greet", "above", "held", "chosen"][..],
            ("action: std.async_noop", "acton: std.async_noop"),
        ),
        (
            "action",
            ACTIONS,
            &["shout"],
            ("base-input:", "base-inptu:"),
        ),
        ("workbook", BOOK, &["book"], ("action:", "acton:")),
    ] {
        let file = TextFile::new(document)?;
        let valid = format!("{noun} validate $");
        let valid = line.run(&valid, &[file.path()]).await?;
        assert_eq!(valid.trim(), "valid");
        let faulty = TextFile::new(&document.replace(fault.0, fault.1))?;
        for command in ["validate", "create"] {
            let command = format!("{noun} {command} $");
            let words = line.complaint(&command, &[faulty.path()]).await?;
            let right = fault.0.split(':').next().unwrap_or_default();
            for part in ["line ", &format!("did you mean `{right}`?")] {
                assert!(words.contains(part), "{noun}: no {part} in {words}");
            }
        }

        let made = line
            .json(&format!("{noun} create $"), &[file.path()])
            .await?;
        if made.is_array() {
            assert_eq!(column(&made, "name"), names);
        } else {
            assert_eq!(made["name"], names[0]);
        }
        let within = format!("{noun} create $ --namespace there");
        line.run(&within, &[file.path()]).await?;
        let name = names[0];
        let list = format!("{noun} list --filter name={name}");
        let list = line.json(&list, &[]).await?;
        assert_eq!(column(&list, "name"), [name, name], "{list}");
        let shown = format!("{noun} show $ --namespace there");
        let shown = line.json(&shown, &[name]).await?;
        assert_eq!(shown["namespace"], "there");
        let definition = line.run(&format!("{noun} definition $"), &[name]).await?;
        let again = TextFile::new(&definition)?;
        let valid = format!("{noun} validate $");
        let valid = line.run(&valid, &[again.path()]).await?;
        assert!(definition.contains(name) && valid.trim() == "valid");
        line.run(
            &format!("{noun} update $ --namespace there"),
            &[file.path()],
        )
        .await?;
        line.run(&format!("{noun} delete $ --namespace there"), &[name])
            .await?;
        line.run(&format!("{noun} update $"), &[file.path()])
            .await?;
        line.run(&format!("{noun} delete $"), &[name]).await?;
        let words = line.complaint(&format!("{noun} show $"), &[name]).await?;
        assert!(words.contains("not found"), "{words}");
    }
    let words = line.complaint("workflow list --filter name", &[]).await?;
    assert!(words.contains("COLUMN=VALUE"), "{words}");
    Ok(())
}

#[tokio::test]
async fn an_execution_and_its_tasks_are_looked_at_from_every_side() -> Result<()> {
    let line = Line::start().await?;
    line.client.create_workflows(FLOWS).await?;
    let environment = r#"{"name": "prod", "variables": {"place": "here"}}"#;
    let environment = serde_json::from_str(environment)?;
    let path = "/v2/environments";
    let made = line
        .client
        .send_json(reqwest::Method::POST, path, &environment);
    made.await?.expect(201)?;
    let id = uuid::Uuid::now_v7().to_string();
    let create = "greet --input name=ann --environment prod -d words --id $";
    for _ in 0..2 {
        assert_eq!(line.created(create, &[&id]).await?, id);
    }
    line.client.execution_in(&id, "SUCCESS").await?;
    let shown = line.json("execution show $", &[&id]).await?;
    assert_eq!(
        (&shown["state"], &shown["description"]),
        (&json!("SUCCESS"), &json!("words"))
    );
    for (command, expected) in [
        ("show-input", json!({ "name": "ann", "word": "hello" })),
        (
            "show-output",
            json!({ "said": "hello ann", "place": "here" }),
        ),
        ("published", json!({ "heard": "hello ann" })),
    ] {
        let printed = line.run(&format!("execution {command} $"), &[&id]).await?;
        assert_eq!(parsed(&printed)?, expected, "{command}");
    }
    let tasks = line.json("task list $", &[&id]).await?;
    assert_eq!(column(&tasks, "name"), ["say"]);
    let say = tasks[0]["id"].as_str().context("no id")?;
    assert_eq!(line.json("task show $", &[say]).await?["type"], "ACTION");
    let result = line.run("task result $", &[say]).await?;
    assert_eq!(parsed(&result)?, "hello ann");
    let published = line.run("task published $", &[say]).await?;
    assert!(
        published.contains("said") && published.contains("heard"),
        "{published}"
    );

    let above = line.created("above", &[]).await?;
    line.client.execution_in(&above, "SUCCESS").await?;
    let report = line.run("execution show-report $ --all", &[&above]).await?;
    assert!(
        report.contains("call") && report.contains("say"),
        "{report}"
    );
    let below = line.json("execution sub-executions $", &[&above]).await?;
    assert_eq!(column(&below, "workflow_name"), ["above", "greet"]);
    let roots = line
        .json("execution list --roots-only --workflow above", &[])
        .await?;
    assert_eq!(column(&roots, "id"), [above.as_str()]);
    let call = line.json("task list $", &[&above]).await?;
    let call = call[0]["id"].as_str().context("no id")?;
    let below = line.json("task sub-executions $", &[call]).await?;
    assert_eq!(column(&below, "workflow_name"), ["greet"]);
    let again = line.created("--source $", &[&id]).await?;
    let again = line.client.execution_in(&again, "SUCCESS").await?;
    assert_eq!(again["source_execution_id"], id.as_str());
    line.run("execution delete $ $", &[&id, &above]).await?;
    let words = line.complaint("execution show $", &[&id]).await?;
    assert!(words.contains("not found"), "{words}");
    Ok(())
}

#[tokio::test]
async fn a_failed_task_is_run_again_or_left_out() -> Result<()> {
    let line = Line::start().await?;
    line.client.create_workflows(FLOWS).await?;
    let failed = async || {
        let id = line.created("chosen", &[]).await?;
        line.client.execution_in(&id, "ERROR").await?;
        let task = line.client.task_in(&id, "choose", "ERROR").await?;
        anyhow::Ok((id, e2e::client::id_of(&task)?))
    };
    let (id, task) = failed().await?;
    let env = r#"{"act":"std.noop"}"#;
    line.run("task rerun $ --env $", &[&task, env]).await?;
    line.client.execution_in(&id, "SUCCESS").await?;
    line.client.task_in(&id, "well", "SUCCESS").await?;

    let (id, task) = failed().await?;
    let words = line.complaint("task rerun $ --resume", &[&task]).await?;
    assert!(words.contains("Only with-items"), "{words}");
    let skipped = line.json("task skip $", &[&task]).await?;
    assert_eq!(skipped["state"], "SKIPPED");
    line.client.execution_in(&id, "SUCCESS").await?;
    line.client.task_in(&id, "left_out", "SUCCESS").await?;
    let list = line.json("task list --state skipped", &[]).await?;
    assert_eq!(column(&list, "id"), [task.as_str()]);
    Ok(())
}

#[tokio::test]
async fn an_execution_is_held_resumed_ended_and_watched() -> Result<()> {
    let line = Line::start().await?;
    line.client.create_workflows(FLOWS).await?;
    let id = line.created("held", &[]).await?;
    line.client.task_in(&id, "wait", "RUNNING").await?;
    let update = async |arguments: &str| {
        let command = format!("execution update $ {arguments}");
        line.json(&command, &[&id]).await
    };
    assert_eq!(update("-s paused").await?["state"], "PAUSED");
    assert_eq!(update("-s RUNNING").await?["state"], "RUNNING");
    let words = line.complaint("execution delete $", &[&id]).await?;
    assert!(words.contains("Only completed"), "{words}");

    let watched = [id.as_str()];
    let (told, ended) = tokio::join!(
        line.complaint("execution watch $", &watched),
        update("-s ERROR --reason enough")
    );
    assert_eq!(ended?["state_info"], "enough");
    let told = told?;
    assert!(told.contains("execution held ERROR: enough"), "{told}");
    // What has ended is told of at once.
    let told = line.complaint("execution watch $", &[&id]).await?;
    assert!(told.contains("task wait CANCELLED"), "{told}");

    let watched = "execution create greet --input name=ann --watch";
    let output = parsed(&line.run(watched, &[]).await?)?;
    assert_eq!(output["said"], "hello ann");
    let words = line
        .complaint("execution create chosen --watch", &[])
        .await?;
    assert!(
        words.contains("task choose ERROR") && words.contains("execution chosen ERROR"),
        "{words}"
    );
    Ok(())
}

#[tokio::test]
async fn workflows_and_executions_are_drawn() -> Result<()> {
    let line = Line::start().await?;
    line.client.create_workflows(FLOWS).await?;
    let id = line.created("chosen", &[]).await?;
    line.client.execution_in(&id, "ERROR").await?;
    for (format, begin) in [
        ("", "digraph \"chosen\" {"),
        (" -f dot", "digraph \"chosen\" {"),
        (" --format mermaid", "flowchart TD"),
        (" -f svg", "<svg "),
    ] {
        let plain = line
            .run(&format!("workflow graph ${format}"), &["chosen"])
            .await?;
        let states = line
            .run(&format!("execution graph ${format}"), &[&id])
            .await?;
        for drawing in [&plain, &states] {
            assert!(drawing.starts_with(begin), "{drawing}");
            for task in ["choose", "well", "left_out"] {
                assert!(drawing.contains(task), "no {task} in {drawing}");
            }
        }
        assert!(states.contains("ERROR"), "{states}");
        assert!(!plain.contains("ERROR"), "{plain}");
        if begin.starts_with("<svg") {
            let script = "import sys, xml.etree.ElementTree as it; it.fromstring(sys.argv[1])";
            for drawing in [&plain, &states] {
                line.mistral.python(script, &[drawing]).await?;
            }
        }
    }
    let words = line.complaint("workflow graph chosen -f png", &[]).await?;
    assert!(words.contains("mermaid"), "{words}");
    let words = line.complaint("workflow graph unknown", &[]).await?;
    assert!(words.contains("Workflow not found"), "{words}");
    Ok(())
}
