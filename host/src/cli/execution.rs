//! `zonda execution …`: start workflows, look at their runs, hold, resume and end them.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::{
    api_client::Object,
    context::ContextArgs,
    error::Error,
    execution_report,
    graph::{self, GraphArgs},
    json_args,
    options::ListArgs,
    output::decoded,
    progress::Progress,
    run_action::{is_completed, member},
    session::Session,
    watch,
};
use crate::domain::State;

const COLUMNS: [&str; 6] = [
    "id",
    "workflow_name",
    "state",
    "description",
    "created_at",
    "updated_at",
];

const CUSTOM_CONTEXT: &str = "custom_context";

/// The members of an execution in the order in which they are shown.
pub(super) const ORDER: [&str; 18] = [
    "id",
    "workflow_id",
    "workflow_name",
    "workflow_namespace",
    "state",
    "state_info",
    "description",
    "tags",
    "project_id",
    "task_execution_id",
    "root_execution_id",
    "source_execution_id",
    "created_at",
    "updated_at",
    "params",
    "input",
    "output",
    "published_global",
];

/// What can be done with executions.
#[derive(Debug, Subcommand)]
pub enum ExecutionCommand {
    /// Start an execution of a workflow.
    Create(Box<CreateArgs>),
    /// List executions, newest first.
    List {
        /// Which and how many.
        #[command(flatten)]
        list: ListArgs,
        /// Those of this workflow.
        #[arg(long, value_name = "NAME")]
        workflow: Option<String>,
        /// Those in this state, as in RUNNING.
        #[arg(long, value_parser = state)]
        state: Option<State>,
        /// Those that this task began.
        #[arg(long, value_name = "ID")]
        task: Option<String>,
        /// Those that no other execution began.
        #[arg(long)]
        roots_only: bool,
    },
    /// Show an execution; its custom context only with `-c custom_context`.
    Show {
        /// Its id.
        id: String,
    },
    /// Print what an execution was given.
    ShowInput {
        /// Its id.
        id: String,
    },
    /// Print what an execution came to.
    ShowOutput {
        /// Its id.
        id: String,
    },
    /// Show what became of each task of an execution and below it, by default of those that failed.
    ShowReport {
        /// Its id.
        id: String,
        /// Every task, not only those that led to errors.
        #[arg(long)]
        all: bool,
        /// How far down, 0 for the execution itself.
        #[arg(long, value_name = "N")]
        max_depth: Option<u32>,
        /// Only how many tasks are in which state.
        #[arg(long)]
        statistics_only: bool,
    },
    /// Print what the tasks of an execution published for all of it.
    Published {
        /// Its id.
        id: String,
    },
    /// Draw an execution's workflow, each task in the color of its state.
    Graph {
        /// Which.
        id: String,
        /// How.
        #[command(flatten)]
        drawing: GraphArgs,
    },
    /// List an execution and all executions below it.
    SubExecutions {
        /// Its id.
        id: String,
        /// Only those that led to errors.
        #[arg(long)]
        errors_only: bool,
        /// How far down, 0 for the execution itself.
        #[arg(long, value_name = "N")]
        max_depth: Option<u32>,
    },
    /// Hold, resume or end an execution, or describe it.
    Update {
        /// Its id.
        id: String,
        /// PAUSED, RUNNING, SUCCESS, ERROR or CANCELLED.
        #[arg(long, short, value_parser = state)]
        state: Option<State>,
        /// Why it ends.
        #[arg(long, value_name = "TEXT", requires = "state")]
        reason: Option<String>,
        /// Variables over those that it has: a JSON object, @FILE, or - for standard input.
        #[arg(long, short, value_name = "JSON")]
        env: Option<String>,
        /// Other words about it.
        #[arg(long, short)]
        description: Option<String>,
    },
    /// Delete executions with all below them.
    Delete {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<String>,
        /// Also those that have not ended.
        #[arg(long)]
        force: bool,
    },
    /// Show the tasks of an execution while it runs; the exit code is 0 when it ends in SUCCESS.
    Watch {
        /// Its id.
        id: String,
    },
}

