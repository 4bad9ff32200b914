//! Starting before the CRD is there.

use audit_mitigation_operator::api::AuditMitigationTask;
use kube::api::Api;
use simulator::{Config, Server};
use support::{Cluster, ClusterOptions, eventually, operator, ports};

use super::{LIMIT, http_get};
use crate::crd::{CRD, install};

#[tokio::test]
async fn the_operator_waits_for_the_crd_and_goes_on_when_it_appears() {
    let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
    let aws = Server::start(Config::default()).unwrap();
    let port = ports::free().unwrap();
    let program = env!("CARGO_BIN_EXE_audit-mitigation-operator");
    let command = operator::command(
        program.as_ref(),
        cluster.kubeconfig(),
        &aws.endpoint(),
        "AKIATEST",
        port,
    );
    let process = cluster.spawn("operator", command).unwrap();

    let waiting = eventually(LIMIT, "/readyz says what it waits for", async || {
        match http_get(port, "/readyz").await {
            Ok((503, text)) if text.contains("CustomResourceDefinition") => Ok(text),
            other => Err(format!("{other:?}")),
        }
    });
    let text = waiting.await.unwrap();
    assert!(
        text.contains("audit-mitigation-operator crd"),
        "it says what to do: {text}"
    );
    assert_eq!(http_get(port, "/livez").await.unwrap().0, 200);
    assert!(
        process.log().contains("waiting for the CustomResourceDefinition"),
        "{}",
        process.log()
    );

    install(&cluster, CRD).await;
    eventually(LIMIT, "/readyz is ok", async || match http_get(port, "/readyz").await {
        Ok((200, _)) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
    .unwrap();
    cluster
        .apply(include_str!("../../../examples/whole-audit.yaml"))
        .await
        .unwrap();
    let tasks: Api<AuditMitigationTask> = Api::default_namespaced(cluster.client().await.unwrap());
    eventually(LIMIT, "a task is started", async || {
        let task = tasks.get("whole-audit").await.map_err(|error| error.to_string())?;
        task.status
            .and_then(|status| status.task_id)
            .ok_or("no taskId".to_owned())
    })
    .await
    .unwrap();
}
