//! Every command of the real `mistral` that is about definitions, executions, tasks, environments, action executions and
//! members; none is forgotten.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result, ensure};
use e2e::client::{Client, id_of};
use e2e::cloud::Cloud;
use e2e::executions::ids;
use e2e::host::{Host, Settings};
use e2e::mistral::Mistral;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// Commands that are not called here: the client's own, those of triggers, which have tests of their own, and those of
/// what Zonda has modules for.
const LEFT_OUT: &[&str] = &[
    "bash-completion",
    "complete",
    "help",
    "code-source-create",
    "code-source-delete",
    "code-source-get",
    "code-source-get-content",
    "code-source-list",
    "code-source-update",
    "cron-trigger-create",
    "cron-trigger-delete",
    "cron-trigger-get",
    "cron-trigger-list",
    "dynamic-action-create",
    "dynamic-action-delete",
    "dynamic-action-get",
    "dynamic-action-list",
    "dynamic-action-update",
    "event-trigger-create",
    "event-trigger-delete",
    "event-trigger-get",
    "event-trigger-list",
];

/// What the client says of what it did not delete, whatever the answer was.
const NOT_DELETED: &str = "Unable to delete the specified";

/// The command line, with the commands that were called by it.
#[derive(Clone)]
struct Script {
    mistral: Mistral,
    called: Arc<Mutex<BTreeSet<String>>>,
}

impl Script {
    fn new(mistral: Mistral) -> Self {
        Self {
            mistral,
            called: Arc::default(),
        }
    }

    /// The same as somebody else.
    fn of(&self, mistral: Mistral) -> Self {
        Self {
            mistral,
            called: Arc::clone(&self.called),
        }
    }

    fn note(&self, arguments: &[&str]) {
        let command = arguments.first().copied().unwrap_or_default().to_owned();
        let mut called = self
            .called
            .lock()
            .expect("nothing panics while it holds it");
        called.insert(command);
    }

    /// What a command prints.
    async fn run(&self, arguments: &[&str]) -> Result<String> {
        self.note(arguments);
        self.mistral.run(arguments).await
    }

    /// The row or rows that a command prints.
    async fn json(&self, arguments: &[&str]) -> Result<Value> {
        self.note(arguments);
        self.mistral.json(arguments).await
    }

    /// The JSON document that a command prints as text.
    async fn document(&self, arguments: &[&str]) -> Result<Value> {
        let printed = self.run(arguments).await?;
        serde_json::from_str(&printed).with_context(|| format!("{arguments:?} printed {printed}"))
    }

    /// What a command complains of.
    async fn complaint(&self, arguments: &[&str]) -> Result<String> {
        let answer = self.run(arguments).await;
        let refused = answer.err().with_context(|| format!("{arguments:?}"))?;
        Ok(refused.to_string())
    }
}

/// A file that holds `text`, and its path.
fn file(text: &str) -> Result<(NamedTempFile, String)> {
    let mut file = NamedTempFile::new()?;
    file.write_all(text.as_bytes())?;
    let path = file.path().to_str().context("a path that is not UTF-8")?;
    let path = path.to_owned();
    Ok((file, path))
}

fn text<'a>(row: &'a Value, column: &str) -> Result<&'a str> {
    row[column]
        .as_str()
        .with_context(|| format!("no {column} in {row}"))
}

/// The column of every row.
fn column<'a>(rows: &'a Value, name: &str) -> Result<Vec<&'a str>> {
    let rows = rows
        .as_array()
        .with_context(|| format!("no rows: {rows}"))?;
    rows.iter().map(|row| text(row, name)).collect()
}

#[tokio::test]
async fn every_command_about_workflows_is_served() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let script = Script::new(Mistral::new(&host));
    futures::try_join!(
        workbooks(&script),
        workflows(&script),
        actions(&script, &client),
        environments(&script),
        executions(&script, &client),
        tasks(&script, &client),
        members(&script),
    )?;
    let help = script.mistral.run(&["help"]).await?;
    let (_, commands) = help.split_once("Commands:").context("no commands")?;
    let offered: BTreeSet<&str> = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .filter(|command| !LEFT_OUT.contains(command))
        .collect();
    let called = script.called.lock().unwrap();
    let called: BTreeSet<&str> = called.iter().map(String::as_str).collect();
    assert!(offered.len() > 40, "{help}");
    assert_eq!(called, offered);
    Ok(())
}

