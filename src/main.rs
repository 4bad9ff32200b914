//! The operator's binary.

use std::process::ExitCode;

use audit_mitigation_operator::cli::{Cli, Command, RunArgs};
use audit_mitigation_operator::{api, check, run};
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { command, run } = Cli::parse();
    let result = match command.unwrap_or_else(|| Command::Run(Box::new(run))) {
        Command::Run(args) => run::run(*args).await.map_err(|error| error.to_string()),
        Command::Check(args) => return check(&args).await,
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

/// Exits with failure when anything is wrong.
async fn check(args: &RunArgs) -> ExitCode {
    let findings = check::check(args).await;
    for finding in &findings {
        println!("{finding}");
    }
    ExitCode::from(u8::from(findings.iter().any(check::Finding::is_problem)))
}
