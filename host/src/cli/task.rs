//! `zonda task …`: see tasks and their results, run them again, leave them out.

use clap::{Args, Subcommand};
use reqwest::Method;

use super::{
    api_client::Object, context::ContextArgs, error::Error, execution, json_args,
    options::ListArgs, output::decoded, session::Session,
};
use crate::domain::State;

const COLUMNS: [&str; 7] = [
    "id",
    "name",
    "type",
    "workflow_name",
    "state",
    "started_at",
    "finished_at",
];

const ORDER: [&str; 17] = [
    "id",
    "name",
    "type",
    "workflow_name",
    "workflow_namespace",
    "workflow_id",
    "workflow_execution_id",
    "state",
    "state_info",
    "tags",
    "project_id",
    "processed",
    "created_at",
    "started_at",
    "finished_at",
    "runtime_context",
    "published",
];

/// What can be done with tasks.
#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// List tasks, of an execution or of all.
    List {
        /// The execution's id.
        execution: Option<String>,
        /// Which and how many.
        #[command(flatten)]
        list: ListArgs,
        /// Those of this name.
        #[arg(long)]
        name: Option<String>,
        /// Those in this state, as in RUNNING.
        #[arg(long, value_parser = execution::state)]
        state: Option<State>,
    },
    /// Show a task with its result.
    Show {
        /// Its id.
        id: String,
    },
    /// Print what a task came to.
    Result {
        /// Its id.
        id: String,
    },
    /// Print what a task published.
    Published {
        /// Its id.
        id: String,
    },
    /// List the executions that a task began, and all below them.
    SubExecutions {
        /// Its id.
        id: String,
        /// Only those that led to errors.
        #[arg(long)]
        errors_only: bool,
        /// How far down, 0 for what the task itself began.
        #[arg(long, value_name = "N")]
        max_depth: Option<u32>,
    },
    /// Run a task that ended in ERROR again; on a target cloud with the target given again.
    Rerun(Box<RerunArgs>),
    /// Leave a task that ended in ERROR out: its execution goes on as its on-skip says; on a target cloud with the target
    /// given again.
    Skip(Box<SkipArgs>),
}

/// How a task is run again.
#[derive(Debug, Args)]
pub struct RerunArgs {
    /// Its id.
    id: String,
    /// Of a task with items only those that failed or were not begun.
    #[arg(long)]
    resume: bool,
    /// Variables over those of the execution: a JSON object, @FILE, or - for standard input.
    #[arg(long, short, value_name = "JSON")]
    env: Option<String>,
    #[command(flatten)]
    context: ContextArgs,
}

/// Which task is left out.
#[derive(Debug, Args)]
pub struct SkipArgs {
    /// Its id.
    id: String,
    #[command(flatten)]
    context: ContextArgs,
}

/// Carries a command out.
pub(super) async fn run(command: &TaskCommand, session: &mut Session<'_>) -> Result<(), Error> {
    match command {
        TaskCommand::List {
            execution,
            list,
            name,
            state,
        } => {
            let mut query = list.query();
            query.extend(name.clone().map(|name| ("name", name)));
            query.extend(state.map(|state| ("state", state.to_string())));
            let of_execution = execution.as_deref().map(|id| ["executions", id, "tasks"]);
            let path = of_execution
                .as_ref()
                .map_or(&["tasks"][..], |path| &path[..]);
            let api = session.connect().await?;
            let tasks = api.list_at(path, "tasks", &query, list.limit).await?;
            session.output.list(&tasks, &list.columns(&COLUMNS))
        }
        TaskCommand::Show { id } => {
            let task = get(id, session).await?;
            session.output.show(&task, &ORDER)
        }
        TaskCommand::Result { id } => {
            let mut task = get(id, session).await?;
            let result = task.remove("result").unwrap_or_default();
            // JSON as text, whatever it is: a text, too.
            let result = match result.as_str().map(serde_json::from_str) {
                Some(Ok(document)) => document,
                Some(Err(_)) | None => result,
            };
            session.output.value(&result)
        }
        TaskCommand::Published { id } => {
            let mut task = get(id, session).await?;
            for name in ["published", "published_global"] {
                if let Some(published) = task.remove(name) {
                    session.output.value(&decoded(name, published))?;
                }
            }
            Ok(())
        }
        TaskCommand::SubExecutions {
            id,
            errors_only,
            max_depth,
        } => {
            let query = execution::tree_query(*errors_only, *max_depth);
            execution::list_below(&["tasks", id, "executions"], &query, session).await
        }
        TaskCommand::Rerun(args) => rerun(args, session).await,
        TaskCommand::Skip(args) => {
            let mut body = Object::new();
            body.insert("state".to_owned(), State::Skipped.as_str().into());
            change(&args.id, body, &args.context, session).await
        }
    }
}

async fn rerun(args: &RerunArgs, session: &mut Session<'_>) -> Result<(), Error> {
    let mut body = Object::new();
    body.insert("state".to_owned(), State::Running.as_str().into());
    body.insert("reset".to_owned(), (!args.resume).into());
    if let Some(env) = &args.env {
        let env = json_args::object("--env", env)?;
        body.insert("env".to_owned(), env.into());
    }
    change(&args.id, body, &args.context, session).await
}

async fn change(
    id: &str,
    mut body: Object,
    context: &ContextArgs,
    session: &mut Session<'_>,
) -> Result<(), Error> {
    let context = context.read(session)?.complete().await?;
    if !context.is_empty() {
        body.insert("custom_context".to_owned(), context.into());
    }
    let api = session.connect().await?;
    let path = ["tasks", id];
    let task = api.send_json(Method::PUT, &path, &body.into()).await?;
    session.output.show(&task, &ORDER)
}

async fn get(id: &str, session: &Session<'_>) -> Result<Object, Error> {
    session.connect().await?.get(&["tasks", id]).await
}
