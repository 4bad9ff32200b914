//! What `helm package` makes of the chart, and for which clusters it is.

use std::path::PathBuf;
use std::process::Command;

use crate::chart;
use crate::helm::{EACH, path};

#[test]
fn the_package_holds_the_chart_and_nothing_for_its_tests() {
    for helm in EACH {
        let folder = tempfile::tempdir().unwrap();
        helm.ok(&["package", path(&chart()), "--destination", path(folder.path())]);
        let version = env!("CARGO_PKG_VERSION");
        let package: PathBuf = folder.path().join(format!("audit-mitigation-operator-{version}.tgz"));
        let listed = Command::new("tar").arg("-tzf").arg(&package).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        let within = |name: &str| listed.lines().any(|line| line.ends_with(name));
        for needed in [
            "/values.schema.json",
            "/README.md",
            "/templates/tests/check.yaml",
            "/files/alerts.yaml",
        ] {
            assert!(within(needed), "{needed}: {listed}");
        }
        for needless in ["-values.yaml", "_test.yaml", ".gotmpl"] {
            assert!(!within(needless), "{needless}: {listed}");
        }
        let render = |chart| helm.ok(&["template", "amo", chart, "--namespace", "fleet"]);
        assert_eq!(render(path(&package)), render(path(&chart())));
    }
}

/// Versions of vendors have a suffix, which a range without one would not match.
#[test]
fn old_clusters_are_refused_and_those_of_vendors_are_not() {
    for helm in EACH {
        let folder = chart();
        let render = ["template", "amo", path(&folder), "--kube-version"];
        for version in ["1.30.0", "1.33.2-eks-1234", "1.34.1-gke.100", "1.36.3+k3s1"] {
            helm.ok(&[&render[..], &[version]].concat());
        }
        let said = helm.refused(&[&render[..], &["1.29.9"]].concat());
        assert!(said.contains(">=1.30.0-0"), "{said}");
    }
}
