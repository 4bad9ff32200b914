//! The chart's manifests as files, for the tools that judge them: each set of values by each helm.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::helm::{EACH, path};
use crate::value_sets;

/// One set of values rendered by one helm.
#[derive(Debug)]
pub(crate) struct Rendered {
    /// The name of the set: `default`.
    pub(crate) set: String,
    /// The manifests, in a folder of their own, as `SET.HELM.yaml`.
    pub(crate) file: PathBuf,
}

/// Where all of them are, and nothing else.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("chart-rendered")
}

/// All of them, rendered once for all tests.
pub(crate) fn all() -> &'static [Rendered] {
    static ALL: LazyLock<Vec<Rendered>> = LazyLock::new(|| {
        // What an earlier run left would be judged again.
        _ = std::fs::remove_dir_all(folder());
        std::fs::create_dir_all(folder()).unwrap();
        let mut all = Vec::new();
        for values in value_sets() {
            let name = values.file_name().unwrap().to_str().unwrap();
            let set = name.strip_suffix("-values.yaml").unwrap().to_owned();
            for helm in EACH {
                let file = folder().join(format!("{set}.{}.yaml", helm.name()));
                std::fs::write(&file, helm.template("fleet", &["--values", path(&values)])).unwrap();
                let set = set.clone();
                all.push(Rendered { set, file });
            }
        }
        all
    });
    &ALL
}
