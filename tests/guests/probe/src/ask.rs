//! Asks for what it is told to, and answers with all that came back.

use std::io::{Read as _, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use zonda_sdk::{Context, Failure, Pending, Request, Response, Result, cloud};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    service_type: String,
    #[serde(default = "get")]
    method: String,
    path: String,
    region: Option<String>,
    #[serde(default)]
    query: Vec<(String, String)>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// Text as it is, anything else as JSON.
    body: Option<Value>,
}

fn get() -> String {
    "GET".into()
}

impl Ask {
    pub(crate) fn into_request(self) -> Request {
        let mut request = Request::new(self.service_type, self.method, self.path);
        for (name, value) in self.query {
            request = request.query(name, value);
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(region) = self.region {
            request = request.region(region);
        }
        match self.body {
            None => request,
            Some(Value::String(text)) => request.text(text),
            Some(body) => request.json(&body),
        }
    }
}

/// `{"status", "headers", "body"}`, or `{"error", "kind"}` if there was no answer.
pub(crate) fn shown(answer: std::result::Result<Response, cloud::Error>) -> Value {
    match answer {
        Ok(answer) => json!({
            "status": answer.status(), "headers": answer.headers(), "body": answer.text(),
        }),
        Err(error) => {
            let kind = format!("{:?}", error.kind);
            let kind = kind.trim_start_matches("Error::").split(['(', ' ']).next();
            json!({"error": error.to_string(), "kind": kind})
        }
    }
}

pub(crate) fn request(ctx: &Context, ask: Ask) -> Result<Value> {
    Ok(shown(
        ctx.cloud().and_then(|cloud| cloud.send(ask.into_request())),
    ))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Asks {
    requests: Vec<Ask>,
}

pub(crate) fn requests(ctx: &Context, asks: Asks) -> Result<Vec<Value>> {
    let requests = asks.requests.into_iter().map(Ask::into_request);
    Ok(ctx
        .cloud()?
        .send_all(requests)
        .into_iter()
        .map(shown)
        .collect())
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Stream {
    service_type: String,
    path: String,
    /// Bytes in all: how many to write, or to read before it gives up.
    bytes: u64,
    /// Bytes in a chunk.
    chunk: u32,
    /// What length to announce for an upload.
    announce: Option<u64>,
}

pub(crate) fn download(ctx: &Context, stream: Stream) -> Result<Value> {
    let request = Request::get(stream.service_type, stream.path);
    let answer = ctx.cloud()?.open(request)?;
    let status = answer.status();
    let mut rest = answer.take(stream.bytes);
    let mut chunk = vec![0; stream.chunk as usize];
    let (mut bytes, mut sum) = (0, 0_u64);
    loop {
        let length = rest.read(&mut chunk)?;
        let read = chunk.get(..length).unwrap_or_default();
        if read.is_empty() {
            return Ok(json!({"status": status, "bytes": bytes, "sum": sum}));
        }
        bytes += length;
        sum += read.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    }
}

pub(crate) fn upload(ctx: &Context, stream: Stream) -> Result<Value> {
    let request = Request::new(stream.service_type, "PUT", stream.path)
        .header("content-type", "application/octet-stream");
    let mut upload = ctx.cloud()?.upload(request, stream.announce)?;
    let chunk = vec![b'z'; stream.chunk as usize];
    let mut rest = stream.bytes;
    while rest > 0 {
        let length = chunk.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        upload.write_all(chunk.get(..length).unwrap_or_default())?;
        rest -= length as u64;
    }
    Ok(shown(upload.finish()))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Url {
    #[serde(default = "get")]
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<String>,
}

pub(crate) fn http(ctx: &Context, input: Url) -> Result<Value> {
    let mut request = zonda_sdk::http::Request::new(input.method, input.url);
    for (name, value) in input.headers {
        request = request.header(name, value);
    }
    if let Some(body) = input.body {
        request = request.text(body);
    }
    Ok(shown(ctx.http().send(request)))
}

/// All that an action is told: the facts of the run and of the token, the services, the custom context, and what a
/// program finds around it.
pub(crate) fn context(ctx: &Context, (): ()) -> Result<Value> {
    let facts = ctx.facts();
    let cloud = match ctx.cloud() {
        Err(error) => json!({"error": error.to_string()}),
        Ok(cloud) => {
            let facts = cloud.facts();
            json!({
                "auth_url": facts.auth_url,
                "region": facts.region,
                "project_id": facts.project_id,
                "project_name": facts.project_name,
                "user_id": facts.user_id,
                "roles": facts.roles,
                "expires_at_unix_ms": facts.expires_at_unix_ms,
                "is_target": facts.is_target,
                "services": cloud.services(),
            })
        }
    };
    let files = std::fs::read_dir("/").map(|folder| folder.flatten().count());
    Ok(json!({
        "custom_context": ctx.custom_context::<Value>()?,
        "facts": {
            "action_execution_id": facts.action_execution_id,
            "name": facts.name,
            "attempt": facts.attempt,
            "deadline_unix_ms": facts.deadline_unix_ms,
            "task_name": facts.task_name,
            "task_execution_id": facts.task_execution_id,
            "execution_id": facts.execution_id,
            "root_execution_id": facts.root_execution_id,
            "workflow_name": facts.workflow_name,
            "with_items_index": facts.with_items_index,
            "project_id": facts.project_id,
            "request_id": facts.request_id,
            "callback_url": facts.callback_url,
        },
        "cloud": cloud,
        "environment": std::env::vars().collect::<Vec<_>>(),
        "arguments": std::env::args().collect::<Vec<_>>(),
        "files": files.ok(),
    }))
}

/// The time as the guest's clock tells it, in microseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a guest has no other clock")]
pub(crate) fn now(_: &Context, (): ()) -> Result<u64> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = since_1970.unwrap_or_default().as_micros();
    Ok(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Fail {
    message: String,
    detail: Option<Value>,
    #[serde(default)]
    retryable: bool,
}

pub(crate) fn fail(_: &Context, input: Fail) -> Result<()> {
    Err(Failure {
        message: input.message,
        detail: input.detail,
        retryable: input.retryable,
    })
}

pub(crate) fn pending(ctx: &Context, (): ()) -> Result<Pending> {
    ctx.log().info("waiting for somebody to complete this");
    Ok(Pending)
}
