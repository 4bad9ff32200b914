//! A process under test: signals, its end, its log.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{Supervisor, eventually};

/// How much of a log goes into an error message.
const TAIL_LINES: usize = 30;

/// A running program. Killed when dropped, and with the [`Supervisor`] that started it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` under `supervisor`.
    ///
    /// The environment variables are added to this process's own.
    ///
    /// # Errors
    /// When the program can't be run.
    pub fn start(supervisor: &Supervisor, program: &Path, args: &[&str], env: &[(&str, &str)]) -> Result<Self> {
        let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
        let mut command = Command::new(program);
        command.args(args).envs(env.iter().copied());
        supervisor.spawn(&name, command)
    }

    pub(crate) fn new(name: &str, child: Child, log: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            child,
            log,
        }
    }

    /// What it is called in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The file that its output and its errors go to.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// All it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        // Lossy: a test that looks for a line must not fail over half a character at the end.
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The last lines it has written, for error messages.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        let start = lines.len().saturating_sub(TAIL_LINES);
        lines.get(start..).unwrap_or_default().join("\n")
    }

    /// How it ended, or nothing while it runs.
    ///
    /// # Errors
    /// When the system doesn't say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("cannot ask for the state of {}", self.name))
    }

    /// Sends SIGTERM; the process may take its time. Nothing happens when it has ended.
    ///
    /// # Errors
    /// When the signal can't be sent.
    pub fn terminate(&mut self) -> Result<()> {
        // Once its end was asked for, its id may belong to somebody else.
        if self.ended()?.is_some() {
            return Ok(());
        }
        let id = i32::try_from(self.id()).context("a process id beyond 31 bits")?;
        kill(Pid::from_raw(id), Signal::SIGTERM).with_context(|| format!("cannot send SIGTERM to {}", self.name))
    }

    /// Kills it (SIGKILL) and waits for its end.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .with_context(|| format!("cannot kill {}", self.name))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it still runs after `limit`; with the end of its log.
    pub async fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let description = format!("{} ends", self.name);
        eventually(limit, &description, async || match self.ended()? {
            Some(status) => Ok(status),
            None => Err(anyhow!("it still runs; its log ends:\n{}", self.log_tail())),
        })
        .await
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    /// When it still runs after `limit`; with the end of its log.
    pub async fn stop(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.terminate()?;
        self.wait(limit).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended, or been killed with its supervisor: then this does nothing.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
