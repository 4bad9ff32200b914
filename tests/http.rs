//! Metrics and probes of the real process, under whoever reaches their port.

// Descriptors and memory are read from /proc, and IPv6 is taken away by seccomp.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use support::ports;
use tempfile::TempDir;

/// A cluster that is never there: the probes answer all the same.
const KUBECONFIG: &str = r#"{
    "apiVersion": "v1", "kind": "Config", "current-context": "it",
    "clusters": [{ "name": "it", "cluster": { "server": "http://127.0.0.1:1" } }],
    "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "" } }]
}"#;

/// Generous, for a machine that is busy building.
const LIMIT: Duration = Duration::from_mins(1);

/// The descriptors that the process may have: what a container runtime gives by default.
const DESCRIPTORS: u16 = 1_024;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The operator's process, killed when dropped.
struct Operator {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Operator {
    /// Runs it with its metrics and probes on this address and a port of its own.
    fn start(host: &str) -> Self {
        let port = ports::free().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, KUBECONFIG).unwrap();
        let program = env!("CARGO_BIN_EXE_audit-mitigation-operator");
        let command = support::operator::command(program.as_ref(), &kubeconfig, "http://127.0.0.1:1", "AKIATEST", 0);
        let mut limited = Command::new("sh");
        limited
            .args(["-c", &format!("ulimit -Sn {DESCRIPTORS} && exec \"$0\" \"$@\"")])
            .arg(command.get_program())
            .args(command.get_args())
            .arg(format!("--http-addr={host}:{port}"))
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log")).unwrap());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => limited.env(name, value),
                None => limited.env_remove(name),
            };
        }
        let child = limited.spawn().unwrap();
        Self { child, port, folder }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Asks until there is an answer: the status code, or what stood in the way until the limit.
    async fn answers(&self, host: IpAddr, path: &str) {
        let description = format!("{path} answers on {host}");
        support::eventually(LIMIT, &description, async || match get(host, self.port, path) {
            Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => Ok(()),
            other => Err(format!("{other:?}; log:\n{}", self.log())),
        })
        .await
        .unwrap();
    }

    /// One request, one answer, at once.
    fn answers_now(&self, path: &str) {
        let answer = get(LOCAL, self.port, path).unwrap_or_else(|error| panic!("{path}: {error}; {}", self.log()));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect_timeout(&SocketAddr::new(LOCAL, self.port), LIMIT).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        stream
    }

    fn open_descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .unwrap()
            .count()
    }

    /// The most memory that it ever had, in MiB.
    fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kib / 1_024
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn get(host: IpAddr, port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(host, port), Duration::from_secs(10))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// As many descriptors as these tests need on their own side.
fn allow_many_connections() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(hard >= 4_096, "ulimit -Hn is {hard}");
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(20_000), hard).unwrap();
}

#[tokio::test]
async fn silent_connections_take_neither_the_probes_nor_the_descriptors() {
    allow_many_connections();
    let operator = Operator::start("127.0.0.1");
    operator.answers(LOCAL, "/livez").await;
    let mut silent = Vec::new();
    for number in 1..=1_100 {
        silent.push(operator.connect());
        if number % 275 == 0 {
            operator.answers_now("/livez");
            operator.answers_now("/metrics");
        }
    }
    let open = operator.open_descriptors();
    assert!(
        open < usize::from(DESCRIPTORS) / 4,
        "{open} descriptors are left to nobody else"
    );
    drop(silent);
    operator.answers_now("/livez");
    operator.answers_now("/metrics");
}

#[tokio::test]
async fn unfinished_headers_take_no_memory() {
    allow_many_connections();
    let operator = Operator::start("127.0.0.1");
    operator.answers(LOCAL, "/livez").await;
    let before = operator.peak_memory();
    let header = format!("GET /metrics HTTP/1.1\r\nhost: it\r\nx-long: {}", "a".repeat(400_000));
    let mut unfinished = Vec::new();
    for number in 1..=900 {
        let mut stream = operator.connect();
        // It may be refused half way, which is the point.
        stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        _ = stream.write_all(header.as_bytes());
        unfinished.push(stream);
        if number % 300 == 0 {
            operator.answers_now("/livez");
            operator.answers_now("/metrics");
        }
    }
    let grown = operator.peak_memory() - before;
    assert!(grown < 32, "{grown} MiB on top of {before}");
    drop(unfinished);
    operator.answers_now("/livez");
    operator.answers_now("/metrics");
}

/// What the server closes, the peer sees as the end of the stream; an answer may come before it.
#[test]
fn a_connection_ends_by_itself() {
    let operator = Operator::start("127.0.0.1");
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(operator.answers(LOCAL, "/livez"));
    for (what, sent) in [
        ("nothing was sent", ""),
        ("the header is unfinished", "GET /livez HTTP/1.1\r\nhost:"),
        (
            "the body never comes",
            "GET /livez HTTP/1.1\r\nhost: it\r\ncontent-length: 9\r\n\r\n",
        ),
        // One that asks again finds the next connection free.
        ("the peer would ask again", "GET /livez HTTP/1.1\r\nhost: it\r\n\r\n"),
    ] {
        let mut stream = operator.connect();
        stream.write_all(sent.as_bytes()).unwrap();
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        assert!(read.is_ok(), "{what}: {read:?}");
    }
}

#[tokio::test]
async fn both_families_are_served() {
    let operator = Operator::start("[::]");
    operator.answers(LOCAL, "/livez").await;
    operator.answers(IpAddr::V6(Ipv6Addr::LOCALHOST), "/livez").await;
    let operator = Operator::start("0.0.0.0");
    operator.answers(LOCAL, "/metrics").await;
    let operator = Operator::start("[::1]");
    operator.answers(IpAddr::V6(Ipv6Addr::LOCALHOST), "/metrics").await;
}

/// A node whose kernel has no IPv6 (`ipv6.disable=1`). The filter holds for this thread and what it starts.
fn take_ipv6_away() {
    let family = u64::try_from(libc::AF_INET6).unwrap();
    let is_ipv6 = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, family).unwrap();
    let rules = BTreeMap::from([(libc::SYS_socket, vec![SeccompRule::new(vec![is_ipv6]).unwrap()])]);
    let refused = SeccompAction::Errno(libc::EAFNOSUPPORT.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

#[test]
fn without_ipv6_both_families_are_one() {
    let thread = std::thread::spawn(|| {
        take_ipv6_away();
        (Operator::start("[::]"), Operator::start("[::1]"))
    });
    let (both, ipv6_alone) = thread.join().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(both.answers(LOCAL, "/livez"));
    let log = both.log();
    assert!(log.contains("no IPv6"), "{log}");
    // Who names an address gets that or an error.
    let ended = support::eventually(LIMIT, "it ends with a message", async || {
        let log = ipv6_alone.log();
        log.contains("--http-addr can't be listened on")
            .then_some(())
            .ok_or(log)
    });
    runtime.block_on(ended).unwrap();
}
