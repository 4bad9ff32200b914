//! The IAM policy that the docs and the chart refer to: every operation that is called, and none more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use audit_mitigation_operator::api::Phase;
use audit_mitigation_operator::core::answer::Operation;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use simulator::{Call, Failure, Outcome};

use crate::helm::EACH;
use crate::installed::{Installed, LIMIT};

/// The statements of the policy: what each allows, by its Sid.
fn statements() -> BTreeMap<String, (BTreeSet<String>, Value)> {
    let policy: Value = serde_json::from_str(include_str!("../../deploy/iam-policy.json")).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter().map(|statement| {
        assert_eq!(
            (&statement["Effect"], &statement["Condition"]),
            (&json!("Allow"), &Value::Null)
        );
        let actions = statement["Action"].as_array().unwrap();
        let operation = |action: &Value| action.as_str().unwrap().strip_prefix("iot:").unwrap().to_owned();
        let sid = statement["Sid"].as_str().unwrap().to_owned();
        let allowed: BTreeSet<String> = actions.iter().map(operation).collect();
        assert_eq!(allowed.len(), actions.len(), "an action stands twice");
        (sid, (allowed, statement["Resource"].clone()))
    });
    statements.collect()
}

/// The operations that the policy allows.
fn allowed() -> BTreeSet<String> {
    statements().into_values().flat_map(|(allowed, _)| allowed).collect()
}

/// An operation without resource types would be denied where the policy names a resource. What is a definition is named
/// in every partition.
#[test]
fn the_policy_names_resources_where_the_service_has_them() {
    let resources = |sid: &str| statements()[sid].1.clone();
    assert_eq!(resources("AuditMitigationTasks"), "*");
    assert_eq!(resources("PlansAndPolicies"), "*");
    let definitions = ["mitigationaction", "scheduledaudit"].map(|kind| format!("arn:*:iot:*:*:{kind}/*"));
    assert_eq!(resources("DefinitionsForPlansAndPolicies"), json!(definitions));
    let of_definitions = &statements()["DefinitionsForPlansAndPolicies"].0;
    let expected = ["DescribeMitigationAction", "DescribeScheduledAudit"].map(str::to_owned);
    assert_eq!(*of_definitions, BTreeSet::from(expected));
    assert_eq!(statements().len(), 3);
}

/// What the status says of a missing right, and what the metrics count, are these operations.
#[test]
fn the_policy_allows_what_the_operator_speaks_of() {
    let spoken_of: BTreeSet<String> = Operation::ALL
        .iter()
        .map(|operation| operation.name().to_owned())
        .collect();
    assert_eq!(allowed(), spoken_of);
}

/// Whatever path a call is on: no file of the product has a call of another operation of the SDK.
#[test]
fn the_policy_allows_what_the_source_calls() {
    let mut calls = BTreeSet::new();
    let operations = operations_of_the_sdk();
    assert!(operations.len() > 200, "{operations:?}");
    for (file, text) in source(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
        for operation in &operations {
            if text.contains(&format!(".{operation}(")) {
                calls.insert(operation.replace('_', ""));
            }
        }
        let is_aws = file.contains("/src/aws/");
        assert!(is_aws || !text.contains("aws_sdk_"), "{file} uses the SDK past src/aws");
        // Which errors the credentials' own calls of STS end with is read, and no call of it made.
        let errors = ["aws_sdk_sts::error::", "aws_sdk_sts::operation::"];
        let others = errors
            .iter()
            .fold(text.replace("aws_sdk_iot", ""), |text, errors| text.replace(errors, ""));
        assert!(!others.contains("aws_sdk_"), "{file} uses another service");
    }
    let allowed: BTreeSet<String> = allowed().iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(calls, allowed);
}

/// The methods of the SDK's client that call the service: it has a module for each.
fn operations_of_the_sdk() -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let sdk = packages
        .iter()
        .find(|package| package["name"] == "aws-sdk-iot")
        .unwrap();
    let manifest = Path::new(sdk["manifest_path"].as_str().unwrap());
    std::fs::read_dir(manifest.with_file_name("src").join("operation"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

/// Every source file below a folder, with its text.
fn source(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                source(&path)
            } else {
                let text = std::fs::read_to_string(&path).unwrap();
                vec![(path.to_str().unwrap().to_owned(), text)]
            }
        })
        .collect()
}

/// The running operator calls each of those that every task needs: none is left over from an earlier version.
#[tokio::test]
async fn the_policy_allows_what_is_seen_on_the_wire() {
    let installed = Installed::new(EACH[0], &["fleet"], "").await;
    let mut operator = installed.start_operator().await;
    let failure = Failure {
        finding: "*".to_owned(),
        check: "*".to_owned(),
        action: "*".to_owned(),
        error_code: "INSUFFICIENT_PERMISSIONS".to_owned(),
        message: String::new(),
    };
    installed.aws.set_outcome("failed", Outcome::failing([failure]));
    installed
        .create("fleet", "failed", &json!({ "taskId": "failed" }))
        .await;
    installed.phase("fleet", "failed", Phase::Failed, &operator).await;
    installed.aws.set_outcome("held", Outcome::held());
    installed.create("fleet", "held", &json!({ "taskId": "held" })).await;
    installed.phase("fleet", "held", Phase::Running, &operator).await;
    let tasks = installed.tasks("fleet");
    tasks.delete("held", &DeleteParams::default()).await.unwrap();
    installed.until_gone("fleet", "held", &operator).await;
    // An operation that the simulator doesn't know is null.
    let name = |call: &Call| json!(call.operation).as_str().unwrap().to_owned();
    let called: BTreeSet<String> = installed.aws.calls().iter().map(name).collect();
    assert_eq!(called, statements()["AuditMitigationTasks"].0);
    operator.stop(LIMIT).await.unwrap();
}

#[test]
fn the_install_page_refers_to_it() {
    assert!(include_str!("../../docs/install.md").contains("../deploy/iam-policy.json"));
}
