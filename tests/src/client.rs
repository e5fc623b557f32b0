//! The REST calls that tests make; an answer of any status is a value.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use crate::wait;

/// What the host answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub bytes: Vec<u8>,
    /// The body as JSON; null when it is something else.
    pub body: Value,
}

impl Answer {
    /// The body, if the status is the expected one.
    pub fn expect(self, status: u16) -> Result<Value> {
        ensure!(
            self.status == status,
            "expected {status}, got {}: {}",
            self.status,
            self.text()
        );
        Ok(self.body)
    }

    /// The `faultstring` of a refusal with this status, in Mistral's shape.
    pub fn fault(self, status: u16) -> Result<String> {
        let body = self.expect(status)?;
        let expected = if status < 500 { "Client" } else { "Server" };
        ensure!(
            body["faultcode"] == expected,
            "faultcode is not {expected}: {body}"
        );
        Ok(body["faultstring"]
            .as_str()
            .with_context(|| format!("no faultstring: {body}"))?
            .to_owned())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// A caller of the host.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    /// A caller without a token.
    pub fn new(base: &str) -> Result<Self> {
        Ok(Self {
            http: crate::http_client(None)?,
            base: base.into(),
            token: None,
        })
    }

    /// The same caller with a token.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Any request; `path` begins with a slash.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Option<Vec<u8>>,
    ) -> Result<Answer> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .headers(headers);
        if let Some(token) = &self.token {
            request = request.header("X-Auth-Token", token);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?.to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer {
            status,
            headers,
            bytes,
            body,
        })
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, HeaderMap::new(), None).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Result<Answer> {
        self.send(Method::DELETE, path, HeaderMap::new(), None)
            .await
    }

    /// `POST` or `PUT` of a JSON document.
    pub async fn send_json(&self, method: Method, path: &str, body: &Value) -> Result<Answer> {
        let headers = headers([("content-type", "application/json")])?;
        self.send(method, path, headers, Some(serde_json::to_vec(body)?))
            .await
    }

    /// `POST` or `PUT` of a document of text, as Mistral's clients send definitions.
    pub async fn send_text(&self, method: Method, path: &str, document: &str) -> Result<Answer> {
        let headers = headers([("content-type", "text/plain")])?;
        self.send(method, path, headers, Some(document.into()))
            .await
    }

    // ---- Modules.

    /// Uploads a component as a private module.
    pub async fn push(&self, name: &str, component: Vec<u8>) -> Result<Answer> {
        self.push_as(name, "private", component).await
    }

    /// Uploads a component as a module of a scope, `private` or `public`.
    pub async fn push_as(&self, name: &str, scope: &str, component: Vec<u8>) -> Result<Answer> {
        let path = format!("/v2/modules?name={name}&scope={scope}");
        self.send(Method::POST, &path, wasm()?, Some(component))
            .await
    }

    /// Uploads a module's next version.
    pub async fn update_module(&self, name: &str, component: Vec<u8>) -> Result<Answer> {
        self.send(
            Method::PUT,
            &format!("/v2/modules/{name}"),
            wasm()?,
            Some(component),
        )
        .await
    }

    /// Makes an earlier version of a module its current one.
    pub async fn roll_back(&self, name: &str, version: u32) -> Result<Answer> {
        self.send_json(
            Method::POST,
            &format!("/v2/modules/{name}/rollback"),
            &json!({ "version": version }),
        )
        .await
    }

    // ---- Action executions.

    /// Begins the description of a run; [`Run::send`] sends it.
    pub fn run(&self, action: &str) -> Run<'_> {
        let body = Map::from_iter([("name".into(), action.into())]);
        Run {
            client: self,
            body,
            params: Map::new(),
            headers: HeaderMap::new(),
        }
    }

    /// One action execution.
    pub async fn action_execution(&self, id: &str) -> Result<Answer> {
        self.get(&format!("/v2/action_executions/{id}")).await
    }

    /// Completes an asynchronous action execution, or cancels a running one.
    pub async fn update_action_execution(&self, id: &str, body: &Value) -> Result<Answer> {
        self.send_json(Method::PUT, &format!("/v2/action_executions/{id}"), body)
            .await
    }

    /// Waits until an action execution has left RUNNING, and answers with it.
    pub async fn completed(&self, id: &str) -> Result<Value> {
        wait::until(&format!("action execution {id} is complete"), || async {
            let body = self.action_execution(id).await?.expect(200)?;
            Ok(Some(body).filter(|body| body["state"] != "RUNNING"))
        })
        .await
    }
}

