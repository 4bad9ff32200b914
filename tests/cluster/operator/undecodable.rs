//! An object that can't be decoded stops nothing else.

use audit_mitigation_operator::api::{FINALIZER, Parsed};
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::json;
use simulator::{Config, Server};
use support::{Cluster, ClusterOptions, eventually, operator, ports};

use super::{LIMIT, object, spec};
use crate::crd::stored::reads_what_is_stored;
use crate::crd::{CRD, install, permissive};
use audit_mitigation_operator::api::{Phase, StoredTask};

/// Stored under a schema that allowed anything, before today's.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, from the first object to the last")]
async fn an_object_from_before_a_schema_change_is_reported_and_stops_nothing() {
    let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
    install(&cluster, &permissive(CRD)).await;
    let client = cluster.client().await.unwrap();
    let tasks: Api<StoredTask> = Api::default_namespaced(client);
    let mut old = spec("old");
    old["activeDeadlineSeconds"] = json!("soon");
    let nonsense = json!({ "target": "everything", "auditCheckToActionsMapping": 7 });
    for (name, spec) in [
        ("old", &old),
        ("nonsense", &nonsense),
        ("text", &json!("everything")),
        ("nothing", &json!(null)),
    ] {
        until_stored(&cluster, &object(name, spec)).await;
    }
    install(&cluster, CRD).await;

    let aws = Server::start(Config::default()).unwrap();
    let program = env!("CARGO_BIN_EXE_audit-mitigation-operator");
    let command = operator::command(
        program.as_ref(),
        cluster.kubeconfig(),
        &aws.endpoint(),
        "AKIATEST",
        ports::free().unwrap(),
    );
    let process = cluster.spawn("operator", command).unwrap();
    until_stored(&cluster, &object("good", &spec("good"))).await;
    let until_phase = async |name: &str, phase: Phase| {
        eventually(LIMIT, "the phase is reached", async || {
            let task = tasks.get(name).await.map_err(|error| error.to_string())?;
            let found = super::status(&task);
            if found.phase == Some(phase) {
                Ok(found)
            } else {
                Err(format!("{found:?}\n{}", process.log_tail()))
            }
        })
        .await
        .unwrap()
    };
    until_phase("good", Phase::Completed).await;
    assert_eq!(aws.tasks().len(), 1);
    assert!(matches!(tasks.get("old").await.unwrap().spec, Parsed::Bad(_)));
    let old = until_phase("old", Phase::Rejected).await;
    assert_eq!(
        super::condition(&old, "Failed"),
        ("True".to_owned(), "InvalidSpec".to_owned())
    );
    // What isn't of its type can't be written to at all where the API server's CEL can't read it: see docs/install.md.
    let is_writable = reads_what_is_stored(&cluster).await;
    let typed = |names: &[&'static str]| -> Vec<&'static str> {
        let is_typed = |name: &&str| is_writable || !["nonsense", "text"].contains(name);
        names.iter().copied().filter(is_typed).collect()
    };
    for name in typed(&["nonsense", "text", "nothing"]) {
        let status = until_phase(name, Phase::Rejected).await;
        assert_eq!(super::condition(&status, "Stalled").1, "InvalidSpec", "{name}");
    }
    eventually(LIMIT, "an event tells of the nonsense", async || {
        let events = cluster
            .kubectl_ok(&["get", "events.events.k8s.io", "-o", "yaml"])
            .await
            .map_err(|error| error.to_string())?;
        if events.contains("reason: InvalidSpec") && events.contains("name: nonsense") {
            Ok(())
        } else {
            Err(events)
        }
    })
    .await
    .unwrap();
    // It can still be deleted, whatever is in it, and so can one whose finalizer came back.
    for name in typed(&["old", "nonsense"]) {
        tasks
            .patch(
                name,
                &PatchParams::default(),
                &Patch::Merge(json!({ "metadata": { "finalizers": [FINALIZER] } })),
            )
            .await
            .unwrap();
        tasks.delete(name, &DeleteParams::default()).await.unwrap();
        eventually(LIMIT, "the object is gone", async || match tasks.get_opt(name).await {
            Ok(None) => Ok(()),
            other => Err(format!("{name}: {other:?}")),
        })
        .await
        .unwrap();
    }

    // Corrected, it is like any other.
    let corrected = typed(&["text", "nothing"]);
    for name in &corrected {
        let corrected = object(name, &spec(name)).to_string();
        let replaced = cluster
            .kubectl_stdin(&["replace", "-f", "-"], &corrected)
            .await
            .unwrap();
        assert!(
            replaced.status.success(),
            "{}",
            String::from_utf8_lossy(&replaced.stderr)
        );
        until_phase(name, Phase::Completed).await;
    }
    assert_eq!(aws.tasks().len(), 1 + corrected.len());
}

async fn until_stored(cluster: &Cluster, object: &serde_json::Value) {
    eventually(LIMIT, "the object is stored", async || {
        let stored = cluster
            .kubectl_stdin(&["apply", "-f", "-"], &object.to_string())
            .await
            .unwrap();
        if stored.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&stored.stderr).into_owned())
        }
    })
    .await
    .unwrap();
}
