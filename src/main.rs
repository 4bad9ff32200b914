//! The operator's binary.

use std::process::ExitCode;

use audit_mitigation_operator::cli::{Cli, Command};
use audit_mitigation_operator::{api, run};
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { command, run } = Cli::parse();
    let result = match command.unwrap_or_else(|| Command::Run(Box::new(run))) {
        Command::Run(args) => run::run(*args).await.map_err(|error| error.to_string()),
        Command::Crd => api::crd::to_yaml()
            .map(|yaml| print!("{yaml}"))
            .map_err(|error| error.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
