//! What a file's `use` lines call what.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Item, ItemUse, UseTree, visit::Visit};

use crate::{
    paths::{Path, absolute},
    sources::is_handed_on,
};

/// What is imported, from the crate's root on or from another crate's.
#[derive(Debug, Default)]
pub(crate) struct Imports {
    /// A name in the file, and what it stands for.
    pub(crate) aliases: BTreeMap<String, Path>,
    /// Those that others see under this file's module.
    pub(crate) handed_on: BTreeMap<String, Path>,
    /// The modules all of whose items others see there.
    pub(crate) globs: Vec<Path>,
}

/// All imports of a file, also those within functions.
pub(crate) fn imports(items: &[Item], module: &Path, children: &BTreeSet<String>) -> Imports {
    let mut lines = Lines::default();
    for item in items {
        lines.visit_item(item);
    }
    let mut imports = Imports::default();
    for (path, name, handed_on) in lines.0 {
        let path = absolute(&path, module, children, &BTreeMap::new());
        if name == "*" {
            if handed_on {
                imports
                    .globs
                    .extend(path.split_last().map(|(_, module)| module.to_vec()));
            }
            continue;
        }
        if handed_on {
            imports.handed_on.insert(name.clone(), path.clone());
        }
        imports.aliases.insert(name, path);
    }
    imports
}

/// Each path that a `use` line ends in, the name that it gets, and whether others see it.
#[derive(Default)]
struct Lines(Vec<(Path, String, bool)>);

impl Visit<'_> for Lines {
    fn visit_item_use(&mut self, item: &ItemUse) {
        let handed_on = is_handed_on(&item.vis);
        let leaves = leaves(&item.tree);
        self.0
            .extend(leaves.into_iter().map(|(path, name)| (path, name, handed_on)));
    }
}

/// The paths of a `use` line, each with the name that it gets.
pub(crate) fn leaves(tree: &UseTree) -> Vec<(Path, String)> {
    let mut found = Vec::new();
    walk(tree, &mut Vec::new(), &mut found);
    found
}

fn walk(tree: &UseTree, before: &mut Path, found: &mut Vec<(Path, String)>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            walk(&path.tree, before, found);
            before.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                walk(tree, before, found);
            }
        }
        UseTree::Name(name) => found.push(leaf(before, &name.ident.to_string(), None)),
        UseTree::Rename(rename) => {
            found.push(leaf(before, &rename.ident.to_string(), Some(rename.rename.to_string())));
        }
        UseTree::Glob(_) => found.push(leaf(before, "*", None)),
    }
}

fn leaf(before: &Path, last: &str, name: Option<String>) -> (Path, String) {
    let mut path = before.clone();
    // `use a::{self}` is `use a`.
    if last != "self" || path.is_empty() {
        path.push(last.to_owned());
    }
    let name = name.unwrap_or_else(|| path.last().cloned().unwrap_or_default());
    (path, name)
}
