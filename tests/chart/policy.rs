//! The IAM policy that the docs and the chart refer to.

use std::collections::BTreeSet;

use audit_mitigation_operator::core::answer::Operation;
use serde_json::{Value, json};

#[test]
fn the_iam_policy_allows_what_is_called_and_nothing_else() {
    let policy: Value = serde_json::from_str(include_str!("../../deploy/iam-policy.json")).unwrap();
    let [statement] = policy["Statement"].as_array().unwrap().as_slice() else {
        panic!("one statement")
    };
    let actions = statement["Action"].as_array().unwrap();
    let allowed: BTreeSet<&str> = actions.iter().map(|action| action.as_str().unwrap()).collect();
    assert_eq!(allowed.len(), actions.len(), "an action stands twice");
    let called: Vec<String> = Operation::ALL
        .iter()
        .map(|operation| format!("iot:{}", operation.name()))
        .collect();
    assert_eq!(allowed, called.iter().map(String::as_str).collect());
    // These operations have no resource types and no condition keys.
    assert_eq!(
        (&statement["Effect"], &statement["Resource"], &statement["Condition"]),
        (&json!("Allow"), &json!("*"), &Value::Null)
    );
}

#[test]
fn the_install_page_refers_to_it() {
    assert!(include_str!("../../docs/install.md").contains("../deploy/iam-policy.json"));
}
