//! The command line.

use std::net::SocketAddr;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use tracing_subscriber::EnvFilter;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::core::rate_limiter::Rates;
use crate::lease::{self, LeaseName};

mod names;
mod parse;

pub use parse::parse;

/// Kubernetes operator for audit mitigation actions tasks of AWS IoT Device Defender.
///
/// The AWS region, credentials and endpoint come from the SDK's own variables (`AWS_REGION`,
/// `AWS_ENDPOINT_URL_IOT`, …), the cluster from `KUBECONFIG` or the pod.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; `run` when absent.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The flags of `run`.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator (the default).
    Run(Box<RunArgs>),
    /// Say what would keep an operator with these flags from working, and change nothing.
    Check(Box<RunArgs>),
    /// Print the `CustomResourceDefinition`s.
    Crd,
}

/// The flags of `run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Namespaces to watch, comma-separated; all of them when empty.
    #[arg(long, env, value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,
    /// Hold a Lease while at work, so that of several replicas one works and the others stand by.
    #[arg(
        long,
        env,
        value_name = "BOOL",
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = ArgAction::Set,
        value_parser = BoolishValueParser::new()
    )]
    pub leader_elect: bool,
    /// The namespace of the Lease; the pod's own when absent, else `default`.
    #[arg(long, env)]
    pub lease_namespace: Option<String>,
    /// The name of the Lease: the same for all replicas, another for each installation.
    #[arg(long, env, default_value = "audit-mitigation-operator")]
    pub lease_name: String,
    /// Where metrics and probes are served; `[::]` is IPv4 and IPv6.
    #[arg(long, env, default_value = "[::]:8080")]
    pub http_addr: SocketAddr,
    /// The most tasks that run at a time, for each account and region.
    #[arg(long, env, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub max_running_tasks: u16,
    /// The most Start calls a second, for each account and region; 0 for no limit.
    #[arg(long, env, value_name = "CALLS", default_value_t = Rates::START, value_parser = rate)]
    pub max_start_rate: f64,
    /// The most Describe calls a second, for each account and region; 0 for no limit.
    #[arg(long, env, value_name = "CALLS", default_value_t = Rates::DESCRIBE, value_parser = rate)]
    pub max_describe_rate: f64,
    /// The most reconciles at a time of new resources, and as many of all others, for each kind.
    #[arg(long, env, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub max_concurrent_reconciles: u16,
    /// The shortest wait between two Describe calls of a task.
    #[arg(long, env, default_value = "1s", value_parser = duration)]
    pub min_poll_interval: Duration,
    /// The longest wait between two Describe calls of a task.
    #[arg(long, env, default_value = "60s", value_parser = duration)]
    pub max_poll_interval: Duration,
    /// The shortest wait between two looks for audits in a region that has policies.
    #[arg(long, env, default_value = "1m", value_parser = duration)]
    pub audit_poll_interval: Duration,
    /// How long a deletion waits for the service.
    #[arg(long, env, default_value = "10m", value_parser = duration)]
    pub cancel_timeout: Duration,
    /// The format of the log.
    #[arg(long, env, value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// What is logged: error, warn, info, debug, trace, or a filter such as `info,kube=debug`.
    #[arg(long, env, default_value = "info")]
    pub log_level: String,
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl RunArgs {
    /// What is wrong with the flags together, one line each.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.min_poll_interval.is_zero() {
            problems.push("--min-poll-interval must be longer than 0s".to_owned());
        }
        if self.audit_poll_interval.is_zero() {
            problems.push("--audit-poll-interval must be longer than 0s".to_owned());
        }
        if self.max_poll_interval < self.min_poll_interval {
            problems.push("--max-poll-interval must not be shorter than --min-poll-interval".to_owned());
        }
        // A template whose variables are empty must not mean everything.
        if self.namespaces().is_empty() && !self.watches_all() {
            problems
                .push("--watch-namespaces names no namespace: leave it out, or empty, to watch all of them".to_owned());
        }
        for name in self.namespaces().iter().filter(|name| !names::is_label(name)) {
            problems.push(format!("--watch-namespaces: {name:?} is no name of a namespace"));
        }
        if self.leader_elect {
            if !names::is_subdomain(self.lease_name.trim()) {
                problems.push(format!(
                    "--lease-name: {:?} is no name of a Lease: write lower-case letters, digits, - and .",
                    self.lease_name
                ));
            }
            let namespace = self.lease_namespace.as_deref().unwrap_or_default().trim();
            if !namespace.is_empty() && !names::is_label(namespace) {
                problems.push(format!("--lease-namespace: {namespace:?} is no name of a namespace"));
            }
        }
        if self.log_filter().is_none() {
            problems.push(format!(
                "--log-level: {:?} can't be understood: write error, warn, info, debug, trace, or a filter such as info,kube=debug",
                self.log_level
            ));
        }
        problems
    }

    /// Whether nothing was said of namespaces.
    fn watches_all(&self) -> bool {
        match self.watch_namespaces.as_slice() {
            [] => true,
            [only] => only.is_empty(),
            _ => false,
        }
    }

    /// What is logged; `None` when it can't be understood.
    pub fn log_filter(&self) -> Option<EnvFilter> {
        EnvFilter::try_new(&self.log_level).ok()
    }

    /// The bounds of the rate limiter.
    pub fn rates(&self) -> Rates {
        Rates::new(self.max_start_rate, self.max_describe_rate)
    }

    /// The lease to hold, if any.
    pub async fn lease(&self) -> Option<LeaseName> {
        if !self.leader_elect {
            return None;
        }
        let namespace = match self.lease_namespace.as_deref().map(str::trim) {
            Some(namespace) if !namespace.is_empty() => namespace.to_owned(),
            _ => lease::own_namespace().await,
        };
        Some(LeaseName {
            namespace,
            name: self.lease_name.trim().to_owned(),
        })
    }

    /// The namespaces to watch, each once; none means all.
    pub fn namespaces(&self) -> Vec<String> {
        let mut namespaces: Vec<String> = Vec::new();
        for name in self.watch_namespaces.iter().map(|name| name.trim()) {
            if !name.is_empty() && !namespaces.iter().any(|known| known == name) {
                namespaces.push(name.to_owned());
            }
        }
        namespaces
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| "write a duration such as 500ms, 30s or 10m".to_owned())
}

