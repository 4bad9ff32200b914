//! A group of processes and a folder that don't outlive this process, even when it is killed.

use std::{
    fs::File,
    io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context as _, Result};

use crate::Process;

/// Runs beside us, in a process group of its own that no Ctrl-C reaches. Its input is a pipe whose
/// other end only we hold, so it reads the end of file when we are gone, for whatever reason.
/// `$1` is the process group to kill, `$2` the folder to remove. A dying process may still be
/// writing into the folder, hence the repetition; the end of it is for the case where that never ends.
const SWEEP: &str = r#"
cat >/dev/null
kill -s KILL -- "-$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf -- "$2" 2>/dev/null && exit 0
    sleep 0.2
done
"#;

/// Owns a temporary folder and the processes that were started through it.
///
/// When it is dropped, and when the process that holds it ends in any way, the processes are
/// killed and the folder is removed.
#[derive(Debug)]
pub struct Supervisor {
    folder: PathBuf,
    /// An idle process, the first of the group: the group's id stays ours for as long as it lives.
    anchor: Child,
    sweeper: Child,
    /// Closing it sets the sweeper going.
    pipe: Option<ChildStdin>,
    started: AtomicUsize,
}

impl Supervisor {
    /// Makes the folder and the empty group.
    ///
    /// # Errors
    /// When the folder can't be made or `cat` and `sh` can't be run.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("audit-mitigation-")
            .tempdir()
            .context("cannot create a temporary folder")?;
        let quiet = |command: &mut Command| -> io::Result<Child> {
            command
                .process_group(0)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
        };
        // It holds no input but ours, so it ends by itself if we die before the sweeper is there.
        let anchor = quiet(&mut Command::new("cat")).context("cannot run cat")?;
        let mut sweeper = quiet(
            Command::new("sh")
                .args(["-c", SWEEP, "sweep", &anchor.id().to_string()])
                .arg(folder.path()),
        )
        .context("cannot run sh")?;
        let pipe = sweeper.stdin.take();
        Ok(Self {
            // From here on the sweeper removes it.
            folder: folder.keep(),
            anchor,
            sweeper,
            pipe,
            started: AtomicUsize::new(0),
        })
    }

    /// The temporary folder. It holds the processes' logs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a process whose output goes to a log file of its own.
    ///
    /// # Errors
    /// When the program can't be run.
    pub fn spawn(&self, name: &str, mut command: Command) -> Result<Process> {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let log = self.folder.join(format!("{number}-{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let errors = file.try_clone().context("cannot share a log file")?;
        let group = i32::try_from(self.anchor.id()).context("a process id beyond 31 bits")?;
        let child = command
            .process_group(group)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        Ok(Process::new(name, child, log))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // Nothing useful can be done about an error here: the sweeper goes on by itself.
        _ = self.sweeper.wait();
        _ = self.anchor.wait();
    }
}
