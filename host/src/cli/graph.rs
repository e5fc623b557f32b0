//! `zonda workflow graph …` and `zonda execution graph …`: drawings of definitions, and of how far executions are.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::Value;

use super::{
    api_client::{ApiClient, Object},
    definition::within,
    error::Error,
    options::Form,
    session::Session,
};
use crate::{
    domain::State,
    lang::{self, graph},
};

/// How a drawing is made.
#[derive(Debug, Clone, Args)]
pub struct GraphArgs {
    /// What the drawing is written in.
    #[arg(short, long, value_parser = Form::drawings(), default_value = "dot")]
    format: Form,
}

impl GraphArgs {
    fn format(&self) -> Result<graph::Format, Error> {
        match self.format {
            Form::Drawing(format) => Ok(format),
            Form::Results(_) => Err(Error::Usage(
                "a graph has the format dot, mermaid or svg: give it after `graph`".to_owned(),
            )),
        }
    }
}

/// Draws the workflow of this name or id.
pub(super) async fn workflow(
    workflow: &str,
    namespace: &str,
    args: &GraphArgs,
    session: &mut Session<'_>,
) -> Result<(), Error> {
    let format = args.format()?;
    let api = session.connect().await?;
    let workflow = definition(&api, workflow, namespace).await?;
    print(&workflow, &BTreeMap::new(), format, session)
}

/// Draws the workflow that the execution `id` runs, its tasks in the colors of their states.
pub(super) async fn execution(
    id: &str,
    args: &GraphArgs,
    session: &mut Session<'_>,
) -> Result<(), Error> {
    let format = args.format()?;
    let api = session.connect().await?;
    let execution = api.get(&["executions", id]).await?;
    let workflow = definition(&api, member(&execution, "workflow_id")?, "").await?;
    // The latest of a name is the last.
    let query = [
        ("workflow_execution_id", id.to_owned()),
        ("fields", "id,name,state".to_owned()),
        ("sort_keys", "created_at".to_owned()),
    ];
    let mut states = BTreeMap::new();
    for task in api.list("tasks", &query, None).await? {
        if let Ok(state) = member(&task, "state")?.parse::<State>() {
            states.insert(member(&task, "name")?.to_owned(), state);
        }
    }
    print(&workflow, &states, format, session)
}

async fn definition(
    api: &ApiClient,
    workflow: &str,
    namespace: &str,
) -> Result<lang::Workflow, Error> {
    let path = ["workflows", workflow];
    let found = api.get_with(&path, &within(namespace)).await?;
    let unreadable = |faults: Vec<lang::Fault>| {
        let fault = faults.first().map(ToString::to_string);
        let fault = fault.unwrap_or_default();
        answer(format!("its definition cannot be read here: {fault}"))
    };
    lang::workflow(member(&found, "definition")?).map_err(unreadable)
}

fn member<'a>(object: &'a Object, name: &str) -> Result<&'a str, Error> {
    let text = object.get(name).and_then(Value::as_str);
    text.ok_or_else(|| answer(format!("it has no `{name}`")))
}

fn answer(reason: String) -> Error {
    Error::Answer {
        url: "the workflow service".to_owned(),
        reason,
    }
}

fn print(
    workflow: &lang::Workflow,
    states: &BTreeMap<String, State>,
    format: graph::Format,
    session: &mut Session<'_>,
) -> Result<(), Error> {
    let drawing = graph::draw(workflow, states, format);
    session.output.print(drawing.trim_end())
}
