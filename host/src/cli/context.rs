//! The custom context and the target cloud of what is started: from options to `custom_context` with `os.auth` in it.

use clap::Args;

use super::{
    api_client::Object,
    error::Error,
    json_args,
    login::{self, Identity, Login},
    session::Session,
    target,
};

/// The member of a custom context that holds the target cloud.
const OS_AUTH: &str = "os.auth";

/// What travels with what is started.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ContextArgs {
    /// The custom context, which reaches the actions and no log: a JSON object or @FILE.
    #[arg(long, alias = "custom_context", value_name = "JSON")]
    custom_context: Option<String>,
    /// Send the target's password or application credential in place of a token, so that the host can renew tokens on
    /// a long run.
    #[arg(long, alias = "target-pass-credential", help_heading = "Target cloud")]
    os_target_pass_credential: bool,
}

/// A custom context, and the target cloud that is still to be logged in at.
pub(super) struct Context {
    custom: Object,
    target: Option<Login>,
    passes_credential: bool,
}

impl ContextArgs {
    /// What the options and the environment say.
    ///
    /// # Errors
    /// When they contradict each other, or a document is none.
    pub(super) fn read(&self, session: &Session<'_>) -> Result<Context, Error> {
        let argument = self.custom_context.as_deref();
        let custom = argument.map_or_else(
            || Ok(Object::new()),
            |argument| json_args::object("--custom-context", argument),
        )?;
        let target = login::target(&session.args.target, session.env)?;
        if target.is_some() && custom.contains_key(OS_AUTH) {
            return Err(Error::usage(
                "--custom-context has `os.auth` and a target cloud is given as well (--os-target-*, OS_TARGET_*); \
                 give one of them",
            ));
        }
        let is_token = |login: &Login| matches!(login.identity, Identity::Token(_));
        if self.os_target_pass_credential && target.as_ref().is_none_or(is_token) {
            return Err(Error::usage(
                "--os-target-pass-credential needs a target cloud with a password or an application credential",
            ));
        }
        Ok(Context {
            custom,
            target,
            passes_credential: self.os_target_pass_credential,
        })
    }
}

impl Context {
    /// The custom context as it is sent; logs in at the target cloud, if there is one.
    ///
    /// # Errors
    /// When the target's Keystone gives no token.
    pub(super) async fn complete(mut self) -> Result<Object, Error> {
        if let Some(login) = &self.target {
            let auth = target::os_auth(login, self.passes_credential).await?;
            self.custom.insert(OS_AUTH.to_owned(), auth.into());
        }
        Ok(self.custom)
    }
}
