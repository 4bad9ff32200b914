//! The program behind `cargo xtask soak`.

use std::process::ExitCode;

use clap::Parser as _;
use soak::Options;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let ran = tokio::select! {
        ran = soak::run(&options) => ran,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    match ran {
        Ok(summary) => {
            println!("{summary}");
            if summary.violations.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}
