//! `zonda workbook …`: workflows and ad-hoc actions in one document.

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;

use super::{
    definition::{self, DocumentArgs, Kind, ReferenceArgs, ReferencesArgs},
    error::Error,
    options::ListArgs,
    session::Session,
};

const WORKBOOKS: Kind = Kind {
    noun: "workbook",
    collection: "workbooks",
    columns: &["name", "namespace", "tags", "scope", "updated_at"],
    order: &[
        "id",
        "name",
        "namespace",
        "tags",
        "scope",
        "project_id",
        "checksum",
        "created_at",
        "updated_at",
        "definition",
    ],
};

/// What can be done with workbooks.
#[derive(Debug, Subcommand)]
pub enum WorkbookCommand {
    /// Make a workbook with its workflows and ad-hoc actions.
    Create {
        /// What and where.
        #[command(flatten)]
        document: DocumentArgs,
    },
    /// List workbooks.
    List {
        /// Which and how many.
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show a workbook.
    Show {
        /// Which.
        #[command(flatten)]
        workbook: ReferenceArgs,
    },
    /// Print a workbook's document.
    #[command(visible_alias = "get-definition")]
    Definition {
        /// Which.
        #[command(flatten)]
        workbook: ReferenceArgs,
    },
    /// Change your workbook of the document's name: its workflows and ad-hoc actions are changed, added and deleted.
    Update {
        /// What and where.
        #[command(flatten)]
        document: DocumentArgs,
    },
    /// Tell whether a workbook has faults: exit code 0 when it has none.
    Validate {
        /// The document, a YAML file; - for standard input.
        file: PathBuf,
    },
    /// Delete workbooks with their workflows and ad-hoc actions.
    Delete {
        /// Which.
        #[command(flatten)]
        workbooks: ReferencesArgs,
    },
}

/// Carries a command out; tells the exit code.
pub(super) async fn run(command: &WorkbookCommand, session: &mut Session<'_>) -> Result<u8, Error> {
    const KIND: &Kind = &WORKBOOKS;
    match command {
        WorkbookCommand::Create { document } => {
            definition::send(KIND, Method::POST, document, None, session).await?;
        }
        WorkbookCommand::List { list } => {
            let api = session.connect().await?;
            let all = api.list(KIND.collection, &list.query(), list.limit).await?;
            session.output.list(&all, &list.columns(KIND.columns))?;
        }
        WorkbookCommand::Show { workbook } => definition::show(KIND, workbook, session).await?,
        WorkbookCommand::Definition { workbook } => {
            definition::definition(KIND, workbook, session).await?;
        }
        WorkbookCommand::Update { document } => {
            definition::send(KIND, Method::PUT, document, None, session).await?;
        }
        WorkbookCommand::Validate { file } => {
            return definition::validate(KIND, file, session).await;
        }
        WorkbookCommand::Delete { workbooks } => {
            definition::delete(KIND, workbooks, session).await?;
        }
    }
    Ok(0)
}
