//! The rooms and what each may use, as the table of ARCHITECTURE.md has it.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{Sources, is_below};

/// The heading over the table.
const HEADING: &str = "## Dependencies point one way";

/// A row of the table.
#[derive(Debug)]
struct Room {
    name: String,
    uses: BTreeSet<String>,
}

/// One line for each arrow that the table doesn't have, for each that only the table has, and for each file in no room.
pub(crate) fn problems(sources: &Sources, document: &str) -> Vec<String> {
    let (rooms, mut problems) = table(document);
    let mut used: BTreeMap<(String, String), String> = BTreeMap::new();
    for file in sources.files() {
        let Some(from) = room_of(&rooms, &file.name) else {
            if file.name != "lib.rs" && !file.name.ends_with("mod.rs") {
                problems.push(format!("no room: {} is in none of the table's rooms", file.name));
            }
            continue;
        };
        for arrow in sources.arrows(file) {
            match room_of(&rooms, &arrow.to) {
                Some(to) if to != from => {
                    let place = format!("{}:{} ({})", arrow.from, arrow.line, arrow.what);
                    used.entry((from.to_owned(), to.to_owned())).or_insert(place);
                }
                _ => {}
            }
        }
    }
    for ((from, to), place) in &used {
        if !rooms.iter().any(|room| room.name == *from && room.uses.contains(to)) {
            problems.push(format!("arrow: {from} may not use {to}, but does at {place}"));
        }
    }
    for room in &rooms {
        for to in &room.uses {
            if !used.contains_key(&(room.name.clone(), to.clone())) {
                problems.push(format!(
                    "stale: the table lets {} use {to}, which it doesn't",
                    room.name
                ));
            }
        }
    }
    problems
}

/// The room of a file: of several, the innermost.
fn room_of<'a>(rooms: &'a [Room], file: &str) -> Option<&'a str> {
    let names = rooms.iter().map(|room| room.name.as_str());
    names.filter(|room| is_below(file, room)).max_by_key(|room| room.len())
}

/// The table's rows, and what is wrong with them: a room may use only rooms of rows above it, so there is no circle.
fn table(document: &str) -> (Vec<Room>, Vec<String>) {
    let lines = document.lines().skip_while(|line| *line != HEADING).skip(1);
    let rows = lines
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with("| `"));
    let (mut rooms, mut problems) = (Vec::<Room>::new(), Vec::new());
    for row in rows {
        let mut cells = row.split('|').skip(1).map(names);
        let (Some(own), Some(uses)) = (cells.next(), cells.next()) else {
            continue;
        };
        for name in own {
            for used in uses.iter().filter(|used| !rooms.iter().any(|room| room.name == **used)) {
                problems.push(format!("table: {name} uses {used}, which is no row above it"));
            }
            let uses = uses.clone();
            rooms.push(Room { name, uses });
        }
    }
    if rooms.is_empty() {
        problems.push(format!("table: none below {HEADING:?}"));
    }
    (rooms, problems)
}

/// What stands in backticks.
fn names(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &str); 5] = [
        ("lib.rs", "mod api; mod core; mod run;"),
        ("api.rs", "pub struct Spec;"),
        ("core/mod.rs", "mod queue; use crate::api::Spec; fn f() { queue::f() }"),
        ("core/queue.rs", "pub fn f() {}"),
        ("run.rs", "fn f() { crate::core::f() }"),
    ];

    fn of(rows: &[&str]) -> Vec<String> {
        let document = format!(
            "# A\n| `x` | `y` |\n{HEADING}\n\n| room | uses |\n|---|---|\n{}\n",
            rows.join("\n")
        );
        problems(&Sources::of(&FILES), &document)
    }

    #[test]
    fn what_the_table_has_is_fine_and_the_innermost_room_counts() {
        let rows = [
            "| `api` | |",
            "| `core/queue` | nothing |",
            "| `core` | `api`, `core/queue` |",
            "| `run` | `core` |",
        ];
        assert!(of(&rows).is_empty(), "{:?}", of(&rows));
        assert!(of(&["| `api` | |", "| `core` | `api` |", "| `run` | `core` |"]).is_empty());
    }

    #[test]
    fn an_arrow_that_the_table_lacks_is_named_with_its_place() {
        assert_eq!(
            of(&["| `api` | |", "| `core` | |", "| `run` | `core` |"]),
            ["arrow: core may not use api, but does at core/mod.rs:1 (crate::api::Spec)"]
        );
    }

    #[test]
    fn an_arrow_that_nobody_uses_is_named() {
        assert_eq!(
            of(&["| `api` | |", "| `core` | `api` |", "| `run` | `core`, `api` |"]),
            ["stale: the table lets run use api, which it doesn't"]
        );
    }

    #[test]
    fn a_row_uses_rows_above_it_only() {
        assert_eq!(
            of(&["| `api` | |", "| `run` | `core` |", "| `core` | `api` |"]),
            ["table: run uses core, which is no row above it"]
        );
    }

    #[test]
    fn a_file_in_no_room_and_a_missing_table_are_named() {
        assert_eq!(
            of(&["| `api` | |", "| `core` | `api` |"]),
            ["no room: run.rs is in none of the table's rooms"]
        );
        assert!(
            problems(&Sources::of(&FILES), "# Other")
                .iter()
                .any(|line| line.starts_with("table: none"))
        );
    }
}
