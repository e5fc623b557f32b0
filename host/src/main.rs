//! The `zonda` program: reads the command line and hands over.

use std::{path::Path, process::ExitCode};

use clap::Parser as _;
use zonda_host::{
    cli::{self, Cli, Command, ConfigCommand},
    config::Config,
    executor,
    runtime::compile,
    server,
};

fn main() -> ExitCode {
    let (common, command) = Cli::parse().into_parts();
    match command {
        Command::Serve { config } => serve(config.as_deref()),
        Command::Config(ConfigCommand::Check { config }) => check_config(config.as_deref()),
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
