//! The `zonda` program: reads the command line and hands over.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser as _;
use zonda_host::{
    cli::{self, Cli, Command, CommonArgs, ConfigCommand, KeysCommand, PolicyCommand},
    clock::SystemClock,
    config::Config,
    executor,
    policy::Policy,
    runtime::compile,
    server::{self, keys, policies},
    telemetry,
};

fn main() -> ExitCode {
    let (common, command) = Cli::parse().into_parts();
    if !matches!(command, Command::CompileComponent { .. })
        && let Err(error) = telemetry::keep_secrets()
    {
        return failed(&anyhow::Error::new(error).context("core dumps cannot be forbidden"));
    }
    match command {
        Command::Serve { config } => serve(config.as_deref()),
        Command::Config(ConfigCommand::Check { config }) => check_config(config.as_deref()),
        Command::Keys(command) => look_after_keys(&command),
        Command::Policy(command) => tell_policy(&common, &command),
        Command::CompileComponent { .. } => compile::child_main(),
        Command::ExecuteActions => executor::child_main(),
        Command::Client(command) => cli::run(&common, &command),
    }
}

/// Runs the host until it is told to end.
fn serve(file: Option<&Path>) -> ExitCode {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(error) => return failed(&error.into()),
    };
    match server::serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Does one thing with the key ring.
fn look_after_keys(command: &KeysCommand) -> ExitCode {
    let clock = &SystemClock;
    let with_config = |file: &Option<PathBuf>, work: &dyn Fn(&Config) -> anyhow::Result<()>| {
        work(&Config::load(file.as_deref())?)
    };
    let done = match command {
        KeysCommand::List { config } => with_config(config, &keys::list),
        KeysCommand::Rotate { config } => {
            with_config(config, &|config| keys::rotate(config, clock))
        }
        KeysCommand::Drop { id, config } => {
            with_config(config, &|config| keys::drop_key(config, id))
        }
        KeysCommand::Generate => keys::generate(clock),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Tells who may do what.
fn tell_policy(common: &CommonArgs, command: &PolicyCommand) -> ExitCode {
    let load = |file: &Option<PathBuf>| Config::load(file.as_deref()).map_err(anyhow::Error::from);
    let done = match command {
        PolicyCommand::List { config } => {
            load(config).and_then(|config| policies::list(&config, common).map(|()| true))
        }
        PolicyCommand::Check {
            rule,
            caller,
            config,
        } => load(config).and_then(|config| policies::check(&config, common, rule, caller)),
        PolicyCommand::Sample => policies::sample(common).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Another code than "denied".
        Err(error) => {
            failed(&error);
            ExitCode::from(2)
        }
    }
}

/// Prints every fault of the configuration, and of the policy file.
fn check_config(file: Option<&Path>) -> ExitCode {
    let load = || anyhow::Ok(Policy::load(&Config::load(file)?.policy)?);
    match load() {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    for line in format!("{error:#}").lines() {
        eprintln!("zonda: {line}");
    }
    ExitCode::FAILURE
}
