//! `zonda workflow …`: definitions of what executions do.

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;

use super::{
    definition::{self, DocumentArgs, Kind, ReferenceArgs, ReferencesArgs},
    error::Error,
    graph::{self, GraphArgs},
    member::{self, MemberCommand},
    options::ListArgs,
    session::Session,
};

const WORKFLOWS: Kind = Kind {
    noun: "workflow",
    collection: "workflows",
    columns: &["id", "name", "namespace", "input", "scope", "updated_at"],
    order: &[
        "id",
        "name",
        "namespace",
        "input",
        "tags",
        "scope",
        "project_id",
        "checksum",
        "created_at",
        "updated_at",
        "interface",
        "definition",
    ],
};

/// What can be done with workflows.
#[derive(Debug, Subcommand)]
pub enum WorkflowCommand {
    /// Make the workflows of a document, all or none of them.
    Create {
        /// What and where.
        #[command(flatten)]
        document: DocumentArgs,
    },
    /// List workflows.
    List {
        /// Which and how many.
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show a workflow.
    Show {
        /// Which.
        #[command(flatten)]
        workflow: ReferenceArgs,
    },
    /// Print a workflow's document.
    #[command(visible_alias = "get-definition")]
    Definition {
        /// Which.
        #[command(flatten)]
        workflow: ReferenceArgs,
    },
    /// Change your workflows to what a document says, all or none of them.
    Update {
        /// What and where.
        #[command(flatten)]
        document: DocumentArgs,
        /// The one to change, by name or id, to the document's only workflow; else those of the names in it.
        #[arg(long, value_name = "WORKFLOW")]
        id: Option<String>,
    },
    /// Tell whether a document has faults: exit code 0 when it has none.
    Validate {
        /// The document, a YAML file; - for standard input.
        file: PathBuf,
    },
    /// Draw a workflow.
    Graph {
        /// Which.
        #[command(flatten)]
        workflow: ReferenceArgs,
        /// How.
        #[command(flatten)]
        drawing: GraphArgs,
    },
    /// Delete workflows.
    Delete {
        /// Which.
        #[command(flatten)]
        workflows: ReferencesArgs,
    },
    /// Share a workflow with other projects, and answer to what they share; by id.
    #[command(subcommand)]
    Member(MemberCommand),
}

/// Carries a command out; tells the exit code.
pub(super) async fn run(command: &WorkflowCommand, session: &mut Session<'_>) -> Result<u8, Error> {
    const KIND: &Kind = &WORKFLOWS;
    match command {
        WorkflowCommand::Create { document } => {
            definition::send(KIND, Method::POST, document, None, session).await?;
        }
        WorkflowCommand::List { list } => {
            let api = session.connect().await?;
            let all = api.list(KIND.collection, &list.query(), list.limit).await?;
            session.output.list(&all, &list.columns(KIND.columns))?;
        }
        WorkflowCommand::Show { workflow } => definition::show(KIND, workflow, session).await?,
        WorkflowCommand::Definition { workflow } => {
            definition::definition(KIND, workflow, session).await?;
        }
        WorkflowCommand::Update { document, id } => {
            definition::send(KIND, Method::PUT, document, id.as_deref(), session).await?;
        }
        WorkflowCommand::Validate { file } => {
            return definition::validate(KIND, file, session).await;
        }
        WorkflowCommand::Graph { workflow, drawing } => {
            let (name, namespace) = (&workflow.reference, &workflow.namespace);
            graph::workflow(name, namespace, drawing, session).await?;
        }
        WorkflowCommand::Delete { workflows } => {
            definition::delete(KIND, workflows, session).await?;
        }
        WorkflowCommand::Member(command) => {
            member::run(command, KIND.collection, session).await?;
        }
    }
    Ok(0)
}
