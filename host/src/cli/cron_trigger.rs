//! `zonda cron-trigger …`: what starts executions at times.

use clap::{Args, Subcommand};
use reqwest::Method;

use super::{errand::ErrandArgs, error::Error, options::ListArgs, session::Session};

const COLUMNS: [&str; 6] = [
    "id",
    "name",
    "workflow_name",
    "pattern",
    "next_execution_time",
    "remaining_executions",
];

const ORDER: [&str; 14] = [
    "id",
    "name",
    "workflow_name",
    "workflow_id",
    "pattern",
    "first_execution_time",
    "next_execution_time",
    "remaining_executions",
    "scope",
    "project_id",
    "created_at",
    "updated_at",
    "workflow_input",
    "workflow_params",
];

/// What can be done with cron triggers.
#[derive(Debug, Subcommand)]
pub enum CronTriggerCommand {
    /// Make a cron trigger.
    Create(Box<CreateArgs>),
    /// List cron triggers.
    List {
        /// Which and how many.
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show a cron trigger.
    Show {
        /// Its name or id.
        cron_trigger: String,
    },
    /// Delete cron triggers; what they started goes on.
    Delete {
        /// Their names or ids.
        #[arg(required = true)]
        cron_triggers: Vec<String>,
    },
}

/// A cron trigger to be made.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Its name.
    name: String,
    /// The workflow's id or name.
    workflow: String,
    /// When, again and again: the five fields of cron in UTC, or @hourly, @daily, @weekly, @monthly, @yearly.
    #[arg(long, value_name = "PATTERN", required_unless_present = "first_time")]
    pattern: Option<String>,
    /// When for the first time, `YYYY-MM-DD HH:MM` in UTC, at least a minute ahead.
    #[arg(long, value_name = "TIME")]
    first_time: Option<String>,
    /// How often; for ever unless it is given, once where there is only a first time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// What it starts.
    #[command(flatten)]
    errand: ErrandArgs,
}

/// Carries a command out.
pub(super) async fn run(
    command: &CronTriggerCommand,
    session: &mut Session<'_>,
) -> Result<(), Error> {
    match command {
        CronTriggerCommand::Create(args) => {
            let mut body = args.errand.body(session).await?;
            body.insert("name".to_owned(), args.name.as_str().into());
            // The server tells an id from a name.
            body.insert("workflow_name".to_owned(), args.workflow.as_str().into());
            for (name, value) in [
                ("pattern", &args.pattern),
                ("first_execution_time", &args.first_time),
            ] {
                if let Some(value) = value {
                    body.insert(name.to_owned(), value.as_str().into());
                }
            }
            if let Some(count) = args.count {
                body.insert("remaining_executions".to_owned(), count.into());
            }
            let api = session.connect().await?;
            let path = ["cron_triggers"];
            let trigger = api.send_json(Method::POST, &path, &body.into()).await?;
            session.output.show(&trigger, &ORDER)
        }
        CronTriggerCommand::List { list } => {
            let api = session.connect().await?;
            let triggers = api.list("cron_triggers", &list.query(), list.limit).await?;
            session.output.list(&triggers, &list.columns(&COLUMNS))
        }
        CronTriggerCommand::Show { cron_trigger } => {
            let path = ["cron_triggers", cron_trigger];
            let trigger = session.connect().await?.get(&path).await?;
            session.output.show(&trigger, &ORDER)
        }
        CronTriggerCommand::Delete { cron_triggers } => {
            let api = session.connect().await?;
            for trigger in cron_triggers {
                api.delete(&["cron_triggers", trigger]).await?;
                session.note(&format!("deleted cron trigger {trigger}"));
            }
            Ok(())
        }
    }
}
