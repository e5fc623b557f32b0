//! The `zonda` program: reads the command line and hands over.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser as _;
use zonda_host::{
    cli::{self, Cli, Command, ConfigCommand, KeysCommand},
    clock::SystemClock,
    config::Config,
    executor,
    runtime::compile,
    server::{self, keys},
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

/// Prints every fault of the configuration.
fn check_config(file: Option<&Path>) -> ExitCode {
    match Config::load(file) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => failed(&error.into()),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    for line in format!("{error:#}").lines() {
        eprintln!("zonda: {line}");
    }
    ExitCode::FAILURE
}