async fn workbooks(mistral: &Script) -> Result<()> {
    let document = "version: '2.0'\nname: book\ntags: [old]\nworkflows:\n  flow:\n    tasks:\n      t: {action: act}\nactions:\n  act: {base: std.noop}\n";
    let (_file, path) = file(document)?;
    let valid = mistral.json(&["workbook-validate", &path]).await?;
    assert_eq!(valid, json!({ "Valid": true, "Error": null }));
    let created = mistral.json(&["workbook-create", &path]).await?;
    assert_eq!(
        (text(&created, "Name")?, text(&created, "Scope")?),
        ("book", "private")
    );
    let again = mistral.complaint(&["workbook-create", &path]).await?;
    assert!(again.contains("Duplicate entry for Workbook"), "{again}");
    let in_blue = ["--namespace", "blue"];
    mistral
        .json(&[&["workbook-create", &path], &in_blue[..]].concat())
        .await?;
    let list = mistral.json(&["workbook-list"]).await?;
    assert_eq!(column(&list, "Namespace")?, ["", "blue"]);
    let shown = [&["workbook-get", "book"], &in_blue[..]].concat();
    let shown = mistral.json(&shown).await?;
    assert_eq!(text(&shown, "Namespace")?, "blue");

    let (_file, path) = file(&document.replace("old", "new"))?;
    let updated = mistral.json(&["workbook-update", &path]).await?;
    assert_eq!(text(&updated, "Tags")?, "new");
    let definition = mistral.run(&["workbook-get-definition", "book"]).await?;
    assert_eq!(definition, document.replace("old", "new"));
    let (_file, path) = file("version: '2.0'\nname: book\nworkflows: {flow: {}}\n")?;
    let faulty = mistral.json(&["workbook-validate", &path]).await?;
    assert_eq!(faulty["Valid"], false);
    assert!(
        text(&faulty, "Error")?.contains("workflows.flow"),
        "{faulty}"
    );
    mistral.run(&["workbook-delete", "book"]).await?;
    mistral
        .run(&[&["workbook-delete", "book"], &in_blue[..]].concat())
        .await?;
    let gone = mistral.complaint(&["workbook-get", "book"]).await?;
    assert!(gone.contains("Workbook not found"), "{gone}");
    let gone = mistral.complaint(&["workbook-delete", "book"]).await?;
    assert!(gone.contains(NOT_DELETED), "{gone}");
    Ok(())
}

