//! Runs the tests in `tests/boto3`: boto3, a client that nobody here wrote, against the simulator's binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use data_encoding::HEXLOWER;
use etcetera::BaseStrategy as _;
use sha2::{Digest as _, Sha256};

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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("boto3");
    let python = environment(&folder.join("requirements.txt"));
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

/// The python of a virtual environment with the requirements, made once for each version of their file.
fn environment(requirements: &Path) -> PathBuf {
    let digest = HEXLOWER.encode(&Sha256::digest(fs::read(requirements).unwrap()));
    let short: String = digest.chars().take(16).collect();
    let cache = etcetera::choose_base_strategy()
        .unwrap()
        .cache_dir()
        .join("audit-mitigation-operator");
    fs::create_dir_all(&cache).unwrap();
    // Another test run may be making the same one. The lock ends with its holder, however that ends.
    let lock = File::create(cache.join(format!("venv-{short}.lock"))).unwrap();
    lock.lock().unwrap();

    let folder = cache.join(format!("venv-{short}"));
    let python = folder.join("bin/python");
    let complete = folder.join("complete");
    if !complete.exists() {
        run(
            Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder),
            "install Python 3 with its venv module",
        );
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        run(
            Command::new(&python).args(install).arg(requirements),
            "pip must reach a package index",
        );
        File::create(complete).unwrap();
    }
    python
}

fn run(command: &mut Command, advice: &str) {
    let status = command
        .status()
        .unwrap_or_else(|error| panic!("{command:?}: {error}: {advice}"));
    assert!(status.success(), "{command:?} failed: {advice}");
}
