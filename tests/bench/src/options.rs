//! What is measured, how often, and how large.

use std::{fmt, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};

use crate::scenario::PolicySizes;

/// Measures the operator on a real API server and the simulated AWS service.
///
/// Prints a table of figures in Markdown. docs/performance.md says what each of them means.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
pub struct Options {
    /// The binary to measure; the release build of this checkout when absent.
    #[arg(long, value_name = "PATH")]
    pub operator: Option<PathBuf>,
    /// A second binary, measured in alternation with the first, for instance the build of an older commit.
    #[arg(long, value_name = "PATH")]
    pub against: Option<PathBuf>,
    /// Only these scenarios, comma-separated.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SCENARIO")]
    pub only: Vec<Scenario>,
    /// Small sizes, to see that everything works: the figures mean little.
    #[arg(long)]
    pub quick: bool,
    /// How many finished resources there are at a restart, comma-separated and ascending. [default: 0,1000,10000]
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS")]
    pub finished: Vec<usize>,
    /// How many tasks come at once without quotas. [default: 1000]
    #[arg(long, value_name = "NUMBER")]
    pub burst: Option<usize>,
    /// How many tasks run under the quotas. [default: 200]
    #[arg(long, value_name = "NUMBER")]
    pub tasks: Option<usize>,
    /// How often each scenario is run; the table shows the median. [default: 1, with --against 3]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: Option<u32>,
    /// Where the figures are written as JSON, of every round; in the folder of the binaries when absent.
    #[arg(long, value_name = "PATH")]
    pub json: Option<PathBuf>,
}

/// One thing that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Scenario {
    /// How many calls a second the simulated service takes: far more than the operator makes.
    Simulator,
    /// From apply to start on an idle operator, and what the necessary requests themselves take.
    Latency,
    /// Many tasks at once, without quotas.
    Burst,
    /// Many tasks under the real quotas, alone in the account.
    Makespan,
    /// The same while somebody else holds half of the slots.
    Shared,
    /// Memory, and the time to ready and to quiet after a restart, with finished resources.
    Finished,
    /// Memory, calls and writes of policies between audits, and over some audits.
    Policies,
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        formatter.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

impl Options {
    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        let all = Scenario::value_variants().iter().copied();
        all.filter(|scenario| self.only.is_empty() || self.only.contains(scenario))
            .collect()
    }

    pub(crate) fn rounds(&self) -> u32 {
        self.rounds
            .unwrap_or(if self.against.is_some() && !self.quick { 3 } else { 1 })
    }
}

/// How large the scenarios are.
#[derive(Clone, Debug)]
pub(crate) struct Sizes {
    /// How long the simulated service is driven, for each operation.
    pub(crate) drive: Duration,
    /// How often a single start is timed.
    pub(crate) starts: usize,
    /// How many tasks come at once.
    pub(crate) burst: usize,
    /// How long after its end one looks what is left of it.
    pub(crate) settling: Duration,
    /// How many tasks run under the quotas.
    pub(crate) tasks: usize,
    /// How many finished resources there are at a restart, in ascending order.
    pub(crate) finished: Vec<usize>,
    /// How many policies there are, and for how long.
    pub(crate) policies: PolicySizes,
}

impl Sizes {
    pub(crate) fn of(options: &Options) -> Self {
        let mut sizes = if options.quick {
            Self {
                drive: Duration::from_millis(200),
                starts: 3,
                burst: 20,
                settling: Duration::from_millis(200),
                tasks: 12,
                finished: vec![0, 50],
                policies: PolicySizes {
                    policies: 10,
                    rest: Duration::from_secs(3),
                    audits: 1,
                    interval: "1s",
                },
            }
        } else {
            Self {
                drive: Duration::from_secs(3),
                starts: 200,
                burst: 1_000,
                settling: Duration::from_mins(1),
                tasks: 200,
                finished: vec![0, 1_000, 10_000],
                policies: PolicySizes {
                    policies: 50,
                    rest: Duration::from_mins(5),
                    audits: 3,
                    interval: "1m",
                },
            }
        };
        if !options.finished.is_empty() {
            sizes.finished.clone_from(&options.finished);
        }
        sizes.burst = options.burst.unwrap_or(sizes.burst);
        sizes.tasks = options.tasks.unwrap_or(sizes.tasks);
        sizes
    }
}
