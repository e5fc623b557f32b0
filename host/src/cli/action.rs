//! `zonda action …`: see and run actions.

use clap::Subcommand;
use serde_json::Value;

use super::{
    api_client::Object,
    error::Error,
    options::ListArgs,
    run_action::{self, RunArgs},
    session::Session,
};

const COLUMNS: [&str; 4] = ["name", "module", "input", "description"];
const ORDER: [&str; 6] = ["id", "name", "module", "is_system", "input", "description"];

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
        /// Its name.
        action: String,
    },
    /// Run an action, at once or as a saved action execution.
    Run(Box<RunArgs>),
}

/// Carries a command out; tells the exit code.
pub(super) async fn run(command: &ActionCommand, session: &mut Session<'_>) -> Result<u8, Error> {
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
        ActionCommand::Show { action } => {
            let action = session.connect().await?.get(&["actions", action]).await?;
            session.output.show(&action, &ORDER).map(|()| 0)
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