async fn workflows(mistral: &Script) -> Result<()> {
    let document = "version: '2.0'\nwf_one:\n  tags: [a, b]\n  input: [x, {y: 1}]\n  tasks:\n    t: {action: std.noop}\nwf_two:\n  tasks:\n    t: {action: std.noop}\n";
    let (_file, path) = file(document)?;
    let valid = mistral.json(&["workflow-validate", &path]).await?;
    assert_eq!(valid, json!({ "Valid": true, "Error": null }));
    let created = mistral.json(&["workflow-create", &path]).await?;
    assert_eq!(column(&created, "Name")?, ["wf_one", "wf_two"]);
    assert_eq!(text(&created[0], "Tags")?, "a, b");
    let id = text(&created[0], "ID")?;
    let again = mistral.complaint(&["workflow-create", &path]).await?;
    assert!(
        again.contains("Duplicate entry for WorkflowDefinition"),
        "{again}"
    );
    mistral
        .json(&["workflow-create", &path, "--namespace", "blue"])
        .await?;
    let list = [
        "workflow-list",
        "--filter",
        "name=has:wf_",
        "--sort_keys",
        "namespace,name",
    ];
    let list = mistral.json(&list).await?;
    assert_eq!(column(&list, "Namespace")?, ["", "", "blue", "blue"]);
    let filtered = mistral.json(&["workflow-list", "--filter", "tags=has:b", "--limit", "1"]);
    assert_eq!(text(&filtered.await?[0], "ID")?, id);
    for reference in ["wf_one", id] {
        let shown = mistral.json(&["workflow-get", reference]).await?;
        assert_eq!(
            (text(&shown, "ID")?, text(&shown, "Input")?),
            (id, "x, y=\"1\"")
        );
    }
    let blue = mistral.json(&["workflow-get", "wf_one", "--namespace", "blue"]);
    assert_ne!(text(&blue.await?, "ID")?, id);
    let definition = mistral.run(&["workflow-get-definition", "wf_two"]).await?;
    assert!(
        definition.contains("wf_two:") && !definition.contains("wf_one"),
        "{definition}"
    );

    let (_file, path) = file(&document.replace("[a, b]", "[c]"))?;
    let updated = mistral.json(&["workflow-update", &path]).await?;
    assert_eq!(text(&updated[0], "Tags")?, "c");
    let (_file, path) = file("version: '2.0'\nwf_new: {tasks: {t: {action: std.noop}}}")?;
    let renamed = mistral
        .json(&["workflow-update", &path, "--id", id])
        .await?;
    assert_eq!(
        (text(&renamed[0], "ID")?, text(&renamed[0], "Name")?),
        (id, "wf_new")
    );
    let (_file, path) = file("version: '2.0'\nwf:\n  tasks:\n    t: {acton: x}\n")?;
    let faulty = mistral.json(&["workflow-validate", &path]).await?;
    assert!(
        text(&faulty, "Error")?.contains("line 4, column 9: wf.tasks.t.acton"),
        "{faulty}"
    );
    let refused = mistral.complaint(&["workflow-create", &path]).await?;
    assert!(
        refused.contains("line 4, column 9: wf.tasks.t.acton"),
        "{refused}"
    );
    mistral
        .run(&["workflow-delete", "wf_new", "wf_two"])
        .await?;
    mistral
        .run(&["workflow-delete", "wf_one", "wf_two", "--namespace", "blue"])
        .await?;
    let gone = mistral.complaint(&["workflow-get", "wf_two"]).await?;
    assert!(
        gone.contains("Workflow not found [workflow_identifier=wf_two"),
        "{gone}"
    );
    Ok(())
}

async fn actions(mistral: &Script, client: &Client) -> Result<()> {
    let document = "version: '2.0'\nmy_echo:\n  tags: [mine]\n  description: says it\n  base: std.echo\n  base-input:\n    output: <% $.word %>\n  input: [{word: hi}]\n";
    let (_file, path) = file(document)?;
    let valid = mistral.json(&["action-validate", &path]).await?;
    assert_eq!(valid, json!({ "Valid": true, "Error": null }));
    let created = mistral.json(&["action-create", &path]).await?;
    assert_eq!(
        (text(&created[0], "Name")?, text(&created[0], "Tags")?),
        ("my_echo", "mine")
    );
    let again = mistral.complaint(&["action-create", &path]).await?;
    assert!(again.contains("Duplicate entry for Action"), "{again}");
    let list = mistral
        .json(&["action-list", "--filter", "name=my_echo"])
        .await?;
    assert_eq!(
        (&list[0]["Name"], &list[0]["Is system"]),
        (&json!("my_echo"), &json!(false))
    );
    let shown = mistral.json(&["action-get", "my_echo"]).await?;
    assert_eq!(text(&shown, "Input")?, "word=\"hi\"");
    let definition = mistral.run(&["action-get-definition", "my_echo"]).await?;
    assert!(definition.contains("base: std.echo"), "{definition}");
    let printed = mistral.document(&["run-action", "my_echo"]).await?;
    assert_eq!(printed, json!({ "result": "hi" }));

    let (_file, path) = file(&document.replace("{word: hi}", "{word: ho}"))?;
    let updated = mistral.json(&["action-update", &path]).await?;
    assert_eq!(text(&updated[0], "Input")?, "word=\"ho\"");
    let id = text(&updated[0], "ID")?;
    let updated = mistral.json(&["action-update", &path, "--id", id]).await?;
    assert_eq!(text(&updated[0], "ID")?, id);
    mistral
        .json(&["action-create", &path, "--namespace", "blue"])
        .await?;
    let blue = mistral.json(&["action-get", "my_echo", "--namespace", "blue"]);
    assert_ne!(text(&blue.await?, "ID")?, id);
    let in_blue = [
        "run-action",
        "my_echo",
        r#"{"word": "yo"}"#,
        "--namespace",
        "blue",
    ];
    assert_eq!(mistral.document(&in_blue).await?, json!({ "result": "yo" }));

    // Action executions.
    let started = mistral
        .json(&["run-action", "-s", "std.async_noop"])
        .await?;
    let run = text(&started, "ID")?;
    let listed = mistral.json(&["action-execution-list"]).await?;
    assert!(column(&listed, "ID")?.contains(&run));
    let shown = mistral.json(&["action-execution-get", run]).await?;
    assert_eq!(text(&shown, "State")?, "RUNNING");
    let input = mistral
        .document(&["action-execution-get-input", run])
        .await?;
    assert_eq!(input, json!({}));
    let update = [
        "action-execution-update",
        run,
        "--state",
        "SUCCESS",
        "--output",
        r#"{"a": 1}"#,
    ];
    assert_eq!(text(&mistral.json(&update).await?, "State")?, "SUCCESS");
    let output = mistral
        .document(&["action-execution-get-output", run])
        .await?;
    assert_eq!(output, json!({ "result": { "a": 1 } }));
    mistral.run(&["action-execution-delete", run]).await?;
    assert_eq!(client.action_execution(run).await?.status, 404);

    mistral.run(&["action-delete", "my_echo"]).await?;
    mistral
        .run(&["action-delete", "my_echo", "--namespace", "blue"])
        .await?;
    let gone = mistral.complaint(&["action-get", "my_echo"]).await?;
    assert!(gone.contains("not found"), "{gone}");
    let system = mistral.complaint(&["action-delete", "std.echo"]).await?;
    assert!(system.contains(NOT_DELETED), "{system}");
    Ok(())
}

