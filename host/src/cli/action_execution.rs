//! `zonda action-execution …`: see, cancel and complete runs of actions.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    api_client::{ApiClient, Object},
    error::Error,
    execution::state,
    json_args,
    options::ListArgs,
    output::{cell, decoded, table},
    report,
    session::Session,
};
use crate::domain::State;

const COLUMNS: [&str; 6] = [
    "id",
    "name",
    "state",
    "accepted",
    "created_at",
    "updated_at",
];

const CUSTOM_CONTEXT: &str = "custom_context";

/// The members of an action execution in the order in which they are shown.
pub(super) const ORDER: [&str; 14] = [
    "id",
    "name",
    "state",
    "state_info",
    "workflow_name",
    "task_name",
    "task_execution_id",
    "description",
    "project_id",
    "accepted",
    "created_at",
    "updated_at",
    "input",
    "output",
];

/// What can be done with action executions.
#[derive(Debug, Subcommand)]
pub enum ActionExecutionCommand {
    /// List action executions, newest first.
    List {
        /// Which and how many.
        #[command(flatten)]
        list: ListArgs,
        /// Those of this action.
        #[arg(long)]
        name: Option<String>,
        /// Those in this state, as in RUNNING.
        #[arg(long, value_parser = state)]
        state: Option<State>,
    },
    /// Show an action execution; its custom context only with `-c custom_context`.
    Show {
        /// Its id.
        id: String,
    },
    /// Print what an action execution was given.
    Input {
        /// Its id.
        id: String,
    },
    /// Print the result of an action execution.
    Output {
        /// Its id.
        id: String,
    },
    /// Print what an action execution logged.
    Log {
        /// Its id.
        id: String,
    },
    /// Print the cloud requests that an action execution made.
    Requests {
        /// Its id.
        id: String,
    },
    /// End action executions that are going on.
    Cancel {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Complete an asynchronous action execution, or give it another state.
    Update {
        /// Its id.
        id: String,
        /// The state, as in SUCCESS.
        #[arg(long, value_parser = state)]
        state: State,
        /// The result: a JSON object, @FILE, or - for standard input.
        #[arg(long, value_name = "JSON")]
        output: Option<String>,
    },
    /// Delete action executions that have ended.
    Delete {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

/// Carries a command out.
pub(super) async fn run(
    command: &ActionExecutionCommand,
    session: &mut Session<'_>,
) -> Result<(), Error> {
    use ActionExecutionCommand::{
        Cancel, Delete, Input, List, Log, Output, Requests, Show, Update,
    };
    match command {
        List { list, name, state } => {
            let mut query = list.query();
            if !list.is_sorted() {
                query.push(("sort_keys", "created_at".to_owned()));
                query.push(("sort_dirs", "desc".to_owned()));
            }
            query.extend(name.clone().map(|name| ("name", name)));
            query.extend(state.map(|state| ("state", state.to_string())));
            let api = session.connect().await?;
            let executions = api.list("action_executions", &query, list.limit).await?;
            session.output.list(&executions, &list.columns(&COLUMNS))
        }
        Show { id } => {
            let mut execution = get(id, session).await?;
            // It is private: shown to who asks for it by name.
            if !session.output.has_column(CUSTOM_CONTEXT) {
                execution.remove(CUSTOM_CONTEXT);
            }
            session.output.show(&execution, &ORDER)
        }
        Input { id } => {
            let mut execution = get(id, session).await?;
            let input = execution.remove("input").unwrap_or_default();
            session.output.value(&decoded("input", input))
        }
        Output { id } => {
            let execution = get(id, session).await?;
            session.output.value(&result(&execution))?;
            for text in report::texts(&execution) {
                session.note(&text);
            }
            Ok(())
        }
        Log { id } => journal(Journal::Log, id, session).await,
        Requests { id } => journal(Journal::Requests, id, session).await,
        Cancel { ids } => {
            let api = session.connect().await?;
            for id in ids {
                cancel(&api, id).await?;
                session.note(&format!("cancelled action execution {id}"));
            }
            Ok(())
        }
        Update { id, state, output } => {
            let mut body = Object::new();
            body.insert("state".to_owned(), state.as_str().into());
            if let Some(output) = output {
                let output = json_args::object("--output", output)?;
                body.insert("output".to_owned(), output.into());
            }
            let api = session.connect().await?;
            let path = ["action_executions", id];
            let execution = api.send_json(Method::PUT, &path, &body.into()).await?;
            session.output.show(&execution, &ORDER)
        }
        Delete { ids } => {
            let api = session.connect().await?;
            for id in ids {
                api.delete(&["action_executions", id]).await?;
                session.note(&format!("deleted action execution {id}"));
            }
            Ok(())
        }
    }
}

/// Ends a run that is going on.
///
/// # Errors
/// When it has ended already.
pub(super) async fn cancel(api: &ApiClient, id: &str) -> Result<Object, Error> {
    let body = json!({"state": State::Cancelled.as_str()});
    api.send_json(Method::PUT, &["action_executions", id], &body)
        .await
}

/// What a run's output may have beside the result.
const REPORT: [&str; 4] = ["plan", "plan_left_out", "access_rules", "denied"];

/// The result of a run out of Mistral's `{"result": …}` around it; null when there is none.
pub(super) fn result(execution: &Object) -> Value {
    let output = execution.get("output").cloned().unwrap_or_default();
    let mut output = decoded("output", output);
    match output.as_object_mut() {
        Some(members)
            if members.contains_key("result")
                && members
                    .keys()
                    .all(|name| name == "result" || REPORT.contains(&name.as_str())) =>
        {
            members.remove("result").unwrap_or_default()
        }
        Some(_) | None => output,
    }
}

/// The two things that are kept of a run beside its result.
#[derive(Debug, Clone, Copy)]
pub(super) enum Journal {
    /// What it logged.
    Log,
    /// What it asked of clouds.
    Requests,
}

impl Journal {
    const fn route(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Requests => "requests",
        }
    }

    const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Log => &["at", "level", "message", "fields"],
            Self::Requests => &[
                "at",
                "method",
                "service_type",
                "region",
                "path",
                "status",
                "duration_ms",
                "error",
            ],
        }
    }

