//! What people see: `kubectl explain` and the columns of `kubectl get`.

use audit_mitigation_operator::api::crd::crd;
use audit_mitigation_operator::core::task::identity::task_id;
use serde_json::{Value, json};

use super::{Server, spec_with};

/// The paths of all fields, as kubectl wants them: through lists and maps without a trace.
fn fields(schema: &Value, path: &str, found: &mut Vec<String>) {
    for inner in [&schema["items"], &schema["additionalProperties"]] {
        fields_of(inner, path, found);
    }
    fields_of(schema, path, found);
}

fn fields_of(schema: &Value, path: &str, found: &mut Vec<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        fields(field, &path, found);
        found.push(path);
    }
}

#[tokio::test]
async fn every_field_is_explained() {
    let server = Server::shared("explain").await;
    let mut paths = Vec::new();
    let schema = serde_json::to_value(crd()).unwrap()["spec"]["versions"][0]["schema"]["openAPIV3Schema"].take();
    fields(&schema, "auditmitigationtask", &mut paths);
    assert!(paths.len() > 40, "{paths:?}");
    for path in paths {
        let text = server.kubectl(&["explain", &path]).await;
        let description = text
            .split_once("DESCRIPTION:\n")
            .map_or("", |(_, rest)| rest.trim_start());
        assert!(!description.is_empty() && !description.starts_with("<empty>"), "{text}");
        // Backticks and the like are for Rust's documentation, not for a terminal.
        assert!(!description.contains('`'), "{text}");
    }
}

#[tokio::test]
async fn the_target_reads_well() {
    let server = Server::shared("explain").await;
    let text = server.kubectl(&["explain", "auditmitigationtask.spec.target"]).await;
    for expected in [
        "FIELD: target <Object>",
        "Which findings the actions are applied to: the findings of one audit",
        "auditCheckToReasonCodeFilter\t<map[string][]string>",
        "auditTaskId\t<string>",
        "findingIds\t<[]string>",
        "The ids of 1 to 25 single findings",
    ] {
        assert!(text.contains(expected), "no {expected:?} in\n{text}");
    }
}

#[tokio::test]
async fn the_short_name_and_the_category_work() {
    let server = Server::shared("explain").await;
    server.create("named", &spec_with(&json!({}))).await;
    for name in ["amt", "devicedefender", "auditmitigationtask", "auditmitigationtasks"] {
        assert!(server.kubectl(&["get", name]).await.contains("named"), "{name}");
    }
}

#[tokio::test]
async fn columns_fit_a_terminal() {
    let server = Server::shared("columns").await;
    let name = "quarantine-expired-2026-11";
    server.create(name, &spec_with(&json!({}))).await;
    let status = json!({
        "phase": "Completed", "taskId": "factory_quarantine-expired-2026-11_n42z5k2pgv", "progress": "1037/1037",
        "failedFindings": 1037, "region": "ap-southeast-2", "startedBy": "Other",
        "startTime": "2026-01-02T03:04:05Z", "completionTime": "2026-01-02T03:04:05Z",
        "conditions": [{
            "type": "Ready", "status": "False", "reason": "ActionsFailed", "message": "",
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }],
    });
    server.write_status(name, &status).await.unwrap();

    let table = server.kubectl(&["get", "amt"]).await;
    let (header, row) = table.trim_end().split_once('\n').unwrap();
    assert_eq!(words(header), ["NAME", "PHASE", "TASK ID", "PROGRESS", "FAILED", "AGE"]);
    let cells = words(row);
    assert_eq!(
        cells[..5],
        [
            name,
            "Completed",
            status["taskId"].as_str().unwrap(),
            "1037/1037",
            "1037"
        ]
    );
    assert!(table.lines().all(|line| line.len() <= 120), "{table}");

    let table = server.kubectl(&["get", "amt", "-o", "wide"]).await;
    let (header, row) = table.trim_end().split_once('\n').unwrap();
    assert_eq!(
        words(header)[6..],
        ["REGION", "STARTED BY", "START", "COMPLETION", "REASON"]
    );
    let cells = words(row);
    assert_eq!(
        (cells[6], cells[7], cells[10]),
        ("ap-southeast-2", "Other", "ActionsFailed")
    );
}

/// What people see who keep to the examples: each name, with the id that it gets, in each phase.
#[tokio::test]
async fn columns_fit_a_terminal_in_each_phase() {
    let server = Server::shared("columns-phases").await;
    let mut resources = Vec::new();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let resource: Value = serde_saphyr::from_str(&text).unwrap();
        if resource["kind"] == "AuditMitigationTask" {
            resources.push(resource);
        }
    }
    assert!(resources.len() > 5, "{resources:?}");
    let phases = crd_phases();
    assert_eq!(phases.len(), 12, "{phases:?}");
    for resource in resources {
        let name = resource["metadata"]["name"].as_str().unwrap();
        let spec = serde_json::from_value(resource["spec"].clone()).unwrap();
        server.create(name, &resource["spec"]).await;
        for phase in &phases {
            // What waits for approval was never started.
            let is_started = phase != "AwaitingApproval";
            let status = json!({
                "phase": phase, "taskId": is_started.then(|| task_id(&server.namespace, name, &spec)),
                "progress": is_started.then_some("1037/1037"), "failedFindings": is_started.then_some(1037),
                "conditions": [],
            });
            server.write_status(name, &status).await.unwrap();
            let table = server.kubectl(&["get", "amt", name]).await;
            assert!(table.contains(phase), "{table}");
            // In time the age grows from `0s` to as many as four characters.
            assert!(table.lines().all(|line| line.trim_end().len() + 2 <= 120), "{table}");
        }
    }
}

/// The phases that the CRD names.
fn crd_phases() -> Vec<String> {
    let schema = serde_json::to_value(crd()).unwrap()["spec"]["versions"][0]["schema"]["openAPIV3Schema"].take();
    let phases = &schema["properties"]["status"]["properties"]["phase"]["enum"];
    let phases = phases.as_array().unwrap().iter().filter_map(Value::as_str);
    phases.map(str::to_owned).collect()
}

/// The cells of a line: columns stand at least three spaces apart.
fn words(line: &str) -> Vec<&str> {
    line.split("   ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect()
}
