//! What the Dockerfile says must agree with what the chart runs and with what the checkout builds.

use crate::yaml;

const DOCKERFILE: &str = include_str!("../../Dockerfile");

/// The rest of the lines that begin with this.
fn lines(start: &str) -> Vec<&str> {
    let found: Vec<&str> = DOCKERFILE.lines().filter_map(|line| line.strip_prefix(start)).collect();
    assert!(!found.is_empty(), "no {start}");
    found
}

/// Kubernetes refuses to run as non-root what doesn't say so by number.
#[test]
fn the_image_runs_as_the_user_of_the_chart() {
    let context = &yaml("values.yaml")["podSecurityContext"];
    let user = format!("{}:{}", context["runAsUser"], context["runAsGroup"]);
    assert_eq!(lines("USER "), [user]);
}

#[test]
fn the_image_is_built_by_the_pinned_compiler() {
    let pinned = include_str!("../../rust-toolchain.toml");
    let (_, version) = pinned.split_once("channel = \"").unwrap();
    let (version, _) = version.split_once(".0\"").unwrap();
    let stages = lines("FROM ");
    assert!(stages[0].contains(&format!(" rust:{version}-")), "{stages:?}");
    assert_eq!(stages.last(), Some(&"scratch"));
}

/// The same static targets in each place that names them.
#[test]
fn every_architecture_of_the_image_is_checked() {
    let image = include_str!("../../xtask/src/binaries.rs");
    let deny = include_str!("../../deny.toml");
    for target in ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"] {
        for text in [DOCKERFILE, image, deny] {
            assert!(text.contains(target), "{target}");
        }
    }
    assert_eq!(DOCKERFILE.matches("-unknown-linux-musl ;;").count(), 2);
}
