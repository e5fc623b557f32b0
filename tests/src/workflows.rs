//! The REST calls of workflows that tests make, on our host and on a real Mistral alike.

use anyhow::{Context, Result};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};

use crate::client::{Answer, Client, headers, id_of};
use crate::wait;

impl Client {
    /// Creates the workflows of a document in a namespace, empty for the default one.
    pub async fn define(&self, document: &str, namespace: &str) -> Result<Answer> {
        let path = format!("/v2/workflows?namespace={namespace}");
        self.send_text(Method::POST, &path, document).await
    }

    /// Begins the description of an execution; [`Start::send`] sends it.
    pub fn start(&self, workflow: &str) -> Start<'_> {
        Start {
            client: self,
            body: Map::from_iter([("workflow_name".into(), workflow.into())]),
            headers: HeaderMap::new(),
        }
    }

    /// One execution.
    pub async fn execution(&self, id: &str) -> Result<Value> {
        self.get(&format!("/v2/executions/{id}")).await?.expect(200)
    }

    /// Waits until an execution has ended, and answers with it.
    pub async fn ended(&self, id: &str) -> Result<Value> {
        self.in_state(id, &["SUCCESS", "ERROR", "CANCELLED"]).await
    }

    /// Waits until an execution is in one of these states, and answers with it.
    pub async fn in_state(&self, id: &str, states: &[&str]) -> Result<Value> {
        wait::until(&format!("execution {id} is in {states:?}"), || async {
            let execution = self.execution(id).await?;
            let state = execution["state"].as_str().unwrap_or_default();
            Ok(states.contains(&state).then_some(execution))
        })
        .await
    }

    /// The tasks of an execution, each by itself, with its result.
    pub async fn tasks(&self, id: &str) -> Result<Vec<Value>> {
        let path = format!("/v2/executions/{id}/tasks");
        let list = self.get(&path).await?.expect(200)?;
        let tasks = list["tasks"].as_array().context("no list of tasks")?;
        let one = |task: &Value| {
            let path = format!("/v2/tasks/{}", task["id"].as_str().unwrap_or_default());
            async move { self.get(&path).await?.expect(200) }
        };
        futures::future::try_join_all(tasks.iter().map(one)).await
    }

    /// The only task of this name of an execution.
    pub async fn task(&self, id: &str, name: &str) -> Result<Value> {
        let tasks = self.tasks(id).await?;
        tasks
            .into_iter()
            .find(|task| task["name"] == name)
            .with_context(|| format!("no task {name}"))
    }
}

/// A `POST /v2/executions` in the making.
#[derive(Debug)]
pub struct Start<'a> {
    client: &'a Client,
    body: Map<String, Value>,
    headers: HeaderMap,
}

impl Start<'_> {
    /// Sets a member of the body.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.body.insert(name.into(), value.into());
        self
    }

    /// The input.
    #[must_use]
    pub fn input(self, input: Value) -> Self {
        self.member("input", input)
    }

    /// The params.
    #[must_use]
    pub fn params(self, params: Value) -> Self {
        self.member("params", params)
    }

    /// What the caller gives to the actions and to nobody else.
    #[must_use]
    pub fn custom_context(self, context: Value) -> Self {
        self.member("custom_context", context)
    }

    /// Adds request headers, such as those of a target cloud.
    pub fn headers<N: AsRef<str>, V: AsRef<str>>(
        mut self,
        more: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self> {
        self.headers.extend(headers(more)?);
        Ok(self)
    }

    /// Sends it.
    pub async fn send(mut self) -> Result<Answer> {
        self.headers
            .extend(headers([("content-type", "application/json")])?);
        let body = serde_json::to_vec(&self.body)?;
        self.client
            .send(Method::POST, "/v2/executions", self.headers, Some(body))
            .await
    }

    /// Sends it, and answers with the id of the execution it made.
    pub async fn id(self) -> Result<String> {
        id_of(&self.send().await?.expect(201)?)
    }

    /// Sends it, and answers with the execution when it has ended.
    pub async fn ended(self) -> Result<Value> {
        let client = self.client;
        client.ended(&self.id().await?).await
    }
}

/// The document in a member that holds JSON as text; `{}` for null.
pub fn json_in(record: &Value, member: &str) -> Result<Value> {
    match record[member].as_str() {
        Some(text) => Ok(serde_json::from_str(text)?),
        None => Ok(json!({})),
    }
}