/// A `POST /v2/action_executions` in the making.
#[derive(Debug)]
pub struct Run<'a> {
    client: &'a Client,
    body: Map<String, Value>,
    params: Map<String, Value>,
    headers: HeaderMap,
}

impl Run<'_> {
    /// Sets a member of the body.
    #[must_use]
    pub fn member(mut self, name: &str, value: Value) -> Self {
        self.body.insert(name.into(), value);
        self
    }

    /// The action's input, an object.
    #[must_use]
    pub fn input(self, input: Value) -> Self {
        self.member("input", input)
    }

    /// What the caller gives to the action and to nobody else.
    #[must_use]
    pub fn custom_context(self, context: Value) -> Self {
        self.member("custom_context", context)
    }

    /// Sets one of `params`.
    #[must_use]
    pub fn param(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.into(), value.into());
        self
    }

    /// Stores the run.
    #[must_use]
    pub fn saved(self) -> Self {
        self.param("save_result", true)
    }

    /// Adds request headers, such as those of a target cloud.
    pub fn headers<N: AsRef<str>, V: AsRef<str>>(
        mut self,
        more: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self> {
        self.headers.extend(headers(more)?);
        Ok(self)
    }

    /// The body of the request, to be sent otherwise.
    pub fn into_body(mut self) -> Value {
        if !self.params.is_empty() {
            self.body
                .insert("params".into(), Value::Object(self.params));
        }
        Value::Object(self.body)
    }

    /// Sends it.
    pub async fn send(mut self) -> Result<Answer> {
        self.headers
            .insert("content-type", HeaderValue::from_static("application/json"));
        let (client, headers) = (self.client, std::mem::take(&mut self.headers));
        let body = serde_json::to_vec(&self.into_body())?;
        client
            .send(Method::POST, "/v2/action_executions", headers, Some(body))
            .await
    }

    /// Sends it, and answers with the action execution it made.
    pub async fn created(self) -> Result<Value> {
        self.send().await?.expect(201)
    }

    /// Sends it, and answers with what a successful action returned.
    pub async fn result(self) -> Result<Value> {
        let execution = self.created().await?;
        ensure!(
            execution["state"] == "SUCCESS",
            "the run did not succeed: {execution}"
        );
        result_of(&execution)
    }

    /// Sends it, and answers with the words of an action that failed.
    pub async fn error(self) -> Result<String> {
        let execution = self.created().await?;
        ensure!(
            execution["state"] == "ERROR",
            "the run did not fail: {execution}"
        );
        let result = result_of(&execution)?;
        Ok(result
            .as_str()
            .map_or_else(|| result.to_string(), str::to_owned))
    }
}

/// The result in an action execution: `output` is JSON text, and the result a member of it.
pub fn result_of(execution: &Value) -> Result<Value> {
    let output = execution["output"]
        .as_str()
        .with_context(|| format!("no output: {execution}"))?;
    let output: Value = serde_json::from_str(output)?;
    output
        .get("result")
        .cloned()
        .with_context(|| format!("no result: {output}"))
}

/// The id of a stored record.
pub fn id_of(record: &Value) -> Result<String> {
    Ok(record["id"]
        .as_str()
        .with_context(|| format!("no id: {record}"))?
        .to_owned())
}

/// A header map of names and values.
pub fn headers<N: AsRef<str>, V: AsRef<str>>(
    pairs: impl IntoIterator<Item = (N, V)>,
) -> Result<HeaderMap> {
    let parse = |(name, value): (N, V)| {
        let (name, value) = (name.as_ref(), value.as_ref());
        Ok((name.parse::<HeaderName>()?, value.parse::<HeaderValue>()?))
    };
    pairs.into_iter().map(parse).collect()
}

fn wasm() -> Result<HeaderMap> {
    headers([("content-type", "application/wasm")])
}
