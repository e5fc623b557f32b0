//! The calls of workflows, executions and tasks that tests make.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, headers, id_of};
use crate::wait;

/// One server-sent event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its kind.
    pub name: String,
    /// Where to go on after it.
    pub id: Option<String>,
    /// What it tells.
    pub data: Value,
}

impl Client {
    /// Makes the workflows that `document` holds.
    pub async fn create_workflows(&self, document: &str) -> Result<()> {
        let path = "/v2/workflows";
        let answer = self.send_text(Method::POST, path, document).await?;
        answer.expect(201).map(drop)
    }

    /// Starts an execution of the workflow `name`, and answers with it.
    pub async fn execute(&self, name: &str, input: Value) -> Result<Value> {
        let body = json!({ "workflow_name": name, "input": input });
        let answer = self.send_json(Method::POST, "/v2/executions", &body);
        answer.await?.expect(201)
    }

    /// Changes an execution, and answers with it.
    pub async fn update_execution(&self, id: &str, body: Value) -> Result<Value> {
        let path = format!("/v2/executions/{id}");
        let answer = self.send_json(Method::PUT, &path, &body).await?;
        answer.expect(200)
    }

    /// Waits until an execution is in `state`, and answers with it.
    pub async fn execution_in(&self, id: &str, state: &str) -> Result<Value> {
        wait::until(&format!("execution {id} is in {state}"), || async {
            let execution = self.execution(id).await?;
            Ok(Some(execution).filter(|it| it["state"] == state))
        })
        .await
    }

    /// The task `name` of an execution, once it is in `state`.
    pub async fn task_in(&self, execution: &str, name: &str, state: &str) -> Result<Value> {
        let path = format!("/v2/executions/{execution}/tasks?name={name}");
        wait::until(&format!("task {name} is in {state}"), || async {
            let list = self.get(&path).await?.expect(200)?;
            Ok(Some(list["tasks"][0].clone()).filter(|task| task["state"] == state))
        })
        .await
    }

    /// All events of an execution, to the end of the stream; after the one with the id `last`, if there is one.
    pub async fn events(&self, id: &str, last: Option<&str>) -> Result<Vec<Event>> {
        let path = format!("/v2/executions/{id}/events");
        let headers = headers(last.map(|last| ("last-event-id", last)))?;
        let answer = self.send(Method::GET, &path, headers, None).await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        let kind = answer.headers.get("content-type");
        ensure!(
            kind.is_some_and(|kind| kind == "text/event-stream"),
            "{kind:?}"
        );
        answer.text().split("\n\n").filter_map(event).collect()
    }
}

fn event(text: &str) -> Option<Result<Event>> {
    let field = |name: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        let value = lines.map(|value| value.trim_start_matches([':', ' ']));
        value.map(str::to_owned).next()
    };
    let name = field("event")?;
    Some(field("data").context("no data").and_then(|data| {
        Ok(Event {
            name,
            id: field("id"),
            data: serde_json::from_str(&data)?,
        })
    }))
}

/// The ids of a list's objects.
pub fn ids(list: &Value, collection: &str) -> Result<Vec<String>> {
    let items = list[collection].as_array().context("no list")?;
    items.iter().map(id_of).collect()
}
