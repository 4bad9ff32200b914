//! Runs the simulator by itself, until it is interrupted.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use serde_json::{Value, json};
use simulator::{Config, Server, Settings};
use tokio::signal::unix::{SignalKind, signal};

/// Simulator of the audit mitigation API of AWS IoT Device Defender.
///
/// Point an AWS SDK at it with `AWS_ENDPOINT_URL_IOT`. Every switch is told in REFERENCE.md.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen; port 0 takes a free one, which is printed.
    #[arg(long, env = "SIMULATOR_LISTEN", default_value = "127.0.0.1:4566")]
    listen: SocketAddr,
    /// How long a task runs: short for `--set task_duration=…`.
    #[arg(long, env = "SIMULATOR_TASK_DURATION")]
    task_duration: Option<String>,
    /// A JSON file of settings to change.
    #[arg(long, env = "SIMULATOR_SETTINGS")]
    settings: Option<PathBuf>,
    /// Changes one setting, such as `readings.replay=task_already_exists` or `quotas.start=null`.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Lets an access key stand for an account; without it each key is an account of its own.
    #[arg(long = "access-key", value_name = "KEY=ACCOUNT")]
    access_keys: Vec<String>,
    /// Accepts signatures of any age.
    #[arg(long)]
    any_signature_age: bool,
    /// Starts without the sample audits, findings and actions.
    #[arg(long)]
    no_samples: bool,
}

impl Arguments {
    fn config(self) -> Result<Config, Box<dyn Error>> {
        let mut settings = Settings::default();
        if let Some(path) = &self.settings {
            let told = |error: &dyn Error| format!("--settings {}: {error}", path.display());
            let text = std::fs::read_to_string(path).map_err(|error| told(&error))?;
            let patch = serde_json::from_str(&text).map_err(|error| told(&error))?;
            settings = settings.patched(&patch).map_err(|error| told(&error))?;
        }
        let duration = self.task_duration.map(|duration| format!("task_duration={duration}"));
        for change in self.set.iter().chain(&duration) {
            let (name, value) = pair("--set", change)?;
            settings = settings
                .patched(&nested(name, value))
                .map_err(|error| format!("--set {change}: {error}"))?;
        }
        let mut config = Config {
            listen: self.listen,
            settings,
            samples: !self.no_samples,
            ..Config::default()
        };
        for entry in &self.access_keys {
            let (key, account) = pair("--access-key", entry)?;
            config.access_keys.insert(key.to_owned(), account.to_owned());
        }
        if self.any_signature_age {
            config.max_signature_age = None;
        }
        Ok(config)
    }
}

fn pair<'a>(flag: &str, text: &'a str) -> Result<(&'a str, &'a str), String> {
    text.split_once('=')
        .ok_or_else(|| format!("{flag} {text}: write it as NAME=VALUE"))
}

/// `a.b=1` as `{"a": {"b": 1}}`. A value that isn't JSON is a string.
fn nested(name: &str, value: &str) -> Value {
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    name.rsplit('.').fold(value, |inner, part| json!({ part: inner }))
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let server = Server::start(arguments.config()?)?;
    // The line that scripts read to learn the port.
    println!("listening on {}", server.endpoint());
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("simulator: {error}");
            ExitCode::FAILURE
        }
    }
}
