//! Which Kubernetes the test cluster's API server and controllers are of.

use anyhow::{Context as _, Result};

/// The environment variable that chooses one of [`VERSIONS`]; without it the cluster is of the module `kubernetes`.
pub const VARIABLE: &str = "KUBERNETES_VERSION";

/// A Kubernetes that can be built beside the one that is built anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// As releases are called.
    pub name: &'static str,
    /// The folder of this crate with its `go.mod`.
    pub(crate) module: &'static str,
    pub(crate) link_flags: &'static str,
}

/// The versions that were tried, beside the one that is built anyway.
pub const VERSIONS: [Version; 3] = [
    Version {
        name: "1.30.14",
        module: "kubernetes-1.30",
        link_flags: "-X k8s.io/component-base/version.gitVersion=v1.30.14 \
            -X k8s.io/component-base/version.gitMajor=1 \
            -X k8s.io/component-base/version.gitMinor=30",
    },
    Version {
        name: "1.33.5",
        module: "kubernetes-1.33",
        link_flags: "-X k8s.io/component-base/version.gitVersion=v1.33.5 \
            -X k8s.io/component-base/version.gitMajor=1 \
            -X k8s.io/component-base/version.gitMinor=33",
    },
    Version {
        name: "1.37.2",
        module: "kubernetes-1.37",
        link_flags: "-X k8s.io/component-base/version.gitVersion=v1.37.2 \
            -X k8s.io/component-base/version.gitMajor=1 \
            -X k8s.io/component-base/version.gitMinor=37",
    },
];

/// The version with this name.
///
/// # Errors
/// With those that there are.
pub fn version(name: &str) -> Result<Version> {
    let found = VERSIONS.into_iter().find(|version| version.name == name);
    found.with_context(|| {
        let names = VERSIONS.map(|version| version.name);
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
        for Version {
            name,
            module,
            link_flags,
        } in VERSIONS
        {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(module).join("go.mod");
            let file = fs::read_to_string(file).unwrap();
            assert!(file.contains(&format!("k8s.io/kubernetes v{name} ")), "{module}");
            assert!(link_flags.contains(&format!("gitVersion=v{name} ")), "{link_flags}");
            let minor = name.split('.').nth(1).unwrap();
            assert!(link_flags.ends_with(&format!("gitMinor={minor}")), "{link_flags}");
        }
        assert!(
            version("1.29.0")
                .unwrap_err()
                .to_string()
                .ends_with("1.30.14, 1.33.5, 1.37.2")
        );
    }
}
