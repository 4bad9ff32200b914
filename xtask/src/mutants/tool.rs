//! Bugs that cargo-mutants thinks up: another operator, a branch left out, a function that returns the default.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::checkout::Checkout;

/// How long the tests of one mutant may take, in seconds. What a mutant makes run for ever has been noticed.
const LIMIT: &str = "300";

/// How many random lives each property of the model is tried on, and the others in proportion; without a mutant it's 400.
const MODEL_CASES: &str = "60";

/// Which mutants.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// For cargo-mutants: `--shard 3/40` tries the fourth of forty parts, `--file 'src/core/queue/**'` some files,
    /// `--in-diff CHANGE.diff` what a change touches, `--list` prints the mutants and runs nothing.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Files of the product, and the tests that have to notice what is wrong with them.
pub(super) struct Area {
    files: &'static str,
    /// For `cargo test`.
    targets: &'static [&'static str],
    /// For each of its test programs.
    names: &'static [&'static str],
}

pub(super) const CORE: Area = Area {
    files: "src/core/**",
    targets: &["--lib"],
    names: &["core::"],
};
pub(super) const LEASE: Area = Area {
    files: "src/lease/**",
    targets: &["--lib"],
    names: &["lease::"],
};
pub(super) const AWS: Area = Area {
    files: "src/aws/**",
    targets: &["--lib", "--test=aws", "--test=fuzz"],
    names: &["--skip=core::", "--skip=lease::"],
};

/// Runs cargo-mutants in the copy, which it may spoil.
pub(super) fn run(checkout: &Checkout, area: &Area, arguments: &Arguments) -> Result<()> {
    let names_files = |argument: &String| ["--file", "-f"].iter().any(|option| argument.starts_with(option));
    let mut command = Command::new(tools::CARGO_MUTANTS.path()?);
    command
        .args(["mutants", "--package=audit-mitigation-operator", "--in-place"])
        .args(["--timeout", LIMIT, "--output"])
        .arg(checkout.target())
        .current_dir(checkout.folder())
        .env("CARGO_TARGET_DIR", checkout.target())
        .env(
            "MODEL_CASES",
            std::env::var("MODEL_CASES").as_deref().unwrap_or(MODEL_CASES),
        )
        // A mutant that is noticed need not be explained, and most are noticed early.
        .env("PROPTEST_MAX_SHRINK_ITERS", "0")
        .env("RUST_BACKTRACE", "0");
    if !arguments.arguments.iter().any(names_files) {
        command.args(["--file", area.files]);
    }
    // The test programs stop at the first failure. They take that for an unstable option, which only they have to
    // believe in: with the variable set for the compiler too, crates would be built in other ways.
    command
        .args([
            "--cargo-arg=--config",
            "--cargo-arg=target.'cfg(unix)'.runner = ['env', 'RUSTC_BOOTSTRAP=1']",
        ])
        // For each call of cargo: what is only said of the tests doesn't keep it from building all of them.
        .args(area.targets.iter().map(|target| format!("--cargo-arg={target}")))
        .args(&arguments.arguments)
        .args(["--", "--", "-Zunstable-options", "--fail-fast"])
        .args(area.names);
    let status = command.status().context("cannot run cargo-mutants")?;
    match status.code() {
        // 3: some never ended.
        Some(0 | 3) => Ok(()),
        Some(2) => bail!(
            "no test noticed the mutants that are listed above as MISSED. Write the test that does, or say in \
             .cargo/mutants.toml why nobody could notice"
        ),
        _ => bail!("cargo-mutants ended with {status}"),
    }
}
