//! The table of flags in docs/operating.md says what `run --help` says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use audit_mitigation_operator::cli::Cli;
use clap::CommandFactory as _;

#[test]
fn the_documented_flags_are_those_of_the_program() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operating.md")).unwrap();
    let (_, section) = docs.split_once("\n## Flags\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let mut command = Cli::command();
    let run = command.find_subcommand_mut("run").unwrap();
    let flags = run
        .get_arguments()
        .filter(|flag| !["help", "version"].contains(&flag.get_id().as_str()));
    let rows: Vec<String> = flags
        .map(|flag| {
            let defaults = flag.get_default_values();
            let default = defaults.first().map(|value| format!(" `{}`", value.to_string_lossy()));
            format!(
                "| `--{}` | `{}` |{} | {} |",
                flag.get_long().unwrap(),
                flag.get_env().unwrap().to_string_lossy(),
                default.unwrap_or_default(),
                flag.get_help().unwrap()
            )
        })
        .collect();
    let documented: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(
        documented,
        rows,
        "write these rows into docs/operating.md:\n{}",
        rows.join("\n")
    );
}
