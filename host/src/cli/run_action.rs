//! `zonda action run`: the target's login, the run itself, the wait for its end, its result.

use std::{future::Future, pin::pin, time::Duration};

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::{
    action_execution::{self, Journal},
    api_client::{ApiClient, Object},
    context::ContextArgs,
    error::Error,
    json_args,
    options::Format,
    progress::Progress,
    report,
    session::Session,
};
use crate::domain::State;

/// How long the first pause between two looks at a saved run is, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

pub(super) const INTERRUPTED: u8 = 130;

/// What is to be run, and how.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The action's name, as in std.echo.
    name: String,
    /// Where an ad-hoc action is looked for, before the default namespace.
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// The input: a JSON object, @FILE, or - for standard input.
    #[arg(value_name = "INPUT")]
    document: Option<String>,
    /// One member of the input; JSON where VALUE reads as JSON, else text. May be repeated.
    #[arg(long = "input", value_name = "KEY=VALUE")]
    pairs: Vec<String>,
    /// Keep the run as an action execution, and wait for its end.
    #[arg(short, long)]
    save_result: bool,
    /// With --save-result: do not wait for the end of the run.
    #[arg(long, conflicts_with_all = ["run_sync", "trace"])]
    no_wait: bool,
    /// Let the server answer when the run has ended, also a saved one.
    #[arg(long)]
    run_sync: bool,
    /// End the run after so many seconds.
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u32).range(1..))]
    timeout: Option<u32>,
    /// Let only GET and HEAD out; show what else would have been asked of the cloud.
    #[arg(long)]
    dry_run: bool,
    /// Show the access rules that the run needs, and those of requests that were denied.
    #[arg(long)]
    audit: bool,
    /// End the run when it asks for more requests than so many besides GET, HEAD and OPTIONS.
    #[arg(long, value_name = "N")]
    mutating_requests: Option<u64>,
    #[command(flatten)]
    context: ContextArgs,
    /// Show the run's log and its cloud requests on standard error afterwards; saves the run.
    #[arg(long)]
    trace: bool,
}

/// Runs an action; the exit code tells how it ended.
pub(super) async fn run(args: &RunArgs, session: &mut Session<'_>) -> Result<u8, Error> {
    let context = args.context.read(session)?;
    let mut body = body(args)?;
    let progress = Progress::start(&format!("running {}", args.name), session.is_interactive);
    let (api, custom_context) = futures::try_join!(session.connect(), context.complete())?;
    if !custom_context.is_empty() {
        body.insert("custom_context".to_owned(), custom_context.into());
    }
    let path = ["action_executions"];
    let mut execution = api.send_json(Method::POST, &path, &body.into()).await?;
    let mut is_interrupted = false;
    if args.is_saved() && !args.no_wait && !is_completed(&execution) {
        let id = member(&execution, "id").to_owned();
        progress.aside(|| session.note(&format!("action execution {id}")));
        (execution, is_interrupted) = wait(&id, api, session).await?;
    }
    drop(progress);
    if is_interrupted {
        let (id, state) = (member(&execution, "id"), member(&execution, "state"));
        session.note(&format!("interrupted: action execution {id} is {state}"));
    }
    let code = finish(args, &execution, session).await?;
    Ok(if is_interrupted { INTERRUPTED } else { code })
}

impl RunArgs {
    const fn is_saved(&self) -> bool {
        self.save_result || self.trace
    }
}

/// The request without its custom context.
fn body(args: &RunArgs) -> Result<Object, Error> {
    let mut body = Object::new();
    body.insert("name".to_owned(), args.name.as_str().into());
    if let Some(namespace) = &args.namespace {
        body.insert("workflow_namespace".to_owned(), namespace.as_str().into());
    }
    let input = json_args::input(args.document.as_deref(), &args.pairs)?;
    body.insert("input".to_owned(), input.into());
    let mut params = Object::new();
    for (name, is_set) in [
        ("save_result", args.is_saved()),
        ("run_sync", args.run_sync),
        ("dry_run", args.dry_run),
        ("audit", args.audit),
    ] {
        if is_set {
            params.insert(name.to_owned(), Value::Bool(true));
        }
    }
    if let Some(timeout) = args.timeout {
        params.insert("timeout".to_owned(), timeout.into());
    }
    if let Some(limit) = args.mutating_requests {
        params.insert("mutating_requests".to_owned(), limit.into());
    }
    if !params.is_empty() {
        body.insert("params".to_owned(), params.into());
    }
    Ok(body)
}

