//! The commands of this checkout, run as `cargo xtask …`.

mod bench;
mod binaries;
mod demo;
mod image;
mod mutants;
mod pictures;
mod release;
mod soak;
mod step;
mod test;
mod tools;

use std::process::ExitCode;

use clap::Parser;

/// The commands of this checkout.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// The quick checks: format, lints, and all tests that need no cluster.
    Check,
    /// Runs every check: format, lints, documentation, and all tests, also those on a real cluster; or some suites.
    Test(test::Arguments),
    /// Shows the operator's main job on a real API server and a simulated service.
    Demo(demo::Arguments),
    /// Builds the operator as static binaries for amd64 and arm64 and, where buildah is installed, its images.
    Image,
    /// Draws the pictures of the docs anew: the demo in a terminal, and the dashboard after it.
    Pictures,
    /// What makes a release; see docs/releasing.md.
    #[command(subcommand)]
    Release(release::Command),
    /// Asks the database of advisories about the dependencies; it is fetched from the network.
    Advisories,
    /// Measures the release build: start times, throughput, requests, CPU, memory; see docs/performance.md.
    Bench(bench::Arguments),
    /// Does to two replicas what can go wrong, at random, and checks the promises; see RELIABILITY.md.
    Soak(soak::Arguments),
    /// Breaks the product in many small ways, and fails when no test notices; see RELIABILITY.md.
    Mutants(mutants::Arguments),
    /// Builds the test cluster's programs into the user's cache; the other commands do it when needed.
    Tools,
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Check => test::quick(),
        Command::Test(arguments) => test::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Image => image::run(),
        Command::Pictures => pictures::run(),
        Command::Release(command) => release::run(&command),
        Command::Advisories => release::advisories(),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Mutants(arguments) => mutants::run(&arguments),
        Command::Tools => tools::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}
