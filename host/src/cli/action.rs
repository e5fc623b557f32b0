//! `zonda action …`: see and run actions, and look after ad-hoc ones.

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;
use serde_json::Value;

use super::{
    api_client::Object,
    definition::{self, DocumentArgs, Kind, ReferenceArgs, ReferencesArgs},
    error::Error,
    options::ListArgs,
    run_action::{self, RunArgs},
    session::Session,
};

const COLUMNS: [&str; 4] = ["name", "module", "input", "description"];

const ACTIONS: Kind = Kind {
    noun: "action",
    collection: "actions",
    columns: &["id", "name", "namespace", "input", "scope", "updated_at"],
    order: &[
        "id",
        "name",
        "namespace",
        "module",
        "is_system",
        "input",
        "description",
    ],
};

/// What can be done with actions.
#[derive(Debug, Subcommand)]
pub enum ActionCommand {
    /// List actions.
    List {
        /// Which and how many.
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show an action.
    Show {
        /// Which.
        #[command(flatten)]
        action: ReferenceArgs,
    },
    /// Make the ad-hoc actions of a document, all or none of them.
    Create {
        /// What and where.
        #[command(flatten)]
        document: DocumentArgs,
    },
    /// Print an ad-hoc action's document.
    #[command(visible_alias = "get-definition")]
    Definition {
        /// Which.
        #[command(flatten)]
        action: ReferenceArgs,
    },
    /// Change your ad-hoc actions to what a document says, all or none of them.
    Update {
        /// What and where.
        #[command(flatten)]
        document: DocumentArgs,
        /// The one to change, by name or id, to the document's only action; else those of the names in it.
        #[arg(long, value_name = "ACTION")]
        id: Option<String>,
    },
    /// Tell whether a document of ad-hoc actions has faults: exit code 0 when it has none.
    Validate {
        /// The document, a YAML file; - for standard input.
        file: PathBuf,
    },
    /// Delete ad-hoc actions.
    Delete {
        /// Which.
        #[command(flatten)]
        actions: ReferencesArgs,
    },
    /// Run an action, at once or as a saved action execution.
    Run(Box<RunArgs>),
}

/// Carries a command out; tells the exit code.
pub(super) async fn run(command: &ActionCommand, session: &mut Session<'_>) -> Result<u8, Error> {
    const KIND: &Kind = &ACTIONS;
    match command {
        ActionCommand::List { list } => {
            let api = session.connect().await?;
            let mut actions = api.list("actions", &list.query(), list.limit).await?;
            for action in &mut actions {
                name_module(action);
            }
            session
                .output
                .list(&actions, &list.columns(&COLUMNS))
                .map(|()| 0)
        }
        ActionCommand::Show { action } => definition::show(KIND, action, session).await.map(|()| 0),
        ActionCommand::Create { document } => {
            let made = definition::send(KIND, Method::POST, document, None, session);
            made.await.map(|()| 0)
        }
        ActionCommand::Definition { action } => definition::definition(KIND, action, session)
            .await
            .map(|()| 0),
        ActionCommand::Update { document, id } => {
            let changed = definition::send(KIND, Method::PUT, document, id.as_deref(), session);
            changed.await.map(|()| 0)
        }
        ActionCommand::Validate { file } => definition::validate(KIND, file, session).await,
        ActionCommand::Delete { actions } => {
            definition::delete(KIND, actions, session).await.map(|()| 0)
        }
        ActionCommand::Run(args) => run_action::run(args, session).await,
    }
}

/// A list shows a module by its name.
fn name_module(action: &mut Object) {
    if let Some(module) = action.get_mut("module")
        && let Some(name) = module.get_mut("name").map(Value::take)
    {
        *module = name;
    }
}
