//! Steps one after the other, beside those of another lane.

use std::{
    fs::File,
    io::{Read as _, Seek as _, Write as _},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::{
    output::Tests,
    programs::{self, Program},
    suites::Suite,
};
use crate::step::{cargo, check_status};

/// How many tests of one program run at a time, whatever the number of cores.
const TEST_THREADS: &str = "6";

/// Where what steps print goes.
#[derive(Debug)]
pub(super) enum Output {
    Terminal,
    /// Kept until the step has ended, since the other lane writes to the terminal.
    Kept(File),
}

impl Output {
    /// For a program to write to.
    pub(super) fn stdio(&self) -> Result<Stdio> {
        Ok(match self {
            Self::Terminal => Stdio::inherit(),
            Self::Kept(file) => file.try_clone().context("cannot keep what a step prints")?.into(),
        })
    }

    pub(super) fn line(&self, line: &str) {
        match self {
            Self::Terminal => println!("{line}"),
            // Nothing is lost by a line that can't be kept but the line.
            Self::Kept(file) => _ = writeln!(&*file, "{line}"),
        }
    }

    /// Prints what was kept, in one piece.
    fn flush(&mut self) -> Result<()> {
        if let Self::Kept(file) = self {
            let mut text = Vec::new();
            file.rewind()?;
            file.read_to_end(&mut text)?;
            file.set_len(0)?;
            file.rewind()?;
            println!("{}", String::from_utf8_lossy(&text).trim_end());
        }
        Ok(())
    }
}

/// What was run so far, and how it went.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) output: Output,
    steps: Vec<(String, bool, Duration)>,
    tests: Tests,
    /// For the test programs.
    pub(super) filters: Vec<String>,
    /// Set for the test programs.
    pub(super) env: Vec<(&'static str, String)>,
}

impl Lane {
    /// A lane that writes to the terminal.
    pub(super) fn aloud() -> Self {
        Self::new(Output::Terminal)
    }

    /// A lane that runs beside one that does.
    pub(super) fn quiet() -> Result<Self> {
        let file = tempfile::tempfile().context("cannot create a temporary file")?;
        Ok(Self::new(Output::Kept(file)))
    }

    fn new(output: Output) -> Self {
        Self {
            output,
            steps: Vec::new(),
            tests: Tests::default(),
            filters: Vec::new(),
            env: Vec::new(),
        }
    }

    /// Runs a step under a headline, and notes how long it took.
    pub(super) fn step<T>(&mut self, name: &str, run: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.output.line(&format!("\n== {name}"));
        let start = Instant::now();
        let result = run(self);
        self.steps.push((name.to_owned(), result.is_ok(), start.elapsed()));
        if let Err(error) = &result {
            self.output.line(&format!("{error:#}"));
        }
        self.output.flush()?;
        result.with_context(|| format!("{name} failed"))
    }

    /// A step that is a command which has to succeed.
    pub(super) fn succeed(&mut self, name: &str, command: &mut Command) -> Result<()> {
        self.step(name, |lane| {
            command.stdout(lane.output.stdio()?).stderr(lane.output.stdio()?);
            check_status(command.status(), command)
        })
    }

    /// Builds the test programs of these suites.
    pub(super) fn build(&mut self, suites: &[Suite]) -> Result<Vec<Program>> {
        self.step("build", |lane| {
            let mut built = Vec::new();
            for arguments in Suite::builds(suites) {
                built.extend(programs::build(&arguments, &lane.output)?);
            }
            Ok(built)
        })
    }

    /// Runs all of them, also when one fails.
    pub(super) fn run(&mut self, suites: &[Suite], built: &[Program]) -> Result<()> {
        let mut failed = Vec::new();
        for suite in suites {
            if self.step(&suite.name, |lane| lane.run_suite(suite, built)).is_err() {
                failed.push(suite.name.as_str());
            }
        }
        match failed.as_slice() {
            [] => Ok(()),
            failed => bail!("failed: {}", failed.join(", ")),
        }
    }

    fn run_suite(&mut self, suite: &Suite, built: &[Program]) -> Result<()> {
        if suite.is_doc() {
            return self.run_program(cargo(&["test", "--workspace", "--doc"]).arg("--"), suite);
        }
        let mut result = Ok(());
        for program in built.iter().filter(|program| suite.takes(program)) {
            self.output.line(&format!("{} of {}", program.name, program.package));
            let mut command = Command::new(&program.path);
            result = self
                .run_program(command.current_dir(&program.folder), suite)
                .and(result);
        }
        result
    }

    fn run_program(&mut self, command: &mut Command, suite: &Suite) -> Result<()> {
        command
            .args(suite.filters)
            .args(&self.filters)
            // The longest tests mostly wait: for a grace period, or for the API server.
            .env("RUST_TEST_THREADS", TEST_THREADS)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .envs(suite.kubernetes.map(|version| (tools::kubernetes::VARIABLE, version.0)))
            .stdout(Stdio::piped())
            .stderr(self.output.stdio()?);
        let mut child = command.spawn().with_context(|| format!("cannot run {}", suite.name))?;
        self.tests.follow(&mut child, &self.output)?;
        check_status(child.wait(), command)
    }

    /// Takes over what another lane has done.
    pub(super) fn join(&mut self, other: Self) {
        self.steps.extend(other.steps);
        self.tests.join(other.tests);
    }

    /// Prints each step's result and duration, and what became of the tests.
    pub(super) fn print(&self, whole: Duration) {
        println!("\n== summary");
        for (name, passed, duration) in &self.steps {
            let verdict = if *passed { "passed" } else { "FAILED" };
            println!("{verdict}  {:>7.1} s  {name}", duration.as_secs_f64());
        }
        println!("        {:>7.1} s  in all", whole.as_secs_f64());
        self.tests.print();
    }
}
