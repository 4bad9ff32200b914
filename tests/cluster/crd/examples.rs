//! The examples and the manifests that the documentation shows.

use std::path::Path;

use audit_mitigation_operator::api::AuditMitigationTask;
use audit_mitigation_operator::core::task::identity::task_id;

use super::Server;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
const RESOURCE_DOC: &str = include_str!("../../../docs/resource.md");

const README: &str = include_str!("../../../README.md");

#[tokio::test]
async fn each_example_is_accepted() {
    let server = Server::shared("examples").await;
    let mut names: Vec<_> = std::fs::read_dir(FOLDER)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    names.sort();
    assert!(names.len() >= 5, "{names:?}");
    for file in names {
        let file = file.to_str().unwrap();
        server
            .kubectl(&["apply", "--dry-run=server", "--validate=strict", "-f", file])
            .await;
    }
}

/// What people copy first.
#[tokio::test]
async fn each_manifest_of_the_readme_is_accepted() {
    let server = Server::shared("readme").await;
    let manifests: Vec<&str> = README.split("```yaml\n").skip(1).collect();
    assert_eq!(manifests.len(), 2);
    for (manifest, kind) in manifests
        .into_iter()
        .zip(["AuditMitigationPolicy", "AuditMitigationTask"])
    {
        let manifest = manifest.split_once("```").unwrap().0;
        assert!(manifest.contains(&format!("kind: {kind}\n")), "{manifest}");
        let manifest = manifest.replace("namespace: fleet\n", &format!("namespace: {}\n", server.namespace));
        let args = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
        let answer = server.cluster.kubectl_stdin(&args, &manifest).await.unwrap();
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    }
}

/// The literal ids in the comments and in the documentation are the ones that the manifests get.
#[test]
fn the_documented_task_ids_are_right() {
    let example = std::fs::read_to_string(Path::new(FOLDER).join("whole-audit.yaml")).unwrap();
    let task: AuditMitigationTask = serde_saphyr::from_str(&example).unwrap();
    let id = task_id("default", &task.metadata.name.unwrap(), &task.spec);
    assert!(example.contains(&id), "{id}");
    assert!(RESOURCE_DOC.contains(&id), "{id}");
}

/// Each manifest that the documentation shows, with the task id that it says under it.
#[tokio::test]
async fn each_manifest_of_the_documentation_gets_the_id_that_is_shown() {
    let server = Server::shared("documentation").await;
    let mut seen = 0;
    for block in RESOURCE_DOC.split("```yaml\n").skip(1) {
        let (manifest, after) = block.split_once("```").unwrap();
        let task: AuditMitigationTask = serde_saphyr::from_str(manifest).unwrap();
        let namespace = task.metadata.namespace.unwrap();
        let id = task_id(&namespace, &task.metadata.name.unwrap(), &task.spec);
        let shown = after.split("```").next().unwrap();
        assert!(
            shown.contains(&format!("`{id}`")),
            "{id} isn't shown after\n{manifest}{shown}"
        );
        let manifest = manifest.replace(
            &format!("namespace: {namespace}\n"),
            &format!("namespace: {}\n", server.namespace),
        );
        let args = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
        let answer = server.cluster.kubectl_stdin(&args, &manifest).await.unwrap();
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        seen += 1;
    }
    assert_eq!(seen, 2);
}
