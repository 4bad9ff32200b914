//! The paths that a file names, written out.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::{ExprMethodCall, Item, ItemUse, Macro, spanned::Spanned as _, visit::Visit};

use crate::{names, sources::is_handed_on};

/// The names of a path, one by one; what belongs to the product begins with `crate`.
pub(crate) type Path = Vec<String>;

/// The library, as its program calls it.
const LIBRARY: &str = "audit_mitigation_operator";

/// A path in a file.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: Path,
    pub(crate) line: usize,
    /// Whether it stands in a `pub use`.
    pub(crate) handed_on: bool,
}

/// Each path of these items. A method that is called counts as the path `.` and its name.
pub(crate) fn of(
    items: &[Item],
    module: &Path,
    children: &BTreeSet<String>,
    aliases: &BTreeMap<String, Path>,
) -> Vec<Found> {
    let mut visitor = Visitor::default();
    for item in items {
        visitor.visit_item(item);
    }
    for found in &mut visitor.found {
        // A `use` line begins at the root of a crate or with a module, never with another import.
        let none = BTreeMap::new();
        let known = if found.1 { &none } else { aliases };
        found.0.path = absolute(&found.0.path, module, children, known);
    }
    visitor.found.into_iter().map(|(found, _)| found).collect()
}

/// A path as it would be written from the crate's root on.
pub(crate) fn absolute(
    path: &[String],
    module: &Path,
    children: &BTreeSet<String>,
    aliases: &BTreeMap<String, Path>,
) -> Path {
    let Some((first, rest)) = path.split_first() else {
        return Path::new();
    };
    let root = |module: &[String]| [&["crate".to_owned()], module].concat();
    let start = match first.as_str() {
        "crate" => root(&[]),
        name if name == LIBRARY => root(&[]),
        "self" => root(module),
        "super" => {
            let above = module.split_last().map_or(&[] as &[String], |(_, above)| above);
            // `super::super`
            if rest.first().is_some_and(|next| next == "super") {
                return absolute(rest, &above.to_vec(), &BTreeSet::new(), &BTreeMap::new());
            }
            root(above)
        }
        name => match aliases.get(name) {
            Some(path) => path.clone(),
            None if children.contains(name) => [root(module), vec![first.clone()]].concat(),
            None => vec![first.clone()],
        },
    };
    [start.as_slice(), rest].concat()
}

/// The paths as they are written, and whether each stands in a `use` line.
#[derive(Default)]
struct Visitor {
    found: Vec<(Found, bool)>,
}

impl Visitor {
    fn add(&mut self, path: Path, line: usize) {
        let handed_on = false;
        self.found.push((Found { path, line, handed_on }, false));
    }

    /// Paths in what a macro is given, which nobody parses: names with `::` between them.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut line, mut colons) = (Path::new(), 0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.add_if_any(&mut path, line);
                    }
                    line = name.span().start().line;
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(sign) if sign.as_char() == ':' => colons += 1,
                other => {
                    self.add_if_any(&mut path, line);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.add_tokens(group.stream());
                    }
                }
            }
        }
        self.add_if_any(&mut path, line);
    }

    fn add_if_any(&mut self, path: &mut Path, line: usize) {
        if !path.is_empty() {
            self.add(std::mem::take(path), line);
        }
    }
}

impl Visit<'_> for Visitor {
    fn visit_item_use(&mut self, item: &ItemUse) {
        let (line, handed_on) = (item.span().start().line, is_handed_on(&item.vis));
        for (path, _) in names::leaves(&item.tree) {
            self.found.push((Found { path, line, handed_on }, true));
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let names = path.segments.iter().map(|segment| segment.ident.to_string());
        self.add(names.collect(), path.span().start().line);
        syn::visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &ExprMethodCall) {
        let path = vec![".".to_owned(), call.method.to_string()];
        self.add(path, call.method.span().start().line);
        syn::visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, macro_call: &Macro) {
        self.visit_path(&macro_call.path);
        self.add_tokens(macro_call.tokens.clone());
    }
}
