//! What triggers start, on the command line: input, params, custom context and cloud.

use clap::Args;
use serde_json::Value;

use super::{
    api_client::Object,
    error::Error,
    json_args,
    login::{self, Identity},
    session::Session,
    target,
};

/// What a trigger starts.
#[derive(Debug, Clone, Args)]
pub(super) struct ErrandArgs {
    /// The input of its executions: a JSON object, @FILE, or - for standard input.
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// The params of its executions: a JSON object, @FILE, or - for standard input.
    #[arg(long, value_name = "JSON")]
    params: Option<String>,
    /// The custom context of its executions, which reaches the actions and no log: a JSON object or @FILE.
    #[arg(long, alias = "custom_context", value_name = "JSON")]
    custom_context: Option<String>,
    /// Work on your own cloud, by a trust that you give the host's user; so it is when nothing is said, where the host can.
    #[arg(long, conflicts_with = "no_trust")]
    trust: bool,
    /// Work on no cloud.
    #[arg(long)]
    no_trust: bool,
    /// Let every project see it (administrators).
    #[arg(long)]
    public: bool,
}

impl ErrandArgs {
    /// The members of a trigger's body that say so.
    ///
    /// # Errors
    /// When a document is none, or the target cloud has a token alone.
    pub(super) async fn body(&self, session: &Session<'_>) -> Result<Object, Error> {
        let mut body = Object::new();
        for (name, argument) in [
            ("workflow_input", &self.input),
            ("workflow_params", &self.params),
        ] {
            if let Some(argument) = argument {
                let object = json_args::object(name, argument)?;
                body.insert(name.to_owned(), object.into());
            }
        }
        let mut context = match &self.custom_context {
            Some(argument) => json_args::object("--custom-context", argument)?,
            None => Object::new(),
        };
        if let Some(login) = login::target(&session.args.target, session.env)? {
            if context.contains_key("os.auth") {
                return Err(Error::usage(
                    "--custom-context has `os.auth` and a target cloud is given as well (--os-target-*, OS_TARGET_*); \
                     give one of them",
                ));
            }
            if matches!(login.identity, Identity::Token(_)) {
                return Err(Error::usage(
                    "a token has expired when a trigger fires: give the target cloud an application credential or a \
                     password",
                ));
            }
            let auth = target::os_auth(&login, true).await?;
            context.insert("os.auth".to_owned(), auth.into());
        }
        if !context.is_empty() {
            body.insert("custom_context".to_owned(), context.into());
        }
        if self.trust || self.no_trust {
            body.insert("trust".to_owned(), Value::Bool(self.trust));
        }
        if self.public {
            body.insert("scope".to_owned(), "public".into());
        }
        Ok(body)
    }
}
