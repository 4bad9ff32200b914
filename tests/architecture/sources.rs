//! The product's files, as the compiler finds them: from `lib.rs` and `main.rs` along their `mod` lines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use syn::{Attribute, Item, Meta, Visibility, spanned::Spanned as _};

use crate::{
    names,
    paths::{self, Found, Path as Name},
};

/// One file of the product.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path below `src`.
    pub(crate) name: String,
    /// The module that it is.
    pub(crate) module: Name,
    /// How many lines it has without its tests.
    pub(crate) lines: usize,
    /// Each path that it names outside tests, with imports and `super` written out.
    pub(crate) paths: Vec<Found>,
    /// What it hands on under a name of its own: `pub use spec::Spec` is `Spec` → `spec::Spec`.
    pub(crate) handed_on: BTreeMap<String, Name>,
    /// The modules all of whose items it hands on.
    pub(crate) globs: Vec<Name>,
}

/// The whole product.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    files: BTreeMap<Name, File>,
}

/// A file names something that another one defines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    pub(crate) from: String,
    pub(crate) to: String,
    /// The path, and the first line that names it.
    pub(crate) what: String,
    pub(crate) line: usize,
}

impl Sources {
    /// Reads a folder.
    pub(crate) fn read(root: &Path) -> Self {
        let mut texts = BTreeMap::new();
        collect(root, root, &mut texts);
        Self::parse(&texts)
    }

    /// Reads files that are given by their path and text.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self::parse(&files.iter().map(owned).collect())
    }

    fn parse(texts: &BTreeMap<String, String>) -> Self {
        let mut sources = Self::default();
        sources.add(texts, "lib.rs", Vec::new());
        if texts.contains_key("main.rs") {
            sources.add(texts, "main.rs", vec!["main".to_owned()]);
        }
        sources
    }

    fn add(&mut self, texts: &BTreeMap<String, String>, file: &str, module: Name) {
        let text = texts.get(file).unwrap_or_else(|| panic!("no {file}"));
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let of_tests: usize = parsed.items.iter().filter(|item| is_test(item)).map(lines).sum();
        let items: Vec<_> = parsed.items.into_iter().filter(|item| !is_test(item)).collect();
        let mut children = BTreeSet::new();
        for item in &items {
            if let Item::Mod(item) = item {
                assert!(item.content.is_none(), "{file}: the module {} needs a file", item.ident);
                children.insert(item.ident.to_string());
            }
        }
        let used = names::imports(&items, &module, &children);
        for child in &children {
            let folder = match module.as_slice() {
                [] => String::new(),
                names => format!("{}/", names.join("/")),
            };
            let own = [format!("{folder}{child}.rs"), format!("{folder}{child}/mod.rs")];
            let Some(path) = own.iter().find(|path| texts.contains_key(*path)) else {
                panic!("neither {} exists", own.join(" nor "));
            };
            self.add(texts, path, [module.clone(), vec![child.clone()]].concat());
        }
        self.files.insert(
            module.clone(),
            File {
                name: file.to_owned(),
                lines: text.lines().count() - of_tests,
                paths: paths::of(&items, &module, &children, &used.aliases),
                handed_on: used.handed_on,
                globs: used.globs,
                module,
            },
        );
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.values()
    }

    /// The files below a folder of `src`, or the file of that name.
    pub(crate) fn below<'a>(&'a self, room: &'a str) -> impl Iterator<Item = &'a File> {
        self.files().filter(move |file| is_below(&file.name, room))
    }

    /// What a file needs of other files, once for each of these.
    ///
    /// A file that only hands on what is defined below it doesn't need it.
    pub(crate) fn arrows(&self, file: &File) -> Vec<Arrow> {
        let mut arrows: BTreeMap<String, Arrow> = BTreeMap::new();
        for found in &file.paths {
            let Some(to) = self.defining(&found.path) else {
                continue;
            };
            if to.name == file.name || (found.handed_on && to.module.starts_with(&file.module)) {
                continue;
            }
            arrows.entry(to.name.clone()).or_insert_with(|| Arrow {
                from: file.name.clone(),
                to: to.name.clone(),
                what: found.path.join("::"),
                line: found.line,
            });
        }
        arrows.into_values().collect()
    }

    /// The file that defines what a path from the crate's root names; none if it names a module only, or no part of
    /// the product.
    fn defining(&self, path: &[String]) -> Option<&File> {
        let (first, path) = path.split_first()?;
        if first != "crate" {
            return None;
        }
        let (length, module) = (0..=path.len())
            .rev()
            .find_map(|length| Some((length, self.files.get(path.get(..length)?)?)))?;
        let rest = path.get(length..)?;
        let (item, further) = rest.split_first()?;
        if item == "*" {
            return Some(module);
        }
        let absolute = |target: &Name| [target.as_slice(), further].concat();
        if let Some(target) = module.handed_on.get(item) {
            return self.defining(&absolute(target));
        }
        let through_globs = module.globs.iter().find_map(|glob| {
            let target = self.files.get(glob.get(1..)?)?;
            let known = target.handed_on.contains_key(item);
            known.then(|| [glob.as_slice(), rest].concat())
        });
        match through_globs {
            Some(path) => self.defining(&path),
            None => Some(module),
        }
    }
}

