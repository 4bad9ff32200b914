//! What can't be meant by the guard's values is refused by the chart.

use crate::chart;
use crate::helm::{EACH, objects, path};

#[test]
fn a_rule_that_can_not_be_meant_is_refused() {
    let rule = "checks: ['*'], actions: ['*'], regions: ['*']";
    let rule = |further: &str| format!("rules: [{{ {rule}, {further} }}]");
    for (guard, said) in [
        ("rules: []".to_owned(), "add a rule"),
        (rule("wholeAudits: true"), "namespace"),
        (rule("namespaces: []"), "namespaces"),
        (rule("namespaces: [Fleet]"), "namespaces"),
        (rule("namespaceSelector: {}"), "namespaceSelector"),
        (rule("namespaceSelector: { matchLabels: { 'a b': c } }"), "matchLabels"),
        (
            rule("namespaceSelector: { matchExpressions: [{ key: a, operator: In }] }"),
            "matchExpressions",
        ),
        (
            rule("namespaceSelector: { matchExpressions: [{ key: a, operator: Exists, values: [b] }] }"),
            "matchExpressions",
        ),
        (rule("namespaces: [a], region: [b]"), "region"),
        (rule("namespaces: [a], wholeAudits: 'no'"), "wholeAudits"),
        (
            "rules: [{ namespaces: [a], checks: ['*'], actions: ['*'] }]".to_owned(),
            "regions",
        ),
        (
            "rules: [{ namespaces: [a], checks: ['*'], actions: ['*'], regions: [europe] }]".to_owned(),
            "regions",
        ),
        (
            "rules: [{ namespaces: [a], checks: ['a\"b'], actions: ['*'], regions: ['*'] }]".to_owned(),
            "checks",
        ),
        (
            "rules: [{ namespaces: [a], checks: ['*'], actions: ['a b'], regions: ['*'] }]".to_owned(),
            "actions",
        ),
        (
            rule("namespaces: [a]") + ", validationActions: [Deny, Warn]",
            "validationActions",
        ),
        (rule("namespaces: [a]") + ", validationActions: []", "validationActions"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let values = folder.path().join("values.yaml");
        std::fs::write(&values, format!("tenantGuard: {{ enabled: true, {guard} }}\n")).unwrap();
        for helm in EACH {
            let text = helm.refused(&["template", "amo", path(&chart()), "--values", path(&values)]);
            assert!(text.contains(said), "{} says of {guard}: {text}", helm.name());
        }
    }
}

#[test]
fn a_ceiling_that_can_not_be_meant_is_refused() {
    for (guard, said) in [
        (
            "enabled=true,approvalGuard.maxFindings=5",
            "need approvalGuard.required",
        ),
        ("enabled=true,approvalGuard.maxPercent=5", "need approvalGuard.required"),
        ("required=true", "needs approvalGuard.enabled"),
        (
            "enabled=true,approvalGuard.required=true,approvalGuard.maxFindings=-1",
            "maxFindings",
        ),
        (
            "enabled=true,approvalGuard.required=true,approvalGuard.maxFindings=few",
            "maxFindings",
        ),
        (
            "enabled=true,approvalGuard.required=true,approvalGuard.maxPercent=101",
            "maxPercent",
        ),
        (
            "enabled=true,approvalGuard.required=true,approvalGuard.maxPercent=0.5",
            "maxPercent",
        ),
        (
            "enabled=true,approvalGuard.validationActions={Deny,Warn}",
            "validationActions",
        ),
    ] {
        let values = format!("approvalGuard.{guard}");
        for helm in EACH {
            let text = helm.refused(&["template", "amo", path(&chart()), "--set", &values]);
            assert!(text.contains(said), "{} says of {guard}: {text}", helm.name());
        }
    }
}

#[test]
fn there_is_no_guard_unless_it_is_asked_for() {
    let text = EACH[0].template("fleet", &[]);
    let kinds: Vec<String> = objects(&text).iter().map(|object| object["kind"].to_string()).collect();
    assert!(kinds.iter().all(|kind| !kind.contains("Admission")), "{kinds:?}");
}
