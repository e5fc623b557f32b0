//! `zonda audit …`: who did what (administrators).

use clap::{Args, Subcommand};

use super::{error::Error, options::ListArgs, session::Session};

const COLUMNS: [&str; 8] = [
    "created_at",
    "user_name",
    "project_id",
    "rule",
    "object_type",
    "object_name",
    "outcome",
    "source_address",
];

/// What can be done with the audit trail.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List who did what, oldest first.
    List {
        /// Which and how many.
        #[command(flatten)]
        list: ListArgs,
        /// By whom, by what, to what.
        #[command(flatten)]
        filters: Box<AuditFilters>,
    },
}

/// What events are looked for.
#[derive(Debug, Args)]
pub struct AuditFilters {
    /// Those of one user.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Those under one policy rule, such as modules:create.
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Those about one type of objects: module, action_execution, environment, member, quota.
    #[arg(long, value_name = "TYPE")]
    object_type: Option<String>,
    /// Those about one object.
    #[arg(long, value_name = "ID")]
    object: Option<String>,
    /// Those with one outcome: ok or refused.
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Those from this time on, YYYY-MM-DD HH:MM:SS in UTC.
    #[arg(long, value_name = "TIME", conflicts_with = "before")]
    since: Option<String>,
    /// Those before this time.
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
}

impl AuditFilters {
    fn query(&self) -> Vec<(&'static str, String)> {
        let exact = [
            ("user_id", &self.user),
            ("rule", &self.rule),
            ("object_type", &self.object_type),
            ("object_id", &self.object),
            ("outcome", &self.outcome),
        ];
        let mut query: Vec<_> = exact
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .collect();
        if let Some(since) = &self.since {
            query.push(("created_at", format!("gte:{since}")));
        }
        if let Some(before) = &self.before {
            query.push(("created_at", format!("lt:{before}")));
        }
        query
    }
}

/// Carries a command out.
pub(super) async fn run(command: &AuditCommand, session: &mut Session<'_>) -> Result<(), Error> {
    let AuditCommand::List { list, filters } = command;
    let api = session.connect().await?;
    let mut query = list.query();
    query.extend(filters.query());
    let events = api.list("audit_events", &query, list.limit).await?;
    session.output.list(&events, &COLUMNS)
}
