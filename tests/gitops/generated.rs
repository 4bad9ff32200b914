//! Files that are made by a test, kept in the repository, and made again to see that they still hold.

use std::fs;
use std::path::Path;

/// Set to anything, the tests write these files instead of comparing them.
const UPDATE: &str = "UPDATE_GENERATED";

/// The checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a file of the repository with what it has to be, or writes it.
///
/// Says everything that differs before it fails, so that one run shows all.
pub(crate) fn check<'a>(files: impl IntoIterator<Item = (String, &'a str)>) {
    let mut differing = Vec::new();
    for (name, content) in files {
        let path = root().join(&name);
        if std::env::var_os(UPDATE).is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
        } else {
            let stored = fs::read_to_string(&path).unwrap_or_default();
            differing.extend(difference(&stored, content).map(|lines| format!("{name}: {lines}")));
        }
    }
    assert!(
        differing.is_empty(),
        "run this test with {UPDATE}=1 and look at the changes:\n{}",
        differing.join("\n")
    );
}

/// The first line that differs.
fn difference(stored: &str, content: &str) -> Option<String> {
    if stored == content {
        return None;
    }
    let end = "the end of the file";
    let (stored, content) = (stored.lines().chain([end]), content.lines().chain([end]));
    let differing = stored.zip(content).find(|(stored, content)| stored != content);
    Some(differing.map_or_else(
        || "line breaks".to_owned(),
        |(stored, content)| format!("`{stored}` should be `{content}`"),
    ))
}

/// The names of a folder's files.
pub(crate) fn files_in(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
