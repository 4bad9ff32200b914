//! docs/tenants.md: its values are taken, and a refusal reads as printed there.

use serde_json::{Value, json};

use super::Guarded;
use crate::helm::{EACH, path};

const PAGE: &str = include_str!("../../../docs/tenants.md");

/// The text of the first block in this language.
fn block(language: &str) -> &'static str {
    block_of(PAGE, language)
}

fn block_of(page: &'static str, language: &str) -> &'static str {
    let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("\n```").unwrap().0
}

#[tokio::test]
async fn the_page_shows_what_happens() {
    let values: Value = serde_saphyr::from_str(block("yaml")).unwrap();
    let (command, refusal) = block("console").split_once('\n').unwrap();
    assert!(command.ends_with("--namespace fleet-a --filename examples/whole-audit.yaml"));
    let cluster = Guarded::shared().await;
    cluster
        .namespace_named("fleet-a", &json!({ "example.com/team": "fleet" }))
        .await;
    cluster.namespace_named("security", &json!({})).await;
    cluster
        .guard_with("audit-mitigation", &["fleet-a", "security"], &values["tenantGuard"])
        .await;
    let example: Value = serde_saphyr::from_str(include_str!("../../../examples/whole-audit.yaml")).unwrap();
    let spec = example["spec"].clone();
    // The probe has another name than the example.
    let refusal = refusal.replace("whole-audit", "probe");
    cluster
        .expect(&[
            ("fleet-a", spec.clone(), Some(&refusal)),
            ("fleet-a", json!({}), None),
            ("security", spec, None),
        ])
        .await;
}

/// The values for approvals are taken, and the command binds a role that the chart makes.
#[test]
fn the_page_shows_how_approvals_are_guarded() {
    let (_, section) = PAGE.split_once("\n## Who may approve\n").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), block_of(section, "yaml")).unwrap();
    let objects = EACH[0].objects("NAMESPACE", &["--values", path(file.path())]);
    let named = |kind: &str, suffix: &str| {
        let is_meant =
            |object: &&Value| object["kind"] == kind && object["metadata"]["name"].as_str().unwrap().ends_with(suffix);
        objects.iter().find(is_meant).unwrap().to_string()
    };
    let rules = named("ValidatingAdmissionPolicy", "-guard-approval");
    assert!(
        rules.contains("variables.findings <= 50 && variables.percent <= 2"),
        "{rules}"
    );
    let (_, role) = block_of(section, "console").split_once("--clusterrole ").unwrap();
    // The tests' release is `amo`.
    let role = role.replace("RELEASE", "amo");
    assert!(
        named("ClusterRole", "-approve").contains(&format!("\"{role}\"")),
        "{role}"
    );
}
