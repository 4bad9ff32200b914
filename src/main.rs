//! The operator's binary.

use std::io::{self, Write as _};
use std::process::ExitCode;

use audit_mitigation_operator::cli::{self, Cli, Command, RunArgs};
use audit_mitigation_operator::{api, check, run};

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    let Cli { command, run } = match cli::parse(&args) {
        Ok(cli) => cli,
        Err(problem) => {
            let mut problems = vec![problem];
            problems.extend(run::problems_around().await);
            return misconfigured(&problems);
        }
    };
    match command.unwrap_or_else(|| Command::Run(Box::new(run))) {
        Command::Run(args) => operate(*args).await,
        Command::Check(args) => check(&args).await,
        Command::Crd => match api::crds::to_yaml() {
            Ok(yaml) => print(&yaml, ExitCode::SUCCESS),
            Err(error) => {
                complain(&error.to_string());
                ExitCode::FAILURE
            }
        },
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
        complain(&format!("error: {problem}"));
    }
    ExitCode::from(2)
}

/// Exits with failure when anything is wrong.
async fn check(args: &RunArgs) -> ExitCode {
    let findings = check::check(args).await;
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let code = u8::from(findings.iter().any(check::Finding::is_problem));
    print(&(lines.join("\n") + "\n"), ExitCode::from(code))
}

/// Writes the program's output, and exits with this code. A reader that has seen enough (`head`) is no failure.
fn print(text: &str, code: ExitCode) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => code,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => code,
        Err(error) => {
            complain(&format!("the output can't be written: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes a line to standard error; where nobody reads it, nobody misses it.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
