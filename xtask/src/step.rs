//! Programs that are run one after the other, each with its name and its duration.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

/// How the tests of a run ended, added up over its test binaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

/// What has been run so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<(&'static str, bool, Duration)>,
}

impl Report {
    /// Runs a step under a headline, and notes how long it took.
    pub(crate) fn step<T>(&mut self, name: &'static str, run: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n== {name}");
        let start = Instant::now();
        let result = run();
        self.steps.push((name, result.is_ok(), start.elapsed()));
        result.with_context(|| format!("{name} failed"))
    }

    /// Prints each step's result and duration.
    pub(crate) fn print(&self) {
        println!("\n== summary");
        for (name, passed, duration) in &self.steps {
            let verdict = if *passed { "passed" } else { "FAILED" };
            println!("{verdict}  {:>7.1} s  {name}", duration.as_secs_f64());
        }
    }
}

/// The folder of this checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Cargo, to be run in this checkout.
pub(crate) fn cargo(args: &[&str]) -> Command {
    program(env!("CARGO").as_ref(), args)
}

/// Any program, to be run in this checkout.
pub(crate) fn program(path: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(path);
    command.args(args).current_dir(root());
    command
}

/// Runs a command whose output goes to the terminal.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    check(command.status(), command)
}

/// Runs cargo test with its output passed on as it comes, and adds up its result lines.
pub(crate) fn count_tests(command: &mut Command, count: &mut Count) -> Result<()> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line.context("cannot read cargo's output")?;
            println!("{line}");
            count.add(&line);
        }
    }
    check(child.wait(), command)
}

fn check(status: std::io::Result<ExitStatus>, command: &Command) -> Result<()> {
    let shown = || {
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        let program = Path::new(command.get_program()).file_name().unwrap_or_default();
        format!("{} {}", program.display(), arguments.join(" "))
    };
    let status = status.with_context(|| format!("cannot run `{}`", shown()))?;
    ensure!(status.success(), "`{}` ended with {status}", shown());
    Ok(())
}

impl Count {
    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`; others say nothing.
    fn add(&mut self, line: &str) {
        let Some((_, results)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for result in results.split("; ") {
            let Some((number, what)) = result.split_once(' ') else {
                continue;
            };
            let number = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_added_up() {
        let mut count = Count::default();
        for line in [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 4 filtered out; finished in 0.10s",
            "test a::result ... ok. 7 passed; 7 failed",
        ] {
            count.add(line);
        }
        assert_eq!(
            count,
            Count {
                passed: 5,
                failed: 1,
                ignored: 1
            }
        );
    }
}
