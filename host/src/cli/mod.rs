//! The client half of the `zonda` binary: a noun a file, and beside them options, logins, requests and output.

mod action;
mod action_execution;
mod api_client;
mod audit;
mod cloud_fields;
mod clouds_yaml;
mod context;
mod cron_trigger;
mod definition;
mod environment;
mod environments;
mod errand;
mod error;
mod event_trigger;
mod events;
mod execution;
mod execution_report;
mod graph;
mod http_client;
mod json_args;
mod keystone_login;
mod login;
mod member;
mod module;
mod options;
mod output;
mod progress;
mod quota;
mod report;
mod run_action;
mod sanitize;
mod session;
mod target;
mod task;
mod watch;
mod watched_tree;
mod workbook;
mod workflow;

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

pub use action::ActionCommand;
pub use action_execution::ActionExecutionCommand;
pub use api_client::Object;
pub use audit::AuditCommand;
pub use cron_trigger::CronTriggerCommand;
pub use environments::EnvironmentCommand;
pub use error::Error;
pub use event_trigger::EventTriggerCommand;
pub use execution::ExecutionCommand;
pub use graph::GraphArgs;
pub use keystone_login::Error as KeystoneError;
pub use member::MemberCommand;
pub use module::ModuleCommand;
pub use options::{CommonArgs, Form, Format, ListArgs};
pub use output::Output;
pub use quota::QuotaCommand;
pub use task::TaskCommand;
pub use workbook::WorkbookCommand;
pub use workflow::WorkflowCommand;

use environment::Environment;
use session::Session;

/// Run WebAssembly actions against any OpenStack cloud: the host, and the client that speaks to it.
///
/// Options after the environment: OS_* and --os-cloud are the cloud whose Keystone guards Zonda, OS_TARGET_* and
/// --os-target-cloud the one that an action works on.
#[derive(Debug, Parser)]
#[command(name = "zonda", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// The command with the options that client commands share.
    #[must_use]
    pub fn into_parts(self) -> (CommonArgs, Command) {
        (self.common, self.command)
    }
}

/// Everything that the binary does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the host.
    Serve {
        /// The configuration file; else zonda.toml of the user's configuration folder, else of /etc/zonda.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Look at the host's configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// See who may do what on a host of this configuration, and why.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Look after the keys that seal what is private in the host's store.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Compile a component from standard input; the host starts itself so for every upload.
    #[command(hide = true)]
    CompileComponent {
        /// The limits, which the compiler reads itself.
        #[arg(hide = true)]
        limits: Vec<u64>,
    },
    /// Make the runs of one project; the host starts itself so where `[executor] isolation` is `project`.
    #[command(hide = true)]
    ExecuteActions,
    /// What speaks to a host.
    #[command(flatten)]
    Client(ClientCommand),
}

