//! docs/tenants.md: its values are taken, and a refusal reads as printed there.

use serde_json::{Value, json};

use super::Guarded;

const PAGE: &str = include_str!("../../../docs/tenants.md");

/// The text of the first block in this language.
fn block(language: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```{language}\n")).unwrap();
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
