//! `zonda quota …`: what projects may have and have.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value};

use super::{
    api_client::Object,
    error::Error,
    options::{Format, ListArgs},
    output::table,
    session::Session,
};

const QUOTAS: [&str; 6] = [
    "stored_action_executions",
    "running_action_executions",
    "stored_executions",
    "running_executions",
    "modules",
    "bytes",
];
const COLUMNS: [&str; 7] = [
    "project_id",
    "stored_action_executions",
    "running_action_executions",
    "stored_executions",
    "running_executions",
    "modules",
    "bytes",
];
const ORDER: [&str; 8] = [
    "id",
    "project_id",
    "stored_action_executions",
    "running_action_executions",
    "stored_executions",
    "running_executions",
    "modules",
    "bytes",
];

/// What can be done with quotas.
#[derive(Debug, Subcommand)]
pub enum QuotaCommand {
    /// Show what a project may have and has; -1 is no limit.
    Show {
        /// The project's id; your own when none is given, another one for administrators.
        project: Option<String>,
        /// Show what holds for a project without quotas of its own.
        #[arg(long, conflicts_with = "project")]
        default: bool,
    },
    /// List quotas: of your own project, or with --all-tenants of all projects that have any or use any.
    List {
        /// Which and how many.
        #[command(flatten)]
        list: ListArgs,
    },
    /// Give a project quotas of its own (administrators); what is left out stays as it is.
    Set {
        /// The project's id.
        project: String,
        /// How much.
        #[command(flatten)]
        limits: LimitArgs,
    },
    /// Give projects the usual quotas again (administrators).
    Reset {
        /// Their ids.
        #[arg(required = true)]
        projects: Vec<String>,
    },
}

/// The limits to set; -1 is no limit.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct LimitArgs {
    /// Action executions that are kept.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = limit())]
    stored_action_executions: Option<i64>,
    /// Kept action executions that have not ended.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = limit())]
    running_action_executions: Option<i64>,
    /// Executions that are kept.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = limit())]
    stored_executions: Option<i64>,
    /// Kept executions that have not ended.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = limit())]
    running_executions: Option<i64>,
    /// Modules.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = limit())]
    modules: Option<i64>,
    /// Bytes of all that is kept.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = limit())]
    bytes: Option<i64>,
}

fn limit() -> impl clap::builder::TypedValueParser<Value = i64> {
    clap::value_parser!(i64).range(-1..)
}

impl LimitArgs {
    fn body(&self) -> Value {
        let limits = [
            self.stored_action_executions,
            self.running_action_executions,
            self.stored_executions,
            self.running_executions,
            self.modules,
            self.bytes,
        ];
        let set = QUOTAS
            .iter()
            .zip(limits)
            .filter_map(|(name, limit)| Some(((*name).to_owned(), limit?.into())));
        Value::Object(set.collect::<Map<_, _>>())
    }
}

/// Carries a command out.
pub(super) async fn run(command: &QuotaCommand, session: &mut Session<'_>) -> Result<(), Error> {
    let api = session.connect().await?;
    match command {
        QuotaCommand::Show { default: true, .. } => {
            let limits = api.get(&["quotas", "defaults"]).await?;
            session.output.show(&limits, &ORDER)
        }
        QuotaCommand::Show { project, .. } => {
            let quotas = match project {
                Some(project) => api.get(&["quotas", project]).await?,
                None => {
                    let own = api.list("quotas", &[], Some(1)).await?;
                    own.into_iter().next().unwrap_or_default()
                }
            };
            show(&quotas, session)
        }
        QuotaCommand::List { list } => {
            let quotas = api.list("quotas", &list.query(), list.limit).await?;
            let is_table = matches!(session.output.format(), None | Some(Format::Table));
            if !is_table {
                return session.output.list(&quotas, &COLUMNS);
            }
            let readable: Vec<Object> = quotas.iter().map(readable).collect();
            session.output.list(&readable, &COLUMNS)
        }
        QuotaCommand::Set { project, limits } => {
            let path = ["quotas", project.as_str()];
            let quotas = api.send_json(Method::PUT, &path, &limits.body()).await?;
            show(&quotas, session)
        }
        QuotaCommand::Reset { projects } => {
            for project in projects {
                api.delete(&["quotas", project]).await?;
                session.note(&format!("project {project} has the usual quotas"));
            }
            Ok(())
        }
    }
}

/// Prints the quotas of a project, for people as a row for each.
fn show(quotas: &Object, session: &mut Session<'_>) -> Result<(), Error> {
    let is_table = matches!(session.output.format(), None | Some(Format::Table));
    if !is_table || session.output.has_columns() {
        return session.output.show(quotas, &ORDER);
    }
    let row = |name: &&str| {
        let (in_use, limit) = parts(quotas.get(*name));
        vec![(*name).to_owned(), in_use, limit]
    };
    let rows = QUOTAS.iter().map(row).collect();
    let text = table(&["quota", "in_use", "limit"], rows, None);
    session.output.print(&text)
}

/// The same with `in use/limit` in place of objects.
fn readable(quotas: &Object) -> Object {
    let mut readable = quotas.clone();
    for name in QUOTAS {
        if let Some(value) = readable.get_mut(name) {
            let (in_use, limit) = parts(Some(value));
            *value = Value::from(format!("{in_use}/{limit}"));
        }
    }
    readable
}

fn parts(quota: Option<&Value>) -> (String, String) {
    let part = |name: &str| {
        let number = quota.and_then(|quota| quota.get(name));
        number.map(ToString::to_string).unwrap_or_default()
    };
    (part("in_use"), part("limit"))
}
