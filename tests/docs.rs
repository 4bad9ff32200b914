//! What people read must name what the code says.

use audit_mitigation_operator::api::{Phase, Reason};

#[test]
fn every_reason_is_explained() {
    let page = include_str!("../docs/troubleshooting.md");
    for reason in Reason::ALL {
        assert!(
            page.contains(&format!("\n| `{reason}` |")),
            "docs/troubleshooting.md says nothing of the reason {reason}"
        );
    }
}

#[test]
fn every_phase_is_explained() {
    let page = include_str!("../docs/troubleshooting.md");
    let crd = include_str!("../crds/auditmitigationtasks.yaml");
    for phase in Phase::ALL {
        let phase = format!("{phase:?}");
        assert!(crd.contains(&format!("- {phase}\n")), "the CRD has no phase {phase}");
        assert!(
            page.contains(&format!("\n| `{phase}` |")),
            "docs/troubleshooting.md says nothing of the phase {phase}"
        );
    }
}

/// A promise is worth the test that shows it: `path/of/file.rs: name_of_the_test`.
#[test]
fn every_test_that_a_promise_names_exists() {
    let page = include_str!("../RELIABILITY.md");
    let named: Vec<_> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.split_once(".rs: "))
        .collect();
    assert!(named.len() > 20, "{named:?}");
    for (file, test) in named {
        let path = format!("{}/{file}.rs", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(text.contains(&format!("fn {test}(")), "{file}.rs has no test {test}");
    }
}

/// What was run on which Kubernetes, and which one is the oldest.
#[test]
fn each_kubernetes_that_can_be_tested_on_stands_in_the_docs() {
    use support::tools::kubernetes::{OLDEST, VERSIONS};
    let page = include_str!("../docs/install.md");
    let (_, table) = page.split_once("\n## Versions of Kubernetes\n").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    assert_eq!(rows.collect::<Vec<_>>()[1..], VERSIONS.map(|version| version.0));
    let (oldest, _) = OLDEST.0.rsplit_once('.').unwrap();
    for (file, text) in [("docs/install.md", page), ("README.md", include_str!("../README.md"))] {
        assert!(text.contains(&format!("({oldest} or later")), "{file}");
    }
    let chart = include_str!("../charts/audit-mitigation-operator/Chart.yaml");
    assert!(chart.contains(&format!("kubeVersion: \">={oldest}.0-0\"")), "{chart}");
}