async fn environments(mistral: &Script) -> Result<()> {
    let body = json!({ "name": "prod", "description": "words", "variables": { "a": 1 } });
    let (_file, path) = file(&body.to_string())?;
    let created = mistral.json(&["environment-create", &path]).await?;
    assert_eq!(text(&created, "Name")?, "prod");
    let (_file, path) = file(&json!({ "name": "prod", "variables": { "a": 2 } }).to_string())?;
    mistral.json(&["environment-update", &path]).await?;
    let listed = mistral.json(&["environment-list"]).await?;
    assert_eq!(column(&listed, "Description")?, ["words"]);
    let shown = mistral.json(&["environment-get", "prod"]).await?;
    let variables: Value = serde_json::from_str(text(&shown, "Variables")?)?;
    assert_eq!(variables, json!({ "a": 2 }));
    let exported = mistral
        .json(&["environment-get", "prod", "--export"])
        .await?;
    assert_eq!(text(&exported, "name")?, "prod", "{exported}");
    mistral.run(&["environment-delete", "prod"]).await?;
    let gone = mistral.complaint(&["environment-get", "prod"]).await?;
    assert!(gone.contains("Environment not found [name=prod]"), "{gone}");
    Ok(())
}

const EXECUTIONS: &str = "
version: '2.0'
outer:
  input: [word]
  output:
    said: <% task(call).result.said %>
    env: <% env().get(k, 0) %>
  tasks:
    call:
      workflow: inner word=<% $.word %>
inner:
  input: [word]
  output: {said: <% $.word %>}
  tasks:
    wait:
      action: std.async_noop
      on-success:
        publish: {global: {heard: <% $.word %>}}
";