/// Whether a file is a room or in it: `core/queue/mod.rs` is in `core` and in `core/queue`, `run.rs` is `run`.
pub(crate) fn is_below(file: &str, room: &str) -> bool {
    file.strip_prefix(room)
        .is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
}

/// Whether an item is compiled for tests only.
fn is_test(item: &Item) -> bool {
    let attributes: &[Attribute] = match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        _ => &[],
    };
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    })
}

fn lines(item: &Item) -> usize {
    let span = item.span();
    span.end().line + 1 - span.start().line
}

pub(crate) fn is_handed_on(visibility: &Visibility) -> bool {
    !matches!(visibility, Visibility::Inherited)
}

fn collect(root: &Path, folder: &Path, texts: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            texts.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrows(files: &[(&str, &str)], from: &str) -> Vec<String> {
        let sources = Sources::of(files);
        let file = sources.files().find(|file| file.name == from).unwrap();
        sources.arrows(file).into_iter().map(|arrow| arrow.to).collect()
    }

    #[test]
    fn imports_and_paths_in_the_code_are_followed_to_the_file_that_defines_what_they_name() {
        let lib = ("lib.rs", "mod a; mod b;");
        let b = ("b/mod.rs", "mod inner; pub use inner::Thing; pub struct Other;");
        let inner = ("b/inner.rs", "pub struct Thing; pub fn f() {}");
        for (text, to) in [
            ("use crate::b::Thing;", "b/inner.rs"),
            ("use crate::b::{Other, inner};", "b/mod.rs"),
            ("use crate::b; fn f(_: b::Thing) {}", "b/inner.rs"),
            ("fn f() { crate::b::inner::f() }", "b/inner.rs"),
            ("fn f() { println!(\"{}\", crate::b::inner::f()) }", "b/inner.rs"),
            ("fn f() { use crate::b as c; c::inner::f() }", "b/inner.rs"),
            ("use super::b::Other;", "b/mod.rs"),
            ("use crate::b::*;", "b/mod.rs"),
        ] {
            assert_eq!(arrows(&[lib, ("a.rs", text), b, inner], "a.rs"), [to], "{text}");
        }
        // A module alone is nothing that is needed, and what tests need doesn't count.
        for text in [
            "use crate::b;",
            "#[cfg(test)] mod tests { use crate::b::Other; }",
            "#[cfg(test)] use crate::b::Other;",
            "struct Other; fn f(_: Other) {}",
        ] {
            assert!(arrows(&[lib, ("a.rs", text), b, inner], "a.rs").is_empty(), "{text}");
        }
        // Who hands on what is below doesn't need it, but who uses it does.
        assert!(arrows(&[lib, ("a.rs", ""), b, inner], "b/mod.rs").is_empty());
        let user = ("b/mod.rs", "mod inner; pub use inner::Thing; fn f(_: Thing) {}");
        assert_eq!(arrows(&[lib, ("a.rs", ""), user, inner], "b/mod.rs"), ["b/inner.rs"]);
        let caller = ("b/mod.rs", "mod inner; fn f() { inner::f() }");
        assert_eq!(arrows(&[lib, ("a.rs", ""), caller, inner], "b/mod.rs"), ["b/inner.rs"]);
    }

    #[test]
    fn all_that_a_module_hands_on_is_followed_as_well() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::Thing;"),
            ("b/mod.rs", "mod c; pub use c::*;"),
            ("b/c/mod.rs", "mod d; pub use d::Thing;"),
            ("b/c/d.rs", "pub struct Thing;"),
        ];
        assert_eq!(arrows(&files, "a.rs"), ["b/c/d.rs"]);
    }

    #[test]
    fn the_program_uses_the_library_by_its_name() {
        let files = [
            ("lib.rs", "pub mod a;"),
            ("a.rs", "pub fn run() {}"),
            ("main.rs", "fn main() { audit_mitigation_operator::a::run() }"),
        ];
        assert_eq!(arrows(&files, "main.rs"), ["a.rs"]);
    }
}
