//! Runs the tests in `tests/boto3`: boto3, a client that nobody here wrote, against the simulator's binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ends its process also when a test panics.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn boto3_tests_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("tests/boto3");
    let python = tools::python::environment(&folder.join("requirements.txt")).unwrap();
    let (_simulator, endpoint) = simulator();
    let status = Command::new(python)
        // Neither bytecode nor pytest's cache goes into the source tree.
        .args(["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .current_dir(&folder)
        .env("SIMULATOR_ENDPOINT", endpoint)
        // Whatever the developer's own AWS settings say.
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("AWS_PROFILE")
        .env_remove("HTTP_PROXY")
        .env_remove("http_proxy")
        .status()
        .unwrap();
    assert!(status.success(), "pytest failed, its output is above");
}

fn simulator() -> (Running, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_simulator"))
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let running = Running(child);
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).unwrap();
    let endpoint = line
        .trim()
        .strip_prefix("listening on ")
        .expect("the simulator tells where it listens")
        .to_owned();
    (running, endpoint)
}
