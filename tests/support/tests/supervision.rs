//! Whatever ends the process that holds a supervisor, its processes and its folder go.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use support::{Cluster, ClusterOptions, Process, Result, Supervisor, eventually};

const LIMIT: Duration = Duration::from_mins(1);

/// A process of its own that holds something supervised: this test binary again, running one of
/// the ignored tests below.
struct Holder {
    process: Child,
    supervised: Vec<i32>,
    folder: PathBuf,
}

impl Holder {
    fn start(test: &str) -> Self {
        // In a background shell SIGINT is ignored, and a child inherits that: `env` sets it back.
        let mut process = Command::new("env")
            .arg("--default-signal=INT")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut supervised, mut folder) = (Vec::new(), None);
        for line in BufReader::new(process.stdout.as_mut().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(id) = line.strip_prefix("process ") {
                supervised.push(id.parse().unwrap());
            } else if let Some(path) = line.strip_prefix("folder ") {
                folder = Some(PathBuf::from(path));
                break;
            }
        }
        let holder = Self {
            process,
            supervised,
            folder: folder.expect("the holder told its folder"),
        };
        assert!(!holder.supervised.is_empty());
        assert!(holder.supervised.iter().all(|id| runs(*id)));
        assert!(holder.folder.is_dir());
        holder
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.process.id()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }

    async fn all_goes(mut self) {
        let ended = eventually(LIMIT, "the holder ends", async || match self.process.try_wait() {
            Ok(Some(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        if ended.is_err() {
            // So that nothing of it is left behind a failed test.
            self.process.kill().unwrap();
            self.process.wait().unwrap();
        }
        ended.unwrap();
        eventually(LIMIT, "the processes and the folder are gone", async || {
            let left: Vec<_> = self.supervised.iter().filter(|id| runs(**id)).collect();
            if left.is_empty() && !self.folder.exists() {
                Ok(())
            } else {
                Err(format!("left: processes {left:?}, {}", self.folder.display()))
            }
        })
        .await
        .unwrap();
    }
}

/// Whether a process runs; one that has ended but that nobody has asked about doesn't.
fn runs(id: i32) -> bool {
    let zombie = fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    kill(Pid::from_raw(id), None).is_ok() && !zombie
}

fn tell(processes: &[u32], folder: &Path) {
    for id in processes {
        println!("process {id}");
    }
    println!("folder {}", folder.display());
}

fn idle(supervisor: &Supervisor) -> Process {
    let idle = Process::start(supervisor, Path::new("sleep"), &["3600"], &[]).unwrap();
    tell(&[idle.id()], supervisor.folder());
    idle
}

fn for_ever() -> ! {
    loop {
        std::thread::park();
    }
}

#[test]
#[ignore = "a holder that other tests start and kill"]
fn holds_an_idle_process() {
    let supervisor = Supervisor::start().unwrap();
    let _idle = idle(&supervisor);
    for_ever();
}

#[test]
#[ignore = "a holder that other tests start"]
fn holds_an_idle_process_and_panics() {
    let supervisor = Supervisor::start().unwrap();
    let _idle = idle(&supervisor);
    panic!("as a failing test does");
}

#[tokio::test]
#[ignore = "a holder that other tests start and kill"]
async fn holds_a_cluster() {
    let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
    let _idle = Process::start(cluster.supervisor(), Path::new("sleep"), &["3600"], &[]).unwrap();
    tell(&cluster.process_ids(), cluster.supervisor().folder());
    for_ever();
}

#[tokio::test]
async fn after_kill_9_the_cluster_is_gone() {
    let holder = Holder::start("holds_a_cluster");
    assert_eq!(holder.supervised.len(), 3);
    holder.signal(Signal::SIGKILL);
    holder.all_goes().await;
}

#[tokio::test]
async fn after_an_interrupt_all_is_gone() {
    let holder = Holder::start("holds_an_idle_process");
    holder.signal(Signal::SIGINT);
    holder.all_goes().await;
}

#[tokio::test]
async fn after_a_panic_all_is_gone() {
    Holder::start("holds_an_idle_process_and_panics").all_goes().await;
}

#[tokio::test]
async fn a_dropped_supervisor_leaves_nothing() -> Result<()> {
    let supervisor = Supervisor::start()?;
    let mut process = idle(&supervisor);
    let folder = supervisor.folder().to_owned();
    assert!(process.ended()?.is_none());
    drop(supervisor);
    assert!(!folder.exists());
    // The signal is sent by now, the process may take a moment to die of it.
    assert_eq!(process.wait(LIMIT).await?.signal(), Some(9));
    Ok(())
}

#[tokio::test]
async fn a_process_is_asked_to_end_and_its_log_is_read() -> Result<()> {
    let supervisor = Supervisor::start()?;
    let script = "trap 'echo ends; exit 7' TERM; echo $GREETING; while :; do sleep 0.05; done";
    let mut process = Process::start(&supervisor, Path::new("sh"), &["-c", script], &[("GREETING", "hello")])?;
    eventually(LIMIT, "it has started", async || match process.log() {
        log if log == "hello\n" => Ok(()),
        log => Err(log),
    })
    .await?;
    assert!(process.ended()?.is_none());
    assert_eq!(process.stop(LIMIT).await?.code(), Some(7));
    assert_eq!(process.log(), "hello\nends\n");
    // It has ended: nothing to signal, nothing to fail.
    process.terminate()?;
    Ok(())
}

#[tokio::test]
async fn who_doesnt_end_is_named_with_its_log() -> Result<()> {
    let supervisor = Supervisor::start()?;
    let script = "trap '' TERM; echo stubborn; while :; do sleep 0.05; done";
    let mut process = Process::start(&supervisor, Path::new("sh"), &["-c", script], &[])?;
    eventually(LIMIT, "it has started", async || match process.log() {
        log if log.is_empty() => Err("no output"),
        _ => Ok(()),
    })
    .await?;
    let error = process.stop(Duration::from_millis(300)).await.unwrap_err();
    let message = error.to_string();
    assert!(message.contains("sh ends") && message.contains("stubborn"), "{message}");
    process.kill()?;
    Ok(())
}