/// What is to be started.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The workflow's name or id; with --source left out, the source's.
    #[arg(required_unless_present = "source")]
    workflow: Option<String>,
    /// The input: a JSON object, @FILE, or - for standard input.
    #[arg(value_name = "INPUT")]
    document: Option<String>,
    /// One member of the input; JSON where VALUE reads as JSON, else text. May be repeated.
    #[arg(long = "input", value_name = "KEY=VALUE")]
    pairs: Vec<String>,
    /// `env`, `task_name` (of a reverse workflow), …: a JSON object, @FILE, or - for standard input.
    #[arg(long, value_name = "JSON")]
    params: Option<String>,
    /// The environment whose variables the workflow sees.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// The namespace in which the workflow's name is looked up first.
    #[arg(long)]
    namespace: Option<String>,
    /// Words about the execution.
    #[arg(long, short)]
    description: Option<String>,
    /// The execution to repeat: what is not given is taken from it.
    #[arg(long, short, value_name = "ID")]
    source: Option<String>,
    /// The execution's id, a UUID; one that exists is shown as it is.
    #[arg(long, value_name = "UUID")]
    id: Option<String>,
    #[command(flatten)]
    context: ContextArgs,
    /// Show the tasks while they run, and print the output at the end.
    #[arg(long)]
    watch: bool,
}

/// Carries a command out; tells the exit code.
pub(super) async fn run(
    command: &ExecutionCommand,
    session: &mut Session<'_>,
) -> Result<u8, Error> {
    if let ExecutionCommand::Create(args) = command {
        return create(args, session).await;
    }
    if let ExecutionCommand::Watch { id } = command {
        let api = session.connect().await?;
        return watch::watch(id, api, session).await;
    }
    look_after(command, session).await.map(|()| 0)
}

async fn look_after(command: &ExecutionCommand, session: &mut Session<'_>) -> Result<(), Error> {
    match command {
        ExecutionCommand::Create(_) | ExecutionCommand::Watch { .. } => Ok(()),
        ExecutionCommand::List {
            list,
            workflow,
            state,
            task,
            roots_only,
        } => {
            let mut query = list.query();
            if !list.is_sorted() {
                query.push(("sort_keys", "created_at".to_owned()));
                query.push(("sort_dirs", "desc".to_owned()));
            }
            query.extend(workflow.clone().map(|name| ("workflow_name", name)));
            query.extend(state.map(|state| ("state", state.to_string())));
            query.extend(task.clone().map(|task| ("task_execution_id", task)));
            if *roots_only {
                query.push(("nulls", "root_execution_id".to_owned()));
            }
            let api = session.connect().await?;
            let executions = api.list("executions", &query, list.limit).await?;
            session.output.list(&executions, &list.columns(&COLUMNS))
        }
        ExecutionCommand::Show { id } => {
            let mut execution = get(id, session).await?;
            // It is private: shown to who asks for it by name.
            if !session.output.has_column(CUSTOM_CONTEXT) {
                execution.remove(CUSTOM_CONTEXT);
            }
            session.output.show(&execution, &ORDER)
        }
        ExecutionCommand::ShowInput { id } => print(id, "input", session).await,
        ExecutionCommand::ShowOutput { id } => print(id, "output", session).await,
        ExecutionCommand::Published { id } => print(id, "published_global", session).await,
        ExecutionCommand::ShowReport {
            id,
            all,
            max_depth,
            statistics_only,
        } => {
            let mut query = tree_query(!all, *max_depth);
            query.push(("statistics_only", statistics_only.to_string()));
            let api = session.connect().await?;
            let report = api.get_with(&["executions", id, "report"], &query).await?;
            execution_report::print(&report, session)
        }
        ExecutionCommand::Graph { id, drawing } => graph::execution(id, drawing, session).await,
        ExecutionCommand::SubExecutions {
            id,
            errors_only,
            max_depth,
        } => {
            let query = tree_query(*errors_only, *max_depth);
            list_below(&["executions", id, "executions"], &query, session).await
        }
        ExecutionCommand::Update {
            id,
            state,
            reason,
            env,
            description,
        } => {
            let mut body = Object::new();
            let mut put = |name: &str, value: Option<Value>| {
                body.extend(value.map(|value| (name.to_owned(), value)));
            };
            put("state", state.map(|state| state.as_str().into()));
            put("state_info", reason.clone().map(Value::from));
            put("description", description.clone().map(Value::from));
            if let Some(env) = env {
                let env = json_args::object("--env", env)?;
                put("params", Some(serde_json::json!({ "env": env })));
            }
            if body.is_empty() {
                return Err(Error::usage(
                    "nothing to change: give --state, --env or --description",
                ));
            }
            let api = session.connect().await?;
            let path = ["executions", id];
            let execution = api.send_json(Method::PUT, &path, &body.into()).await?;
            session.output.show(&execution, &ORDER)
        }
        ExecutionCommand::Delete { ids, force } => {
            let api = session.connect().await?;
            let query = force.then(|| ("force", "true".to_owned()));
            for id in ids {
                api.delete_with(&["executions", id], query.as_slice())
                    .await?;
                session.note(&format!("deleted execution {id}"));
            }
            Ok(())
        }
    }
}

