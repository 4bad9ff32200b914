//! The test cluster itself: what tests of the operator may rely on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{net::TcpListener, time::Duration};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api,
    api::{DeleteParams, ListParams, PostParams},
};
use support::{Cluster, ClusterOptions, Result, eventually, shared};

const LIMIT: Duration = Duration::from_secs(90);

#[tokio::test]
async fn a_namespace_comes_and_goes() -> Result<()> {
    let cluster = shared().await?;
    let name = cluster.namespace("coming").await?;
    cluster
        .kubectl_ok(&["create", "configmap", "content", "--namespace", &name])
        .await?;
    cluster
        .kubectl_ok(&["delete", "namespace", &name, "--wait=false"])
        .await?;
    let namespaces: Api<Namespace> = Api::all(cluster.client().await?);
    // Only the namespace controller removes its finalizer.
    eventually(LIMIT, "the namespace is gone", async || {
        match namespaces.get_opt(&name).await {
            Ok(None) => Ok(()),
            Ok(Some(left)) => Err(format!("still there: {:?}", left.status)),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
}

#[tokio::test]
async fn what_an_owner_owns_goes_with_it() -> Result<()> {
    let cluster = shared().await?;
    let namespace = cluster.namespace("owned").await?;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client().await?, &namespace);
    let parent: ConfigMap = serde_json::from_value(serde_json::json!({
        "metadata": { "name": "owner" },
    }))?;
    let parent = maps.create(&PostParams::default(), &parent).await?;
    let child: ConfigMap = serde_json::from_value(serde_json::json!({
        "metadata": {
            "name": "owned",
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": parent.metadata.uid,
            }],
        },
    }))?;
    maps.create(&PostParams::default(), &child).await?;
    maps.delete("owner", &DeleteParams::default()).await?;
    eventually(LIMIT, "the owned object is gone", async || {
        match maps.get_opt("owned").await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err("still there".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
}

#[tokio::test]
async fn the_server_says_its_version() -> Result<()> {
    let version = shared().await?.client().await?.apiserver_version().await?;
    // Built without its version it would say v0.0.0.
    assert_eq!(version.major, "1");
    assert_ne!(version.minor, "0");
    assert!(version.git_version.starts_with("v1."), "{version:?}");
    Ok(())
}

#[tokio::test]
async fn a_stranger_is_refused_until_rbac_allows() -> Result<()> {
    let cluster = shared().await?;
    let namespace = cluster.namespace("stranger").await?;
    let stranger = cluster.kubeconfig_for("stranger", Some("strangers"))?;
    let list = ["get", "configmaps", "--namespace", &namespace];

    let refused = cluster.kubectl_as(&stranger, &list, "").await?;
    let message = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    assert!(
        message.contains(r#"User "stranger" cannot list resource "configmaps""#),
        "{message}"
    );

    cluster
        .kubectl_ok(&[
            "create",
            "rolebinding",
            "strangers",
            "--clusterrole=view",
            "--group=strangers",
            "--namespace",
            &namespace,
        ])
        .await?;
    // The authorizer reads bindings from a cache.
    eventually(LIMIT, "the stranger may list", async || {
        let output = cluster.kubectl_as(&stranger, &list, "").await?;
        if output.status.success() {
            Ok(())
        } else {
            Err(anyhow::anyhow!("{}", String::from_utf8_lossy(&output.stderr)))
        }
    })
    .await
}

#[tokio::test]
async fn a_service_account_is_known_by_its_token() -> Result<()> {
    let cluster = shared().await?;
    let kubeconfig = cluster.kubeconfig_for_service_account("default", "default").await?;
    let output = cluster.kubectl_as(&kubeconfig, &["auth", "whoami"], "").await?;
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("system:serviceaccount:default:default"), "{output:?}");

    let client = cluster.client_from(&kubeconfig).await?;
    let error = Api::<ConfigMap>::namespaced(client, "default")
        .list(&ListParams::default())
        .await
        .unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.code == 403));
    Ok(())
}

#[tokio::test]
async fn applying_nonsense_fails_with_kubectls_message() -> Result<()> {
    let error = shared()
        .await?
        .apply("apiVersion: v1\nkind: Nonsense\nmetadata: {name: none}\n")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("kubectl apply -f - failed: ") && error.contains("Nonsense"),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn two_clusters_at_once_know_nothing_of_each_other() -> Result<()> {
    let (first, second) = tokio::try_join!(
        Cluster::start(ClusterOptions::default()),
        Cluster::start(ClusterOptions::default())
    )?;
    assert_ne!(first.url(), second.url());
    let name = first.namespace("only-here").await?;
    let here: Api<Namespace> = Api::all(first.client().await?);
    let there: Api<Namespace> = Api::all(second.client().await?);
    assert!(here.get_opt(&name).await?.is_some());
    assert!(there.get_opt(&name).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn the_api_server_comes_back_with_its_data() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let name = cluster.namespace("kept").await?;
    let namespaces: Api<Namespace> = Api::all(cluster.client().await?);

    cluster.stop_apiserver()?;
    assert!(matches!(
        namespaces.get(&name).await,
        Err(kube::Error::Service(_) | kube::Error::HyperError(_))
    ));
    assert!(cluster.stop_apiserver().is_err(), "stopped twice");

    // Somebody else on its port: told apart from other failures, as a start takes other ports then.
    let port = cluster.url().rsplit(':').next().unwrap().parse::<u16>()?;
    let intruder = TcpListener::bind(("127.0.0.1", port))?;
    let error = cluster.start_apiserver().await.unwrap_err();
    assert!(format!("{error:#}").contains("address already in use"), "{error:#}");
    drop(intruder);

    cluster.start_apiserver().await?;
    namespaces.get(&name).await?;
    assert!(cluster.start_apiserver().await.is_err(), "started twice");
    Ok(())
}

#[tokio::test]
async fn a_failed_start_carries_the_programs_log() {
    let options = ClusterOptions {
        apiserver_arguments: vec!["--no-such-flag".to_owned()],
    };
    let error = Cluster::start(options).await.unwrap_err();
    let message = format!("{error:#}");
    assert!(
        message.contains("kube-apiserver ended") && message.contains("unknown flag: --no-such-flag"),
        "{message}"
    );
}
