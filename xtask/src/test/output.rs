//! What the test programs say of their tests: how many passed, which failed, which take long.
//!
//! Not by cargo-nextest, which limits and times each test: it runs each in a process of its own, and the tests of a
//! cluster share one API server within theirs. It would be started 150 times instead of once.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    process::Child,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::lane::Output;

/// The longest that one test may take. The longest of those that pass takes three minutes.
const LIMIT: Duration = Duration::from_mins(10);

/// A test that takes so long is told by its program, and named in the summary.
const SLOW: Duration = Duration::from_mins(1);

/// The tests so far, over all programs.
#[derive(Debug, Default)]
pub(super) struct Tests {
    passed: u64,
    failed: u64,
    skipped: u64,
    failures: Vec<String>,
    slow: Vec<(String, Duration)>,
    running: Option<Program>,
}

/// The test program that runs.
#[derive(Debug, Default)]
struct Program {
    tests: u64,
    passed: u64,
    failed: u64,
    skipped: u64,
    /// Those that have been running for a minute, since when.
    slow: BTreeMap<String, Instant>,
}

impl Tests {
    /// Passes a test program's output on as it comes, until its end, and kills it when a test goes on too long. What a
    /// test has started ends with it, however it ends.
    pub(super) fn follow(&mut self, program: &mut Child, to: &Output) -> Result<()> {
        let output = program.stdout.take().context("a test program has no output")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
            }
        });
        loop {
            match lines.recv_timeout(Duration::from_secs(1)) {
                Ok(line) => {
                    to.line(&line);
                    self.add(&line, Instant::now());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if let Some(test) = self.overdue(Instant::now()) {
                let failure = format!("{test}: killed after {} minutes", LIMIT.as_secs() / 60);
                to.line(&failure);
                self.failures.push(failure);
                self.running.iter_mut().for_each(|running| running.slow.clear());
                program.kill().context("cannot kill a test program")?;
            }
        }
        self.end_program();
        Ok(())
    }

    /// A test that runs for longer than it may.
    fn overdue(&self, now: Instant) -> Option<&str> {
        let slow = &self.running.as_ref()?.slow;
        slow.iter()
            .find(|(_, since)| now.saturating_duration_since(**since) > LIMIT)
            .map(|(test, _)| test.as_str())
    }

    fn add(&mut self, line: &str, now: Instant) {
        if let Some(tests) = line
            .strip_prefix("running ")
            .and_then(|rest| rest.split(' ').next()?.parse().ok())
        {
            self.end_program();
            self.running = Some(Program {
                tests,
                ..Program::default()
            });
        } else if line.starts_with("test result: ") {
            self.end_program();
        } else if let Some(line) = line.strip_prefix("test ")
            && let Some(program) = &mut self.running
        {
            if let Some((name, _)) = line.split_once(" has been running for over ") {
                program
                    .slow
                    .insert(name.to_owned(), now.checked_sub(SLOW).unwrap_or(now));
                return;
            }
            // What a test prints itself may come before the verdict.
            let Some((name, verdict)) = line.split_once(" ... ") else {
                return;
            };
            if let Some(since) = program.slow.remove(name) {
                self.slow.push((name.to_owned(), now.saturating_duration_since(since)));
            }
            if verdict.ends_with("FAILED") {
                program.failed += 1;
                self.failures.push(name.to_owned());
            } else if verdict.starts_with("ignored") {
                program.skipped += 1;
            } else if verdict.ends_with("ok") {
                program.passed += 1;
            }
        }
    }

    /// Those of its tests that have said nothing have failed: the program was killed, or has crashed.
    fn end_program(&mut self) {
        let Some(Program {
            tests,
            passed,
            failed,
            skipped,
            ..
        }) = self.running.take()
        else {
            return;
        };
        self.passed += passed;
        self.skipped += skipped;
        self.failed += failed + tests.saturating_sub(passed + failed + skipped);
    }

    /// Adds the tests of another lane.
    pub(super) fn join(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.failures.extend(other.failures);
        self.slow.extend(other.slow);
    }

    /// Prints what took long and what failed, and the numbers last.
    pub(super) fn print(&self) {
        if !self.slow.is_empty() {
            println!("\n== tests of more than a minute");
            for (test, duration) in &self.slow {
                println!("{:>7.1} s  {test}", duration.as_secs_f64());
            }
        }
        if !self.failures.is_empty() {
            println!("\n== tests that failed");
            for test in &self.failures {
                println!("{test}");
            }
        }
        println!(
            "\n{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lines: &[&str]) -> Tests {
        let (mut tests, now) = (Tests::default(), Instant::now());
        for line in lines {
            tests.add(line, now);
        }
        tests
    }

    fn numbers(tests: &Tests) -> [u64; 3] {
        [tests.passed, tests.failed, tests.skipped]
    }

    #[test]
    fn tests_are_added_up_over_programs() {
        let tests = after(&[
            "running 4 tests",
            "test a ... ok",
            "test b ... ignored, because",
            "test c - should panic ... ok",
            "test d ... FAILED",
            "test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            "running 1 test",
            "test src/a.rs - f (line 3) ... ok",
            "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s",
        ]);
        assert_eq!(numbers(&tests), [3, 1, 1]);
        assert_eq!(tests.failures, ["d"]);
    }

    #[test]
    fn what_a_killed_program_never_said_has_failed() {
        let mut tests = after(&["running 5 tests", "test a ... ok", "test b ... ok"]);
        tests.end_program();
        assert_eq!(numbers(&tests), [2, 3, 0]);
        let tests = after(&[
            "running 5 tests",
            "test a ... ok",
            "running 0 tests",
            "test result: ok.",
        ]);
        assert_eq!(numbers(&tests), [1, 4, 0]);
    }

    #[test]
    fn slow_tests_are_named_and_those_that_never_end_are_overdue() {
        let (mut tests, start) = (Tests::default(), Instant::now());
        for line in [
            "running 2 tests",
            "test a has been running for over 60 seconds",
            "test b has been running for over 60 seconds",
        ] {
            tests.add(line, start);
        }
        let later = start + Duration::from_secs(30);
        tests.add("test b ... ok", later);
        assert_eq!(tests.slow, [("b".to_owned(), Duration::from_secs(90))]);
        assert_eq!(tests.overdue(later), None);
        assert_eq!(tests.overdue(start + LIMIT), Some("a"));
    }
}
