//! `zonda environment …`: variables under a name.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::{api_client::Object, error::Error, json_args, options::ListArgs, session::Session};

const COLUMNS: [&str; 5] = ["id", "name", "scope", "created_at", "updated_at"];

const ORDER: [&str; 8] = [
    "id",
    "name",
    "description",
    "scope",
    "project_id",
    "created_at",
    "updated_at",
    "variables",
];

const VARIABLES: &str = "variables";

/// What can be done with environments.
#[derive(Debug, Subcommand)]
pub enum EnvironmentCommand {
    /// Make an environment.
    Create {
        /// Its name.
        name: String,
        /// Its content.
        #[command(flatten)]
        content: ContentArgs,
    },
    /// List environments; their variables only with `-c variables`.
    List {
        /// Which and how many.
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show an environment with its variables.
    Show {
        /// Its name or id.
        environment: String,
    },
    /// Change an environment; what is not given stays.
    Update {
        /// Its name.
        name: String,
        /// Its content.
        #[command(flatten)]
        content: ContentArgs,
    },
    /// Delete environments.
    Delete {
        /// Their names or ids.
        #[arg(required = true)]
        environments: Vec<String>,
    },
}

/// What is in an environment.
#[derive(Debug, Args)]
pub struct ContentArgs {
    /// All its variables: a JSON object, @FILE, or - for standard input.
    variables: Option<String>,
    /// Words about it.
    #[arg(long)]
    description: Option<String>,
    /// Let every project see it (administrators).
    #[arg(long, conflicts_with = "private")]
    public: bool,
    /// Let its own project alone see it; so is a new one unless --public is given.
    #[arg(long)]
    private: bool,
}

impl ContentArgs {
    /// The body that says so.
    fn body(&self, name: &str) -> Result<Object, Error> {
        let mut body = Object::new();
        body.insert("name".to_owned(), name.into());
        if let Some(argument) = &self.variables {
            let variables = json_args::object("VARIABLES", argument)?;
            body.insert(VARIABLES.to_owned(), variables.into());
        }
        if let Some(description) = &self.description {
            body.insert("description".to_owned(), description.as_str().into());
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
    command: &EnvironmentCommand,
    session: &mut Session<'_>,
) -> Result<(), Error> {
    match command {
        EnvironmentCommand::Create { name, content } => {
            let mut body = content.body(name)?;
            // The stock client wants to see some.
            body.entry(VARIABLES)
                .or_insert_with(|| Value::Object(Object::new()));
            send(Method::POST, body, session).await
        }
        EnvironmentCommand::Update { name, content } => {
            let body = content.body(name)?;
            if body.len() == 1 {
                return Err(Error::usage(
                    "nothing to change: give VARIABLES, --description, --public or --private",
                ));
            }
            send(Method::PUT, body, session).await
        }
        EnvironmentCommand::List { list } => {
            let mut query = list.query();
            if !session.output.has_column(VARIABLES) {
                let fields = ORDER.into_iter().filter(|field| *field != VARIABLES);
                query.push(("fields", fields.collect::<Vec<_>>().join(",")));
            }
            let api = session.connect().await?;
            let environments = api.list("environments", &query, list.limit).await?;
            session.output.list(&environments, &list.columns(&COLUMNS))
        }
        EnvironmentCommand::Show { environment } => {
            let path = ["environments", environment];
            let environment = session.connect().await?.get(&path).await?;
            session.output.show(&environment, &ORDER)
        }
        EnvironmentCommand::Delete { environments } => {
            let api = session.connect().await?;
            for environment in environments {
                api.delete(&["environments", environment]).await?;
                session.note(&format!("deleted environment {environment}"));
            }
            Ok(())
        }
    }
}

async fn send(method: Method, body: Object, session: &mut Session<'_>) -> Result<(), Error> {
    let api = session.connect().await?;
    let environment = api
        .send_json(method, &["environments"], &body.into())
        .await?;
    session.output.show(&environment, &ORDER)
}
