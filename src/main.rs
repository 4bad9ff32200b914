//! The operator's binary.

use std::process::ExitCode;

use audit_mitigation_operator::cli::{self, Cli, Command, RunArgs};
use audit_mitigation_operator::{api, check, run};

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    let Cli { command, run } = match cli::parse(&args) {
        Ok(cli) => cli,
        Err(mut problems) => {
            problems.extend(run::problems_around().await);
            return misconfigured(&problems);
        }
    };
    let result = match command.unwrap_or_else(|| Command::Run(Box::new(run))) {
        Command::Run(args) => return operate(*args).await,
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

/// Runs the operator. What goes wrong once the log is there is said in it, in its format.
async fn operate(args: RunArgs) -> ExitCode {
    match run::run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(run::Error::Configuration(problems)) => misconfigured(&problems),
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// One line for each problem, and the exit code that clap has for wrong arguments.
fn misconfigured(problems: &[String]) -> ExitCode {
    for problem in problems {
        eprintln!("error: {problem}");
    }
    ExitCode::from(2)
}

/// Exits with failure when anything is wrong.
async fn check(args: &RunArgs) -> ExitCode {
    let findings = check::check(args).await;
    for finding in &findings {
        println!("{finding}");
    }
    ExitCode::from(u8::from(findings.iter().any(check::Finding::is_problem)))
}