async fn create(args: &CreateArgs, session: &mut Session<'_>) -> Result<u8, Error> {
    let context = args.context.read(session)?;
    let mut body = body(args)?;
    let what = args.workflow.as_deref().unwrap_or("the execution");
    let progress = Progress::start(&format!("starting {what}"), session.is_interactive);
    let (api, context) = futures::try_join!(session.connect(), context.complete())?;
    if !context.is_empty() {
        body.insert(CUSTOM_CONTEXT.to_owned(), context.into());
    }
    let path = ["executions"];
    let execution = api.send_json(Method::POST, &path, &body.into()).await?;
    drop(progress);
    if !args.watch {
        return session.output.show(&execution, &ORDER).map(|()| 0);
    }
    let id = member(&execution, "id").to_owned();
    session.note(&format!("execution {id}"));
    let code = watch::watch(&id, api, session).await?;
    let execution = get(&id, session).await?;
    if is_completed(&execution) {
        let output = execution.get("output").cloned().unwrap_or_default();
        session.output.value(&decoded("output", output))?;
    }
    Ok(code)
}

/// The request without its custom context.
fn body(args: &CreateArgs) -> Result<Object, Error> {
    let mut body = Object::new();
    let mut put = |name: &str, value: &Option<String>| {
        let value = value.as_deref();
        body.extend(value.map(|value| (name.to_owned(), Value::from(value))));
    };
    let is_id = |name: &String| uuid::Uuid::try_parse(name).is_ok();
    let by_id = args.workflow.clone().filter(is_id);
    let by_name = args.workflow.clone().filter(|name| !is_id(name));
    put("workflow_id", &by_id);
    put("workflow_name", &by_name);
    put("workflow_namespace", &args.namespace);
    put("description", &args.description);
    put("source_execution_id", &args.source);
    put("id", &args.id);
    let input = json_args::input(args.document.as_deref(), &args.pairs)?;
    if args.document.is_some() || !input.is_empty() {
        body.insert("input".to_owned(), input.into());
    }
    let mut params = match &args.params {
        Some(params) => json_args::object("--params", params)?,
        None => Object::new(),
    };
    if let Some(environment) = &args.environment {
        if params.contains_key("env") {
            return Err(Error::usage(
                "--params has `env` and --environment is given as well; give one of them",
            ));
        }
        params.insert("env".to_owned(), environment.as_str().into());
    }
    if !params.is_empty() {
        body.insert("params".to_owned(), params.into());
    }
    Ok(body)
}

/// The arguments that ask for a part of a tree.
pub(super) fn tree_query(errors_only: bool, max_depth: Option<u32>) -> Vec<(&'static str, String)> {
    let mut query = Vec::new();
    if errors_only {
        query.push(("errors_only", "true".to_owned()));
    }
    query.extend(max_depth.map(|depth| ("max_depth", depth.to_string())));
    query
}

/// Prints the executions of a tree.
pub(super) async fn list_below(
    path: &[&str],
    query: &[(&str, String)],
    session: &mut Session<'_>,
) -> Result<(), Error> {
    let mut answer = session.connect().await?.get_with(path, query).await?;
    let executions = answer.remove("executions").unwrap_or_default();
    let executions: Vec<Object> = serde_json::from_value(executions).unwrap_or_default();
    let mut columns = COLUMNS.to_vec();
    columns.push("root_execution_id");
    session.output.list(&executions, &columns)
}

async fn print(id: &str, name: &str, session: &mut Session<'_>) -> Result<(), Error> {
    let mut execution = get(id, session).await?;
    let value = execution.remove(name).unwrap_or_default();
    session.output.value(&decoded(name, value))
}

async fn get(id: &str, session: &Session<'_>) -> Result<Object, Error> {
    session.connect().await?.get(&["executions", id]).await
}

/// A state by its name.
pub(super) fn state(text: &str) -> Result<State, String> {
    text.to_ascii_uppercase().parse().map_err(|()| {
        let names: Vec<&str> = State::ALL.iter().map(|state| state.as_str()).collect();
        format!("there are {}", names.join(", "))
    })
}