/// Waits for the end of a saved run; Ctrl-C cancels it. Tells how it ended, and whether by Ctrl-C.
async fn wait(
    id: &str,
    mut api: ApiClient,
    session: &mut Session<'_>,
) -> Result<(Object, bool), Error> {
    let mut interrupt = pin!((session.interrupt)());
    let (mut pause, longest) = PAUSES;
    loop {
        let is_interrupted = first(interrupt.as_mut(), (session.pause)(pause)).await;
        if is_interrupted {
            return cancel(id, &api).await.map(|ended| (ended, true));
        }
        let execution = match api.get(&["action_executions", id]).await {
            // The run outlived our own token.
            Err(err) if err.status() == Some(401) => {
                api = session.connect().await?;
                api.get(&["action_executions", id]).await?
            }
            answer => answer?,
        };
        if is_completed(&execution) {
            return Ok((execution, false));
        }
        pause = (pause * 3 / 2).min(longest);
    }
}

/// Whether `interrupt` ends before `pause` does.
async fn first(interrupt: impl Future<Output = ()>, pause: impl Future<Output = ()>) -> bool {
    tokio::select! {
        biased;
        () = interrupt => true,
        () = pause => false,
    }
}

async fn cancel(id: &str, api: &ApiClient) -> Result<Object, Error> {
    match action_execution::cancel(api, id).await {
        Ok(execution) => Ok(execution),
        // It may have ended in the same moment.
        Err(err) => {
            let execution = api.get(&["action_executions", id]).await?;
            if is_completed(&execution) {
                Ok(execution)
            } else {
                Err(err)
            }
        }
    }
}

/// Prints what is known of the run: its result, or all of it where a form is asked for.
async fn finish(
    args: &RunArgs,
    execution: &Object,
    session: &mut Session<'_>,
) -> Result<u8, Error> {
    let shows_all = matches!(
        session.output.format(),
        Some(Format::Json | Format::Yaml | Format::Table)
    ) || session.output.has_columns();
    let state = member(execution, "state");
    let result = action_execution::result(execution);
    if shows_all || !is_completed(execution) {
        session.output.show(execution, &action_execution::ORDER)?;
    } else if state == State::Success.as_str() {
        session.output.value(&result)?;
    }
    if !shows_all {
        for text in report::texts(execution) {
            session.note(&text);
        }
    }
    if args.trace {
        trace(member(execution, "id"), session).await?;
    }
    if state == State::Success.as_str() || !is_completed(execution) {
        return Ok(0);
    }
    let reason = match &result {
        Value::Null => member(execution, "state_info").to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            serde_json::to_string_pretty(&result).unwrap_or_default()
        }
    };
    let colon = if reason.is_empty() { "" } else { ": " };
    session.note(&format!("{} ended in {state}{colon}{reason}", args.name));
    Ok(1)
}

async fn trace(id: &str, session: &mut Session<'_>) -> Result<(), Error> {
    let api = session.connect().await?;
    for journal in [Journal::Log, Journal::Requests] {
        let (rows, dropped) = journal.fetch(&api, id).await?;
        let text = journal.as_text(&rows, dropped);
        session.note(&text);
    }
    Ok(())
}

pub(super) fn is_completed(execution: &Object) -> bool {
    member(execution, "state")
        .parse()
        .is_ok_and(State::is_completed)
}

pub(super) fn member<'a>(execution: &'a Object, name: &str) -> &'a str {
    execution
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
