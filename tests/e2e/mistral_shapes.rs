//! The answers of every route of definitions, executions, tasks and environments have the status, the members and the
//! kinds of values that a real Mistral's have.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use chrono::NaiveDateTime;
use e2e::client::{Answer, Client};
use e2e::host::Host;
use e2e::peer::peer;
use e2e::unique;
use reqwest::Method;
use serde_json::Value;

const WORKFLOWS: &str = "version: '2.0'
NAME:
  description: words
  tags: [x]
  input: [a, {b: 1}]
  output: {said: <% task(say).result %>}
  tasks:
    say:
      action: std.echo output=<% $.a %>
      publish: {said: <% task().result %>}
      on-success: items
    items:
      with-items: i in <% [1, 2] %>
      action: std.noop
      on-success: call
    call: {workflow: NAME_sub}
NAME_sub:
  tasks:
    t: {action: std.noop}
NAME_bad:
  tasks:
    fail: {action: std.fail}
NAME_held:
  tasks:
    wait: {action: std.async_noop}
";
const WORKBOOK: &str = "version: '2.0'
name: NAME_book
tags: [x]
workflows: {flow: {tasks: {t: {action: act}}}}
actions: {act: {base: std.noop}}
";
const ACTIONS: &str = "version: '2.0'
NAME_act:
  description: words
  tags: [x]
  base: std.echo
  base-input: {output: <% $.a %>}
  input: [a, {b: 1}]
";
const FAULTY: &str = "version: '2.0'\nNAME_x: {tasks: {t: {acton: std.noop}}}";

