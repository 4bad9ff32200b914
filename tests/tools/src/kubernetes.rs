//! Which Kubernetes the test cluster's API server and controllers are of.

use anyhow::{Context as _, Result};

/// The environment variable that chooses one of [`VERSIONS`]; without it the cluster is of the newest.
pub const VARIABLE: &str = "KUBERNETES_VERSION";

/// A Kubernetes that can be built, by its name, such as 1.30.14: the folder of this crate `kubernetes-1.30` pins it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub &'static str);

/// The oldest that is supported.
pub const OLDEST: Version = Version("1.30.14");

/// The newest that the project is built for; what tests run on unless they are told otherwise.
pub const NEWEST: Version = Version("1.37.2");

/// All that can be built, the oldest first. `docs/install.md` says what was run on which.
pub const VERSIONS: [Version; 3] = [OLDEST, Version("1.33.5"), NEWEST];

impl Version {
    /// The version without its patch, such as 1.30.
    pub(crate) fn minor(self) -> &'static str {
        self.0.rsplit_once('.').map_or(self.0, |(minor, _)| minor)
    }

    /// Without these the server calls itself v0.0.0, and clients doubt what it can do.
    pub(crate) fn link_flags(self) -> String {
        let variable = "-X k8s.io/component-base/version.git";
        let (major, minor) = self.minor().split_once('.').unwrap_or_default();
        format!(
            "{variable}Version=v{} {variable}Major={major} {variable}Minor={minor}",
            self.0
        )
    }
}

/// The version with this name.
///
/// # Errors
/// With those that there are.
pub fn version(name: &str) -> Result<Version> {
    let found = VERSIONS.into_iter().find(|version| version.0 == name);
    found.with_context(|| {
        let names = VERSIONS.map(|version| version.0);
        format!(
            "there is no Kubernetes {name} to build: choose one of {}",
            names.join(", ")
        )
    })
}

/// The one that [`VARIABLE`] names.
pub(crate) fn chosen() -> Result<Option<Version>> {
    match std::env::var(VARIABLE) {
        Ok(name) if !name.is_empty() => version(&name).map(Some).context(VARIABLE),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn each_version_is_what_its_module_pins_and_what_it_calls_itself() {
        for version in VERSIONS {
            let module = format!("kubernetes-{}/go.mod", version.minor());
            let file = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&module)).unwrap();
            assert!(file.contains(&format!("k8s.io/kubernetes v{} ", version.0)), "{module}");
        }
        assert_eq!(
            OLDEST.link_flags(),
            "-X k8s.io/component-base/version.gitVersion=v1.30.14 -X k8s.io/component-base/version.gitMajor=1 \
             -X k8s.io/component-base/version.gitMinor=30"
        );
        let error = version("1.29.0").unwrap_err().to_string();
        assert!(error.ends_with("1.30.14, 1.33.5, 1.37.2"), "{error}");
    }
}
