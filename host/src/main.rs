//! The `zonda` program: reads the command line and hands over.

use std::{path::Path, process::ExitCode};

use clap::Parser as _;
use zonda_host::{
    cli::{self, Cli, Command, ConfigCommand},
    runtime::compile,
};

fn main() -> ExitCode {
    let (common, command) = Cli::parse().into_parts();
    match command {
        Command::Serve { config } => serve(config.as_deref()),
        Command::Config(ConfigCommand::Check { config }) => check_config(config.as_deref()),
        Command::CompileComponent { .. } => compile::child_main(),
        Command::Client(command) => cli::run(&common, &command),
    }
}

/// Runs the host until it is told to end.
fn serve(_config: Option<&Path>) -> ExitCode {
    absent("server::serve")
}

/// Prints every fault of the configuration.
fn check_config(_config: Option<&Path>) -> ExitCode {
    absent("config::check")
}

fn absent(part: &str) -> ExitCode {
    eprintln!("zonda: this build has no {part}");
    ExitCode::FAILURE
}