/// The requests in their order: method and path, body, and what is kept of the answer for later paths, which have it in
/// braces. A body that begins with `{` is JSON, else text; `NAME` is a name of this run, and `PUT` adds a tag. A line that begins with `until`
/// is asked again and again until the answer has that state.
const REQUESTS: &[(&str, &str, &str)] = &[
    // Definitions.
    ("POST /v2/workflows", WORKFLOWS, "workflow=/workflows/0/id"),
    ("POST /v2/workflows", WORKFLOWS, ""),
    ("POST /v2/workflows", FAULTY, ""),
    ("POST /v2/workflows/validate", WORKFLOWS, ""),
    ("POST /v2/workflows/validate", FAULTY, ""),
    ("PUT /v2/workflows", WORKFLOWS, ""),
    (
        "PUT /v2/workflows",
        "version: '2.0'\nNAME_none: {tasks: {t: {action: std.noop}}}",
        "",
    ),
    ("GET /v2/workflows/NAME", "", ""),
    ("GET /v2/workflows/{workflow}", "", ""),
    ("GET /v2/workflows/nobody", "", ""),
    ("GET /v2/workflows?name=NAME", "", ""),
    ("GET /v2/workflows?name=NAME&fields=name,tags", "", ""),
    ("GET /v2/workflows?limit=0", "", ""),
    (
        "GET /v2/workflows?limit=1&sort_keys=name&sort_dirs=up",
        "",
        "",
    ),
    ("GET /v2/workflows?nonsense=1", "", ""),
    ("GET /v2/workflows?fields=nonsense", "", ""),
    ("POST /v2/workbooks", WORKBOOK, ""),
    ("POST /v2/workbooks", WORKBOOK, ""),
    ("POST /v2/workbooks/validate", WORKBOOK, ""),
    ("POST /v2/workbooks/validate", FAULTY, ""),
    ("PUT /v2/workbooks", WORKBOOK, ""),
    ("GET /v2/workbooks/NAME_book", "", ""),
    ("GET /v2/workbooks/nobody", "", ""),
    ("GET /v2/workbooks?name=NAME_book", "", ""),
    ("POST /v2/actions", ACTIONS, "action=/actions/0/id"),
    ("POST /v2/actions", ACTIONS, ""),
    ("POST /v2/actions/validate", ACTIONS, ""),
    ("PUT /v2/actions", ACTIONS, ""),
    ("GET /v2/actions/NAME_act/", "", ""),
    ("GET /v2/actions/{action}/", "", ""),
    ("GET /v2/actions/nobody/", "", ""),
    ("GET /v2/actions?name=NAME_act", "", ""),
    (
        "POST /v2/action_executions",
        r#"{"name": "NAME_act", "input": {"c": 1}}"#,
        "",
    ),
    // Executions and tasks.
    (
        "POST /v2/executions",
        r#"{"workflow_name": "NAME", "input": {"a": "1"}, "description": "d"}"#,
        "execution=/id",
    ),
    (
        "POST /v2/executions",
        r#"{"workflow_id": "{workflow}", "input": "{\"a\": 1}", "params": "{\"env\": {}}"}"#,
        "",
    ),
    (
        "POST /v2/executions",
        r#"{"workflow_name": "NAME", "input": {"z": 1}}"#,
        "",
    ),
    ("POST /v2/executions", r#"{"workflow_name": "nobody"}"#, ""),
    ("POST /v2/executions", r#"{}"#, ""),
    (
        "POST /v2/executions",
        r#"{"workflow_name": "NAME", "nonsense": 1}"#,
        "",
    ),
    (
        "POST /v2/executions",
        r#"{"workflow_name": "NAME", "input": [1]}"#,
        "",
    ),
    ("until SUCCESS /v2/executions/{execution}", "", ""),
    ("GET /v2/executions/{execution}", "", ""),
    (
        "GET /v2/executions/0196a1b2-0000-7000-8000-000000000001",
        "",
        "",
    ),
    ("GET /v2/executions?workflow_name=NAME&limit=1", "", ""),
    (
        "GET /v2/executions?workflow_name=NAME&limit=1&include_output=true",
        "",
        "",
    ),
    (
        "GET /v2/executions?workflow_name=NAME&nulls=root_execution_id&fields=id,state",
        "",
        "",
    ),
    ("GET /v2/executions/{execution}/executions", "", ""),
    (
        "GET /v2/executions/{execution}/tasks?name=say",
        "",
        "say=/tasks/0/id",
    ),
    (
        "GET /v2/executions/{execution}/tasks?name=items",
        "",
        "items=/tasks/0/id",
    ),
    (
        "GET /v2/executions/{execution}/tasks?name=call",
        "",
        "call=/tasks/0/id",
    ),
    ("GET /v2/executions/{execution}/report", "", ""),
    (
        "GET /v2/executions/{execution}/report?statistics_only=true",
        "",
        "",
    ),
    (
        "PUT /v2/executions/{execution}",
        r#"{"description": "e"}"#,
        "",
    ),
    ("PUT /v2/executions/{execution}", r#"{"state": "IDLE"}"#, ""),
    (
        "PUT /v2/executions/{execution}",
        r#"{"state": "PAUSED"}"#,
        "",
    ),
    (
        "PUT /v2/executions/{execution}",
        r#"{"state": "RUNNING", "description": "e"}"#,
        "",
    ),
    ("PUT /v2/executions/{execution}", "{}", ""),
    ("GET /v2/tasks/{say}", "", ""),
    ("GET /v2/tasks/{items}", "", ""),
    ("GET /v2/tasks/{call}", "", ""),
    ("GET /v2/tasks/0196a1b2-0000-7000-8000-000000000001", "", ""),
    ("GET /v2/tasks?workflow_name=NAME&limit=1", "", ""),
    (
        "GET /v2/tasks/{items}/action_executions",
        "",
        "run=/action_executions/0/id",
    ),
    ("GET /v2/action_executions/{run}", "", ""),
    ("GET /v2/tasks/{call}/workflow_executions", "", ""),
    ("GET /v2/tasks/{call}/executions", "", ""),
    (
        "PUT /v2/tasks/{say}",
        r#"{"state": "RUNNING", "reset": true}"#,
        "",
    ),
    ("PUT /v2/tasks/{say}", r#"{"state": "SUCCESS"}"#, ""),
    (
        "POST /v2/executions",
        r#"{"workflow_name": "NAME_bad"}"#,
        "failed=/id",
    ),
    ("until ERROR /v2/executions/{failed}", "", ""),
    ("GET /v2/executions/{failed}", "", ""),
    (
        "GET /v2/executions/{failed}/report?errors_only=true",
        "",
        "",
    ),
    ("GET /v2/executions/{failed}/tasks", "", "fail=/tasks/0/id"),
    ("GET /v2/tasks/{fail}", "", ""),
    ("PUT /v2/tasks/{fail}", r#"{"state": "RUNNING"}"#, ""),
    (
        "PUT /v2/tasks/{fail}",
        r#"{"state": "RUNNING", "reset": false}"#,
        "",
    ),
    (
        "PUT /v2/tasks/{fail}",
        r#"{"state": "RUNNING", "reset": true, "name": "x"}"#,
        "",
    ),
    ("PUT /v2/tasks/{fail}", r#"{"state": "SKIPPED"}"#, ""),
    ("until SUCCESS /v2/executions/{failed}", "", ""),
    (
        "POST /v2/executions",
        r#"{"workflow_name": "NAME_held"}"#,
        "held=/id",
    ),
    ("DELETE /v2/executions/{held}", "", ""),
    ("PUT /v2/executions/{held}", r#"{"state": "PAUSED"}"#, ""),
    (
        "PUT /v2/executions/{held}",
        r#"{"state": "RUNNING", "params": {"env": {"k": 1}}}"#,
        "",
    ),
    (
        "PUT /v2/executions/{held}",
        r#"{"params": {"env": {"k": 1}}}"#,
        "",
    ),
    ("PUT /v2/executions/{held}", r#"{"state": "CANCELLED"}"#, ""),
    ("GET /v2/executions/{held}", "", ""),
    ("DELETE /v2/executions/{held}", "", ""),
    ("DELETE /v2/executions/{held}", "", ""),
    // Environments.
    (
        "POST /v2/environments",
        r#"{"name": "NAME_env", "variables": {"k": 1}}"#,
        "",
    ),
    (
        "POST /v2/environments",
        r#"{"name": "NAME_env", "variables": {"k": 1}}"#,
        "",
    ),
    (
        "PUT /v2/environments",
        r#"{"name": "NAME_env", "description": "d"}"#,
        "",
    ),
    ("GET /v2/environments/NAME_env", "", ""),
    ("GET /v2/environments?name=NAME_env", "", ""),
    ("DELETE /v2/environments/NAME_env", "", ""),
    ("GET /v2/environments/NAME_env", "", ""),
    // What goes.
    ("DELETE /v2/actions/NAME_act/", "", ""),
    ("DELETE /v2/actions/std.echo/", "", ""),
    ("DELETE /v2/workbooks/NAME_book", "", ""),
    ("DELETE /v2/workflows/NAME", "", ""),
    ("DELETE /v2/workflows/NAME", "", ""),
];

/// What is otherwise here, and is to be: what a request begins with, and a part of the difference.
const MEANT: &[(&str, &str)] = &[
    // Ours say where, and what would be right.
    ("POST /v2/workflows", "Invalid DSL: "),
    ("POST /v2/executions", "field value must be a dictionary"),
    // Mistral finds no action by the id that it shows.
    ("GET /v2/actions/{action}/", ""),
    // It is there, but is not the caller's to delete.
    ("DELETE /v2/actions/std.echo/", ""),
    // Of a run of a task Mistral says an empty text.
    (
        "GET /v2/tasks/{items}/action_executions",
        ".description: null",
    ),
    ("GET /v2/action_executions/{run}", ".description: null"),
];

/// One of the two hosts, and what was kept of its answers.
struct Side {
    client: Client,
    name: String,
    kept: BTreeMap<String, String>,
}

impl Side {
    fn new(client: Client) -> Self {
        Self {
            client,
            name: unique("shape").replace('-', "_"),
            kept: BTreeMap::new(),
        }
    }

    fn filled(&self, text: &str) -> String {
        let mut text = text.replace("NAME", &self.name);
        for (name, value) in &self.kept {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
    }

    /// Status and shape of an answer.
    async fn ask(&mut self, (request, body, keep): (&str, &str, &str)) -> Result<Value> {
        let answer = match request.split_once(' ').context("no path")? {
            ("until", rest) => {
                let (state, path) = rest.split_once(' ').context("no path")?;
                let id = self.filled(path).rsplit('/').next().map(str::to_owned);
                let id = id.context("no id")?;
                self.client.in_state(&id, &[state]).await?;
                return Ok(Value::Null);
            }
            (method, path) => {
                let (path, mut body) = (self.filled(path), self.filled(body));
                if method == "PUT" {
                    body = body.replace("tags: [x]", "tags: [x, y]");
                }
                self.send(method.parse()?, &path, &body).await?
            }
        };
        for part in keep.split_whitespace() {
            let (name, at) = part.split_once('=').context("no name")?;
            let value = answer.body.pointer(at).and_then(Value::as_str);
            let value =
                value.with_context(|| format!("{request}: no {at} in {}", answer.text()))?;
            self.kept.insert(name.to_owned(), value.to_owned());
        }
        let fault = answer.body["faultstring"].as_str();
        let shape = match fault {
            Some(words) => first_words(words, &self.name).into(),
            None => shape(&answer.body),
        };
        Ok(serde_json::json!({ "status": answer.status, "body": shape }))
    }

    async fn send(&self, method: Method, path: &str, body: &str) -> Result<Answer> {
        if body.starts_with('{') {
            let body = serde_json::from_str(body)?;
            return self.client.send_json(method, path, &body).await;
        }
        if body.is_empty() {
            return self
                .client
                .send(method, path, Default::default(), None)
                .await;
        }
        self.client.send_text(method, path, body).await
    }
}

/// The kinds of values in place of the values.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => "flag".into(),
        Value::Number(_) => "number".into(),
        Value::String(text) if NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").is_ok() => {
            "time".into()
        }
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(_)) => "an object as text".into(),
            Ok(Value::Array(_)) => "a list as text".into(),
            _ => "text".into(),
        },
        // Mistral's times are of a second, and what is of one second comes in any order.
        Value::Array(items) => {
            let first = items.iter().min_by_key(|it| it["name"].as_str());
            first.map(shape).into_iter().collect()
        }
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), shape(value)))
            .collect(),
    }
}

/// What a refusal begins with: places come after it. Ids are left out.
fn first_words(words: &str, name: &str) -> String {
    let line = words.lines().next().unwrap_or_default();
    let end = line.find(" [").unwrap_or(line.len());
    let line = line.get(..end).unwrap_or_default().replace(name, "NAME");
    let words = line.split(' ');
    let words = words.filter(|word| uuid::Uuid::try_parse(word).is_err());
    words.collect::<Vec<_>>().join(" ")
}

/// Where `ours` is not as `theirs`, by the paths of members. It may have more of them, and say null where there is none.
fn differences(at: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (name, theirs) in theirs {
                let at = format!("{at}.{name}");
                match ours.get(name) {
                    Some(ours) => differences(&at, ours, theirs, found),
                    None => found.push(format!("{at}: none, there {theirs}")),
                }
            }
        }
        (Value::Array(ours), Value::Array(theirs)) if !ours.is_empty() && !theirs.is_empty() => {
            differences(&format!("{at}[]"), &ours[0], &theirs[0], found);
        }
        _ if ours == theirs => {}
        _ => found.push(format!("{at}: {ours}, there {theirs}")),
    }
}

/// Whether a difference of a request's is to be.
fn is_meant(request: &str, difference: &str) -> bool {
    MEANT
        .iter()
        .any(|(asked, what)| request.starts_with(asked) && difference.contains(what))
}

#[tokio::test]
async fn answers_have_the_shape_of_a_real_mistrals() -> Result<()> {
    let host = Host::start().await?;
    let (mut ours, mut theirs) = (Side::new(host.client()?), Side::new(peer()?));
    let mut found = Vec::new();
    for request in REQUESTS {
        let (here, there) = tokio::join!(ours.ask(*request), theirs.ask(*request));
        let (here, there) = (here.context("here")?, there.context("on Mistral")?);
        let mut differing = Vec::new();
        differences("", &here, &there, &mut differing);
        differing.retain(|difference| !is_meant(request.0, difference));
        let body = request.1.lines().next().unwrap_or_default();
        let told = differing
            .iter()
            .map(|it| format!("{} {body}: {it}", request.0));
        found.extend(told);
    }
    ensure!(
        found.is_empty(),
        "{} differences:\n{}",
        found.len(),
        found.join("\n")
    );
    Ok(())
}
