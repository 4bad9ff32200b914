//! The product's source keeps to the rooms and arrows of ARCHITECTURE.md.
//!
//! The sources are parsed, not searched: each path of each product file is followed through imports and re-exports to
//! the file that defines what it names. Tests (`#[cfg(test)]`) may use what they like.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod cycles;
mod names;
mod paths;
mod pure;
mod rooms;
mod size;
mod sources;

use std::{fs, path::Path};

use sources::Sources;

/// The rooms whose files must not depend on each other in a circle.
const WITHOUT_CYCLES: [&str; 2] = ["core", "controller"];

/// The rooms that are functions of what they are given.
const PURE: [&str; 2] = ["api", "core"];

/// The longest product file, in lines without its tests.
const LINES: usize = 300;

/// How the failures begin that are known and not mended yet. It must become empty, and nothing may be added.
const KNOWN: [&str; 0] = [];

#[test]
fn each_room_uses_only_rooms_that_the_architecture_lets_it_use() {
    judge(&rooms(&product()));
}

#[test]
fn no_files_of_a_room_depend_on_each_other_in_a_circle() {
    judge(&circles(&product()));
}

#[test]
fn core_and_api_know_no_client_no_runtime_no_clock_and_no_environment() {
    judge(&impurities(&product()));
}

#[test]
fn only_one_room_knows_the_sdk() {
    judge(&pure::sdk_problems(&product()));
}

#[test]
fn no_product_file_is_longer_than_a_reader_takes_in() {
    judge(&size::problems(&product(), LINES));
}

#[test]
fn what_is_known_is_still_wrong() {
    let sources = product();
    let all = [
        rooms(&sources),
        circles(&sources),
        impurities(&sources),
        pure::sdk_problems(&sources),
        size::problems(&sources, LINES),
    ]
    .concat();
    let mended: Vec<_> = KNOWN
        .iter()
        .filter(|known| !all.iter().any(|problem| problem.starts_with(**known)))
        .collect();
    assert!(mended.is_empty(), "mended, so take it from KNOWN:\n{mended:#?}");
}

fn rooms(sources: &Sources) -> Vec<String> {
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    rooms::problems(sources, &document)
}

fn circles(sources: &Sources) -> Vec<String> {
    let of = |room| cycles::problems(sources, room);
    WITHOUT_CYCLES.into_iter().flat_map(of).collect()
}

fn impurities(sources: &Sources) -> Vec<String> {
    PURE.into_iter()
        .flat_map(|room| pure::problems(sources, room))
        .collect()
}

/// Fails on each problem that isn't known, all of them at once.
fn judge(problems: &[String]) {
    let new: Vec<_> = problems
        .iter()
        .map(String::as_str)
        .filter(|problem| !KNOWN.iter().any(|known| problem.starts_with(known)))
        .collect();
    assert!(new.is_empty(), "\n{}\n", new.join("\n"));
}

/// The sources of this checkout.
fn product() -> Sources {
    Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}