    /// The rows, and how many the host did not keep.
    pub(super) async fn fetch(
        self,
        api: &ApiClient,
        id: &str,
    ) -> Result<(Vec<Object>, u64), Error> {
        let mut answer = api.get(&["action_executions", id, self.route()]).await?;
        let rows = answer.remove(self.route()).unwrap_or_default();
        let dropped = answer.get("dropped").and_then(Value::as_u64).unwrap_or(0);
        Ok((serde_json::from_value(rows).unwrap_or_default(), dropped))
    }

    /// The rows as they are shown beside a result.
    pub(super) fn as_text(self, rows: &[Object], dropped: u64) -> String {
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| {
                let value = |column| row.get(column).map(cell).unwrap_or_default();
                self.columns().iter().copied().map(value).collect()
            })
            .collect();
        let mut text = match (rows.is_empty(), self) {
            (true, Self::Log) => "no log lines".to_owned(),
            (true, Self::Requests) => "no cloud requests".to_owned(),
            (false, _) => table(self.columns(), rows, None),
        };
        if dropped > 0 {
            text.push_str(&format!("\n{dropped} more were not kept"));
        }
        text
    }
}

async fn journal(journal: Journal, id: &str, session: &mut Session<'_>) -> Result<(), Error> {
    let api = session.connect().await?;
    let (rows, dropped) = journal.fetch(&api, id).await?;
    session.output.list(&rows, journal.columns())?;
    if dropped > 0 {
        session.note(&format!("{dropped} more were not kept"));
    }
    Ok(())
}

async fn get(id: &str, session: &Session<'_>) -> Result<Object, Error> {
    session
        .connect()
        .await?
        .get(&["action_executions", id])
        .await
}
