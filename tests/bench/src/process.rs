//! CPU time and memory, as Linux tells them.

use std::time::Duration;

use anyhow::{Context as _, Result};
use procfs::process::Process;

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Resident, shared pages included: what a memory limit of a container is compared with.
    pub(crate) resident: u64,
    /// Of no file: heap and stacks, without the program itself.
    pub(crate) anonymous: u64,
    /// The most that was ever resident.
    pub(crate) peak: u64,
}

/// The CPU time of a process so far, in steps of 10 ms.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let stat = process(pid)?.stat()?;
    Ok(ticks(stat.utime.saturating_add(stat.stime)))
}

/// The CPU time of a thread of this process.
pub(crate) fn cpu_of_thread(name: &str) -> Result<Duration> {
    for task in Process::myself()?.tasks()? {
        let stat = task?.stat()?;
        if stat.comm == name {
            return Ok(ticks(stat.utime.saturating_add(stat.stime)));
        }
    }
    anyhow::bail!("there is no thread {name}")
}

pub(crate) fn memory(pid: u32) -> Result<Memory> {
    const KIB: u64 = 1_024;
    let process = process(pid)?;
    let status = process.status()?;
    let maps = process.smaps_rollup()?.memory_map_rollup;
    let anonymous = maps.iter().filter_map(|map| map.extension.map.get("Anonymous")).sum();
    let kib = |value: Option<u64>| value.map(|kib| kib.saturating_mul(KIB)).context("no memory");
    Ok(Memory {
        resident: kib(status.vmrss)?,
        anonymous,
        peak: kib(status.vmhwm)?,
    })
}

fn process(pid: u32) -> Result<Process> {
    let id = i32::try_from(pid).context("a process id beyond 31 bits")?;
    Process::new(id).with_context(|| format!("the process {pid} has ended"))
}

fn ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks.saturating_mul(1_000) / procfs::ticks_per_second().max(1))
}