/// What can be done with the host's configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every fault of the configuration at once.
    Check {
        /// The configuration file; found as by `serve` when none is given.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// What can be done with the host's key ring.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Show the ids and ages of the keys, never the keys.
    List {
        /// The configuration file; found as by `serve` when none is given.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Add a key; the host seals with it once it is restarted, and still reads what the others sealed.
    Rotate {
        /// The configuration file; found as by `serve` when none is given.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Seal again what a key sealed, and drop it; the host must be stopped.
    Drop {
        /// The key's id.
        id: String,
        /// The configuration file; found as by `serve` when none is given.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print a line with a fresh key for a ring in ZONDA_KEYS. It is a secret.
    Generate,
}

/// What can be done with the host's policy.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Show every rule: its check, whether the policy file changes it, and the calls that it governs.
    List {
        /// The configuration file; found as by `serve` when none is given.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Explain a decision: exit code 0 when the caller passes, 1 when not.
    Check {
        /// The rule's name, such as actions:list.
        rule: String,
        /// Whom it is about.
        #[command(flatten)]
        caller: PolicyCaller,
        /// The configuration file; found as by `serve` when none is given.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print a policy file that has every default as a comment.
    Sample,
}

/// Whom a decision is about.
#[derive(Debug, Clone, Default, Args)]
pub struct PolicyCaller {
    /// A role; may be repeated. The role `admin` makes an administrator.
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,
    /// The caller's project.
    #[arg(long, value_name = "ID")]
    pub project_id: Option<String>,
    /// The caller's user.
    #[arg(long, value_name = "ID")]
    pub user_id: Option<String>,
    /// The user's name.
    #[arg(long, value_name = "NAME")]
    pub user_name: Option<String>,
    /// The user's domain.
    #[arg(long, value_name = "ID")]
    pub user_domain_id: Option<String>,
    /// The project's domain.
    #[arg(long, value_name = "ID")]
    pub project_domain_id: Option<String>,
    /// An administrator without the role `admin`.
    #[arg(long)]
    pub is_admin: bool,
    /// What Keystone says about a token, in JSON, `{"token": {…}}`, as oslopolicy-checker takes it; options win.
    #[arg(long, value_name = "FILE")]
    pub credentials: Option<PathBuf>,
}

/// What speaks to a host, by noun.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Upload and look after modules: components that offer actions.
    #[command(subcommand)]
    Module(ModuleCommand),
    /// See and run actions, and look after ad-hoc ones.
    #[command(subcommand)]
    Action(ActionCommand),
    /// See, cancel and complete runs of actions.
    #[command(subcommand)]
    ActionExecution(ActionExecutionCommand),
    /// Start workflows, watch, hold and end their executions.
    #[command(subcommand)]
    Execution(ExecutionCommand),
    /// See the tasks of executions, run them again, leave them out.
    #[command(subcommand)]
    Task(TaskCommand),
    /// Look after workflows: definitions of what executions do.
    #[command(subcommand)]
    Workflow(WorkflowCommand),
    /// Look after workbooks: workflows and ad-hoc actions in one document.
    #[command(subcommand)]
    Workbook(WorkbookCommand),
    /// Look after environments: variables under a name.
    #[command(subcommand)]
    Environment(EnvironmentCommand),
    /// Start executions at times.
    #[command(subcommand)]
    CronTrigger(CronTriggerCommand),
    /// Start executions at events: notifications of services, and webhooks.
    #[command(subcommand)]
    EventTrigger(EventTriggerCommand),
    /// See what projects may have and have, and change it.
    #[command(subcommand)]
    Quota(QuotaCommand),
    /// See who did what (administrators).
    #[command(subcommand)]
    Audit(AuditCommand),
}

/// How the host's own commands print what they found.
///
/// # Errors
/// When a chosen column is unknown, or the output cannot be written.
pub fn print(
    args: &CommonArgs,
    print: impl FnOnce(&mut Output<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    print(&mut Output::new(&mut out, &args.output))?;
    Ok(out.flush()?)
}

/// Runs a client command to its end: results on standard output, everything else on standard error.
///
/// Exit codes: 0 done, 1 failed (or the action did), 2 a fault of the command line, 130 interrupted.
#[must_use]
pub fn run(args: &CommonArgs, command: &ClientCommand) -> ExitCode {
    let env = Environment::of_this_program();
    let (mut out, mut notes) = (io::stdout().lock(), io::stderr());
    let mut session = Session::of_this_program(args, &env, &mut out, &mut notes);
    let ended = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::from)
        .and_then(|runtime| runtime.block_on(dispatch(command, &mut session)));
    let ended = ended.and_then(|code| Ok(out.flush().map(|()| code)?));
    ended
        .unwrap_or_else(|err| {
            let code = err.exit_code();
            if code != 0 {
                eprintln!("zonda: {}", err.one_line());
            }
            code
        })
        .into()
}

async fn dispatch(command: &ClientCommand, session: &mut Session<'_>) -> Result<u8, Error> {
    match command {
        ClientCommand::Module(command) => module::run(command, session).await.map(|()| 0),
        ClientCommand::Action(command) => action::run(command, session).await,
        ClientCommand::ActionExecution(command) => {
            action_execution::run(command, session).await.map(|()| 0)
        }
        ClientCommand::Execution(command) => execution::run(command, session).await,
        ClientCommand::Task(command) => task::run(command, session).await.map(|()| 0),
        ClientCommand::Workflow(command) => workflow::run(command, session).await,
        ClientCommand::Workbook(command) => workbook::run(command, session).await,
        ClientCommand::Environment(command) => {
            environments::run(command, session).await.map(|()| 0)
        }
        ClientCommand::CronTrigger(command) => {
            cron_trigger::run(command, session).await.map(|()| 0)
        }
        ClientCommand::EventTrigger(command) => {
            event_trigger::run(command, session).await.map(|()| 0)
        }
        ClientCommand::Quota(command) => quota::run(command, session).await.map(|()| 0),
        ClientCommand::Audit(command) => audit::run(command, session).await.map(|()| 0),
    }
}

#[cfg(test)]
mod fake_server;
#[cfg(test)]
mod tests;
