//! How many connections a process opens to the API server: those that are seen when one looks often. Each is kept for
//! the next request for more than a minute, so few are missed.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use procfs::process::{FDTarget, Process};
use tokio::{task::JoinHandle, time::interval};

/// How often one looks.
const INTERVAL: Duration = Duration::from_millis(50);

/// Looks until it is dropped.
pub(crate) struct Connections {
    /// By inode.
    seen: Arc<Mutex<HashSet<u64>>>,
    task: JoinHandle<()>,
}

impl Connections {
    /// Watches the connections of a process to this port.
    pub(crate) fn watch(pid: u32, port: u16) -> Self {
        let seen = Arc::<Mutex<HashSet<u64>>>::default();
        let noted = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut ticks = interval(INTERVAL);
            loop {
                ticks.tick().await;
                // The process may have ended.
                let open = open(pid, port).unwrap_or_default();
                noted.lock().unwrap_or_else(PoisonError::into_inner).extend(open);
            }
        });
        Self { seen, task }
    }

    /// How many it has opened so far.
    pub(crate) fn opened(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn open(pid: u32, port: u16) -> Result<Vec<u64>> {
    let process = Process::new(i32::try_from(pid)?)?;
    let own: HashSet<u64> = process
        .fd()?
        .filter_map(|descriptor| match descriptor.ok()?.target {
            FDTarget::Socket(inode) => Some(inode),
            _ => None,
        })
        .collect();
    let all = process
        .tcp()?
        .into_iter()
        .filter(|entry| entry.remote_address.port() == port);
    Ok(all
        .map(|entry| entry.inode)
        .filter(|inode| own.contains(inode))
        .collect())
}
