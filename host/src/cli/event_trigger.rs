//! `zonda event-trigger …`: what starts executions at events.

use clap::{Args, Subcommand};
use reqwest::Method;

use super::{
    api_client::Object, errand::ErrandArgs, error::Error, json_args, options::ListArgs,
    session::Session,
};

const COLUMNS: [&str; 7] = [
    "id",
    "name",
    "workflow_id",
    "exchange",
    "topic",
    "event",
    "webhook",
];

const ORDER: [&str; 14] = [
    "id",
    "name",
    "workflow_id",
    "exchange",
    "topic",
    "event",
    "webhook",
    "webhook_secret",
    "scope",
    "project_id",
    "created_at",
    "updated_at",
    "workflow_input",
    "workflow_params",
];

/// What can be done with event triggers.
#[derive(Debug, Subcommand)]
pub enum EventTriggerCommand {
    /// Make an event trigger; the secret of its webhook is shown this once.
    Create(Box<CreateArgs>),
    /// List event triggers.
    List {
        /// Which and how many.
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show an event trigger.
    Show {
        /// Its id or name.
        event_trigger: String,
    },
    /// Change what an event trigger starts; what is not given stays.
    Update(Box<UpdateArgs>),
    /// Delete event triggers; what they started goes on.
    Delete {
        /// Their ids or names.
        #[arg(required = true)]
        event_triggers: Vec<String>,
    },
}

/// An event trigger to be made.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Its name.
    name: String,
    /// The workflow's id.
    workflow_id: String,
    /// The exchange on which a service publishes its notifications, as in nova.
    #[arg(long, requires_all = ["topic", "event"], required_unless_present = "webhook")]
    exchange: Option<String>,
    /// The topic there, as in notifications.
    #[arg(long, requires = "exchange")]
    topic: Option<String>,
    /// The type of the notifications, as in compute.instance.create.end.
    #[arg(long, requires = "exchange")]
    event: Option<String>,
    /// Give it a webhook.
    #[arg(long)]
    webhook: bool,
    /// What it starts.
    #[command(flatten)]
    errand: ErrandArgs,
}

/// What is changed in an event trigger.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Its id or name.
    event_trigger: String,
    /// Another name.
    #[arg(long)]
    name: Option<String>,
    /// Another workflow, by its id.
    #[arg(long, value_name = "ID")]
    workflow_id: Option<String>,
    /// Another input: a JSON object, @FILE, or - for standard input.
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// Other params: a JSON object, @FILE, or - for standard input.
    #[arg(long, value_name = "JSON")]
    params: Option<String>,
    /// Let every project see it (administrators).
    #[arg(long, conflicts_with = "private")]
    public: bool,
    /// Let its own project alone see it.
    #[arg(long)]
    private: bool,
}

impl UpdateArgs {
    fn body(&self) -> Result<Object, Error> {
        let mut body = Object::new();
        for (name, value) in [("name", &self.name), ("workflow_id", &self.workflow_id)] {
            if let Some(value) = value {
                body.insert(name.to_owned(), value.as_str().into());
            }
        }
        for (name, argument) in [
            ("workflow_input", &self.input),
            ("workflow_params", &self.params),
        ] {
            if let Some(argument) = argument {
                let object = json_args::object(name, argument)?;
                body.insert(name.to_owned(), object.into());
            }
        }
        if self.public || self.private {
            let scope = if self.public { "public" } else { "private" };
            body.insert("scope".to_owned(), scope.into());
        }
        Ok(body)
    }
}

/// Carries a command out.
pub(super) async fn run(
    command: &EventTriggerCommand,
    session: &mut Session<'_>,
) -> Result<(), Error> {
    match command {
        EventTriggerCommand::Create(args) => {
            let mut body = args.errand.body(session).await?;
            body.insert("name".to_owned(), args.name.as_str().into());
            body.insert("workflow_id".to_owned(), args.workflow_id.as_str().into());
            for (name, value) in [
                ("exchange", &args.exchange),
                ("topic", &args.topic),
                ("event", &args.event),
            ] {
                if let Some(value) = value {
                    body.insert(name.to_owned(), value.as_str().into());
                }
            }
            if args.webhook {
                body.insert("webhook".to_owned(), true.into());
            }
            let api = session.connect().await?;
            let path = ["event_triggers"];
            let trigger = api.send_json(Method::POST, &path, &body.into()).await?;
            session.output.show(&trigger, &ORDER)
        }
        EventTriggerCommand::List { list } => {
            let api = session.connect().await?;
            let triggers = api
                .list("event_triggers", &list.query(), list.limit)
                .await?;
            session.output.list(&triggers, &list.columns(&COLUMNS))
        }
        EventTriggerCommand::Show { event_trigger } => {
            let path = ["event_triggers", event_trigger];
            let trigger = session.connect().await?.get(&path).await?;
            session.output.show(&trigger, &ORDER)
        }
        EventTriggerCommand::Update(args) => {
            let body = args.body()?;
            if body.is_empty() {
                return Err(Error::usage(
                    "nothing to change: give --name, --workflow-id, --input, --params, --public or --private",
                ));
            }
            let path = ["event_triggers", &args.event_trigger];
            let api = session.connect().await?;
            let trigger = api.send_json(Method::PUT, &path, &body.into()).await?;
            session.output.show(&trigger, &ORDER)
        }
        EventTriggerCommand::Delete { event_triggers } => {
            let api = session.connect().await?;
            for trigger in event_triggers {
                api.delete(&["event_triggers", trigger]).await?;
                session.note(&format!("deleted event trigger {trigger}"));
            }
            Ok(())
        }
    }
}