async fn executions(mistral: &Script, client: &Client) -> Result<()> {
    client.define(EXECUTIONS, "green").await?.expect(201)?;
    let create = [
        "execution-create",
        "outer",
        r#"{"word": "hey"}"#,
        r#"{"env": {"k": 1}}"#,
        "-d",
        "words",
        "--namespace",
        "green",
    ];
    let created = mistral.json(&create).await?;
    let id = text(&created, "ID")?;
    assert_eq!(text(&created, "Description")?, "words");
    assert_eq!(text(&created, "Workflow namespace")?, "green");
    let shown = mistral.json(&["execution-get", id]).await?;
    assert_eq!(text(&shown, "State")?, "RUNNING");
    let input = mistral.document(&["execution-get-input", id]).await?;
    assert_eq!(input, json!({ "word": "hey" }));
    let refused = mistral.complaint(&["execution-delete", id]).await?;
    assert!(refused.contains(NOT_DELETED), "{refused}");

    let update = async |arguments: &[&str]| {
        let row = mistral
            .json(&[&["execution-update", id], arguments].concat())
            .await?;
        ensure!(row["ID"] == id, "{row}");
        Ok(row)
    };
    assert_eq!(update(&["-d", "others"]).await?["Description"], "others");
    assert_eq!(update(&["-s", "PAUSED"]).await?["State"], "PAUSED");
    let subs = mistral.json(&["execution-get-sub-executions", id]).await?;
    let [top, below] = &column(&subs, "ID")?[..] else {
        anyhow::bail!("{subs}");
    };
    assert_eq!(*top, id);
    client.execution_in(below, "PAUSED").await?;
    let (_file, env) = file(r#"{"k": 2}"#)?;
    let resumed = update(&["-s", "RUNNING", "-e", &env]).await?;
    assert_eq!(resumed["State"], "RUNNING");
    client.execution_in(below, "RUNNING").await?;
    complete(client, below, "wait").await?;
    client.execution_in(id, "SUCCESS").await?;
    let output = mistral.document(&["execution-get-output", id]).await?;
    assert_eq!(output, json!({ "said": "hey", "env": 2 }));
    let published = mistral
        .document(&["execution-get-published", below])
        .await?;
    assert_eq!(published, json!({ "heard": "hey" }));
    let report = ["execution-get-report", id, "--no-errors-only"];
    let told = mistral.run(&report).await?;
    assert!(told.contains("call") && told.contains("wait"), "{told}");
    let numbers = [&report[..], &["--statistics-only"]].concat();
    let numbers = mistral.run(&numbers).await?;
    assert!(numbers.contains("tasks in SUCCESS state: 2"), "{numbers}");

    let again = mistral.json(&["execution-create", "-s", id]).await?;
    let again = text(&again, "ID")?;
    let listed = mistral.json(&["execution-list", "--rootsonly"]).await?;
    assert!(column(&listed, "ID")?.contains(&again), "{listed}");
    let filter = format!("root_execution_id={id}");
    let listed = mistral
        .json(&["execution-list", "--filter", &filter])
        .await?;
    assert_eq!(column(&listed, "ID")?, [*below]);
    let cancel = ["execution-update", again, "-s", "CANCELLED"];
    mistral.json(&cancel).await?;
    client.execution_in(again, "CANCELLED").await?;
    let failing = mistral.json(&create).await?;
    let failing = text(&failing, "ID")?;
    mistral
        .json(&["execution-update", failing, "-s", "ERROR"])
        .await?;
    client.execution_in(failing, "ERROR").await?;
    let running = mistral.json(&create).await?;
    let running = text(&running, "ID")?;
    mistral
        .run(&["execution-delete", id, again, failing])
        .await?;
    mistral
        .run(&["execution-delete", "--force", running])
        .await?;
    for gone in [id, below, again, failing, running] {
        let words = mistral.complaint(&["execution-get", gone]).await?;
        assert!(
            words.contains("WorkflowExecution not found [id="),
            "{words}"
        );
    }
    Ok(())
}

/// Completes the run of a task that waits for somebody to do so.
async fn complete(client: &Client, execution: &str, task: &str) -> Result<()> {
    let task = id_of(&client.task_in(execution, task, "RUNNING").await?)?;
    let runs = format!("/v2/tasks/{task}/action_executions");
    let runs = ids(&client.get(&runs).await?.expect(200)?, "action_executions")?;
    let done = json!({ "state": "SUCCESS", "output": {} });
    let answer = client.update_action_execution(&runs[0], &done);
    answer.await?.expect(200).map(drop)
}

const TASKS: &str = "
version: '2.0'
items:
  tasks:
    each:
      with-items: n in <% [1, 2, 3] %>
      action: maybe n=<% $.n %>
      on-success: call
      publish: {all: <% task().result %>}
    call: {workflow: leaf}
leaf:
  tasks:
    inner: {action: std.noop}
";

/// Fails for 2, until the environment says otherwise.
const MAYBE: &str = "
version: '2.0'
maybe:
  input: [n]
  base: std.test_dict
  base-input:
    size: <% switch($.n != 2 => 1, env().get(fine, false) => 1, true => bad) %>
    key_prefix: k
    val: <% $.n %>
";

async fn tasks(mistral: &Script, client: &Client) -> Result<()> {
    let made = client.send_text(reqwest::Method::POST, "/v2/actions", MAYBE);
    made.await?.expect(201)?;
    client.create_workflows(TASKS).await?;
    let id = client.start("items").id().await?;
    client.execution_in(&id, "ERROR").await?;
    let listed = mistral.json(&["task-list", &id]).await?;
    assert_eq!(column(&listed, "Name")?, ["each"]);
    let each = text(&listed[0], "ID")?;
    let all = mistral
        .json(&["task-list", "--filter", "name=each"])
        .await?;
    assert_eq!(column(&all, "ID")?, [each]);
    let shown = mistral.json(&["task-get", each]).await?;
    assert_eq!(text(&shown, "State")?, "ERROR");
    let runs = async || -> Result<usize> {
        let rows = mistral.json(&["action-execution-list", each]).await?;
        Ok(column(&rows, "ID")?.len())
    };
    assert_eq!(runs().await?, 3);

    // All of them again, then those alone that failed.
    mistral.json(&["task-rerun", each]).await?;
    e2e::wait::until("all are run again", || async {
        Ok((runs().await? == 6).then_some(()))
    })
    .await?;
    client.execution_in(&id, "ERROR").await?;
    let (_file, env) = file(r#"{"fine": true}"#)?;
    mistral
        .json(&["task-rerun", "--resume", each, "-e", &env])
        .await?;
    client.execution_in(&id, "SUCCESS").await?;
    assert_eq!(runs().await?, 7);
    let result = mistral.document(&["task-get-result", each]).await?;
    assert_eq!(result.as_array().map(Vec::len), Some(3), "{result}");
    let published = mistral.document(&["task-get-published", each]).await?;
    assert_eq!(published, json!({ "all": result }));
    let call = client.task(&id, "call").await?;
    let subs = mistral
        .json(&["task-get-sub-executions", &id_of(&call)?])
        .await?;
    assert_eq!(column(&subs, "Workflow name")?, ["leaf"]);
    let done = mistral.complaint(&["task-rerun", each]).await?;
    assert!(done.contains("must be in ERROR"), "{done}");
    Ok(())
}

/// A workflow of one project is run by another that has accepted it.
async fn members(script: &Script) -> Result<()> {
    let cloud = Cloud::a()?;
    let (owner, member) = (cloud.tenant().await?, cloud.tenant().await?);
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let [theirs, ours] = [&owner, &member].map(|who| script.of(Mistral::new(&host).caller(who)));
    let (_file, path) = file("version: '2.0'\nshared: {tasks: {t: {action: std.noop}}}")?;
    let created = theirs.json(&["workflow-create", &path]).await?;
    let id = text(&created[0], "ID")?;
    let project = member.project_id.as_str();
    let offered = theirs
        .json(&["member-create", id, "workflow", project])
        .await?;
    assert_eq!(
        (text(&offered, "Status")?, text(&offered, "Member ID")?),
        ("pending", project)
    );
    let unknown = ours.complaint(&["execution-create", "shared"]).await?;
    assert!(unknown.contains("Workflow not found"), "{unknown}");
    let listed = ours.json(&["member-list", id, "workflow"]).await?;
    assert_eq!(column(&listed, "Status")?, ["pending"]);
    // Without -m the client asks for an entry of nobody's.
    let accepted = ours
        .json(&[
            "member-update",
            id,
            "workflow",
            "-m",
            project,
            "-s",
            "accepted",
        ])
        .await?;
    assert_eq!(text(&accepted, "Status")?, "accepted");
    let shown = theirs
        .json(&["member-get", id, "workflow", "-m", project])
        .await?;
    assert_eq!(text(&shown, "Status")?, "accepted");
    let started = ours.json(&["execution-create", "shared"]).await?;
    assert_eq!(text(&started, "Workflow ID")?, id);
    theirs
        .run(&["member-delete", id, "workflow", project])
        .await?;
    let gone = ours.complaint(&["workflow-get", "shared"]).await?;
    assert!(gone.contains("Workflow not found"), "{gone}");
    Ok(())
}