/// A hundredth is a call in two minutes: less would be a mistake, or a wish for `suspend`.
fn rate(text: &str) -> Result<f64, String> {
    let is_rate = |rate: &f64| *rate == 0.0 || (0.01..=1_000.0).contains(rate);
    text.parse()
        .ok()
        .filter(is_rate)
        .ok_or_else(|| "write calls a second from 0.01 to 1000, such as 8 or 0.5; 0 for no limit".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lease(args: &[&str]) -> Option<(String, String)> {
        let cli = Cli::try_parse_from([&["operator"], args].concat()).unwrap();
        let args = match cli.command {
            Some(Command::Run(args)) => *args,
            _ => cli.run,
        };
        args.lease().await.map(|lease| (lease.namespace, lease.name))
    }

    #[tokio::test]
    async fn leader_election_is_on_unless_it_is_turned_off() {
        let place = ["--lease-namespace=here", "--lease-name=mine"];
        let held = Some(("here".to_owned(), "mine".to_owned()));
        for on in [&[][..], &["--leader-elect"], &["--leader-elect=true"]] {
            assert_eq!(lease(&[&place[..], on].concat()).await, held, "{on:?}");
            assert_eq!(lease(&[&["run"], &place[..], on].concat()).await, held, "run {on:?}");
        }
        assert_eq!(lease(&["run", "--leader-elect=false"]).await, None);
        let name = lease(&["--lease-namespace=here"]).await.map(|(_, name)| name);
        assert_eq!(name.as_deref(), Some("audit-mitigation-operator"));
    }

    #[test]
    fn a_lease_without_a_name_is_refused() {
        let problems = |args: &[&str]| Cli::try_parse_from(args).unwrap().run.problems();
        assert_eq!(
            problems(&["operator", "--lease-name="]),
            ["--lease-name: \"\" is no name of a Lease: write lower-case letters, digits, - and ."]
        );
        assert!(problems(&["operator", "--lease-name=", "--leader-elect=false"]).is_empty());
    }

    #[test]
    fn a_list_of_namespaces_that_names_none_is_refused() {
        let args = |list: &str| {
            let cli = Cli::try_parse_from(["operator", &format!("--watch-namespaces={list}")]).unwrap();
            (cli.run.namespaces(), cli.run.problems())
        };
        for (list, names) in [
            ("", &[][..]),
            ("a", &["a"]),
            ("a,b", &["a", "b"]),
            ("a, a ,b,a", &["a", "b"]),
            ("a,", &["a"]),
        ] {
            assert_eq!(
                args(list),
                (names.iter().map(ToString::to_string).collect(), Vec::new()),
                "{list:?}"
            );
        }
        for list in [",", ",,", " ", " , "] {
            let (_, problems) = args(list);
            assert!(
                problems.join("\n").contains("names no namespace"),
                "{list:?}: {problems:?}"
            );
        }
    }

    #[test]
    fn rates_are_calls_a_second_or_no_limit() {
        let rates = |args: &[&str]| {
            let cli = Cli::try_parse_from([&["operator"], args].concat());
            cli.map(|cli| cli.run.rates()).map_err(|error| error.to_string())
        };
        let others = Some(8.0);
        let (start, describe) = (Some(8.0), Some(20.0));
        let all = Rates {
            start,
            describe,
            others,
        };
        assert_eq!(rates(&[]), Ok(all));
        assert_eq!(
            rates(&["--max-start-rate=0", "--max-describe-rate=0.5"]),
            Ok(Rates {
                start: None,
                describe: Some(0.5),
                others,
            })
        );
        for wrong in ["-1", "0.001", "NaN", "inf", "1001", "8/s", ""] {
            let error = rates(&[&format!("--max-start-rate={wrong}")]).unwrap_err();
            assert!(error.contains("calls a second from 0.01 to 1000"), "{wrong}: {error}");
        }
    }
}
