//! No files of a room depend on each other in a circle: a circle is a type in the wrong file.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{Arrow, Sources};

/// One line for each arrow of each circle.
pub(crate) fn problems(sources: &Sources, room: &str) -> Vec<String> {
    let mut arrows: BTreeMap<&str, Vec<Arrow>> = BTreeMap::new();
    for file in sources.below(room) {
        arrows.insert(&file.name, sources.arrows(file));
    }
    let needed: BTreeMap<_, _> = arrows.keys().map(|file| (*file, reachable(file, &arrows))).collect();
    let reaches = |from: &str, to: &str| needed.get(from).is_some_and(|files| files.contains(to));
    arrows
        .values()
        .flatten()
        // There is a way back, so it's part of a circle.
        .filter(|arrow| reaches(&arrow.to, &arrow.from))
        .map(|arrow| {
            let Arrow { from, to, what, .. } = arrow;
            format!("circle in {room}: {from} needs {to} ({what})")
        })
        .collect()
}

/// All files that a file needs, directly or by others.
fn reachable<'a>(from: &'a str, arrows: &'a BTreeMap<&str, Vec<Arrow>>) -> BTreeSet<&'a str> {
    let (mut found, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(file) = next.pop() {
        for arrow in arrows.get(file).into_iter().flatten() {
            if found.insert(arrow.to.as_str()) {
                next.push(&arrow.to);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_arrow_of_a_circle_is_named() {
        let sources = Sources::of(&[
            ("lib.rs", "mod core; mod other;"),
            ("other.rs", "pub fn f() {}"),
            ("core/mod.rs", "mod a; mod b; mod c; mod d;"),
            ("core/a.rs", "use super::b::B;\nuse crate::other::f;"),
            ("core/b.rs", "pub struct B; fn f(_: super::c::C) {}"),
            ("core/c.rs", "pub struct C; impl C { fn f() { crate::core::a::f() } }"),
            (
                "core/d.rs",
                "use super::a::f; #[cfg(test)] mod tests { fn f() { super::super::a::f() } }",
            ),
        ]);
        assert_eq!(
            problems(&sources, "core"),
            [
                "circle in core: core/a.rs needs core/b.rs (crate::core::b::B)",
                "circle in core: core/b.rs needs core/c.rs (crate::core::c::C)",
                "circle in core: core/c.rs needs core/a.rs (crate::core::a::f)",
            ]
        );
        assert!(problems(&sources, "other").is_empty());
    }

    #[test]
    fn a_module_and_what_is_below_it_may_be_a_circle_too() {
        let sources = Sources::of(&[
            ("lib.rs", "mod core;"),
            ("core/mod.rs", "mod a; pub struct Own; fn f() { a::f() }"),
            ("core/a.rs", "pub fn f(_: super::Own) {}"),
        ]);
        assert_eq!(problems(&sources, "core").len(), 2);
    }
}
