//! One trial: the tests on the checkout as it is now, up to the first that fails.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::checkout::Checkout;

/// How long the tests may take, with the build; without a mutant they take a fraction of it. What a mutant makes run for
/// ever has been noticed.
pub(super) const LIMIT: Duration = Duration::from_mins(10);

/// What became of a trial.
#[derive(Debug)]
pub(super) enum Verdict {
    /// This test failed, and the others were broken off.
    Noticed(String),
    /// They did not end.
    Endless,
    /// All passed.
    Survived,
    /// It doesn't compile, or no test has such a name.
    NotRun(String),
}

/// Runs the tests of a test binary whose names contain one of these.
pub(super) fn run(checkout: &Checkout, binary: &[&str], names: &[&str]) -> Result<Verdict> {
    let mut tests = Group::run(
        Command::new(env!("CARGO"))
            .args(["test", "--package", "audit-mitigation-operator"])
            .args(binary)
            .arg("--")
            .args(names)
            .current_dir(checkout.folder())
            .env("CARGO_TARGET_DIR", checkout.target())
            // A mutant that is noticed need not be explained, and most are noticed early.
            .env("PROPTEST_MAX_SHRINK_ITERS", "0")
            .env("RUST_BACKTRACE", "0"),
    )?;
    let end = Instant::now() + LIMIT;
    let mut passed = false;
    loop {
        match tests.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                let result = line.strip_prefix("test ").and_then(|line| line.split_once(" ... "));
                match result {
                    Some((name, "FAILED")) => return Ok(Verdict::Noticed(name.to_owned())),
                    Some((_, "ok")) => passed = true,
                    _ => {}
                }
            }
            Err(RecvTimeoutError::Timeout) => return Ok(Verdict::Endless),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = tests.child.wait().context("cargo test has no end")?;
    Ok(if status.success() && passed {
        Verdict::Survived
    } else {
        Verdict::NotRun(tests.complaint())
    })
}

/// A process with all that it starts. It is killed when dropped; what tests have started in groups of their own ends
/// with them.
struct Group {
    child: Child,
    lines: Receiver<String>,
    complaint: Option<thread::JoinHandle<String>>,
}

impl Group {
    fn run(command: &mut Command) -> Result<Self> {
        let mut child = command
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run cargo test")?;
        let (sender, lines) = channel();
        let output = child.stdout.take();
        thread::spawn(move || {
            let lines = output.into_iter().flat_map(|output| BufReader::new(output).lines());
            // Nobody listens any more once the verdict is clear.
            for line in lines.map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let errors = child.stderr.take();
        let complaint = thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut errors) = errors {
                let _ = errors.read_to_end(&mut bytes);
            }
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Ok(Self {
            child,
            lines,
            complaint: Some(complaint),
        })
    }

    /// The last lines of its errors, once it has ended.
    fn complaint(&mut self) -> String {
        let text = self.complaint.take().and_then(|thread| thread.join().ok());
        let text = text.unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines
            .get(lines.len().saturating_sub(20)..)
            .unwrap_or_default()
            .join("\n")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Until it is waited for its id is its own.
        if matches!(self.child.try_wait(), Ok(None)) {
            let group = format!("-{}", self.child.id());
            let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).status();
            let _ = self.child.wait();
        }
    }
}
