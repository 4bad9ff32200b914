//! The way to the API server: what keeps it away is named, and a proxy is used where kubectl would use one.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use support::{Cluster, ports};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::time::timeout;

use super::{LIMIT, World, http_get};

/// What the operator's binary says with this kubeconfig and these variables.
async fn check(kubeconfig: &Path, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_audit-mitigation-operator"));
    command
        .arg("check")
        .env_clear()
        .env("KUBECONFIG", kubeconfig)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(LIMIT, command.output()).await.unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

/// The kubeconfig of the cluster's administrator, with changes to what it says of the cluster.
struct Changed<'a> {
    cluster: &'a Cluster,
    folder: TempDir,
}

impl<'a> Changed<'a> {
    fn new(cluster: &'a Cluster) -> Self {
        Self {
            cluster,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn by(&self, name: &str, changes: &Value) -> PathBuf {
        let text = std::fs::read_to_string(self.cluster.kubeconfig()).unwrap();
        let mut config: Value = serde_json::from_str(&text).unwrap();
        for (key, value) in changes.as_object().unwrap() {
            config["clusters"][0]["cluster"][key] = value.clone();
        }
        let path = self.folder.path().join(name);
        std::fs::write(&path, config.to_string()).unwrap();
        path
    }
}

/// A proxy that brings whoever asks for anything to the API server, and keeps what it was asked for.
struct Tunnel {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    async fn to(cluster: &Cluster) -> Self {
        let server = cluster.url().trim_start_matches("https://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that goes away early is no failure.
                let (server, heard) = (server.clone(), Arc::clone(&heard));
                tokio::spawn(async move { drop(tunnel(stream, &server, &heard).await) });
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

async fn tunnel(mut client: TcpStream, server: &str, heard: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(client.read_u8().await?);
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    heard
        .lock()
        .unwrap()
        .push(request.lines().next().unwrap_or_default().to_owned());
    let mut server = TcpStream::connect(server).await?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

const SERVED: &str = "ok: the API server serves auditmitigationtasks.devicedefender.dev";

#[tokio::test]
async fn what_keeps_the_api_server_away_is_named() {
    let world = World::without_operator("away", &[], |_| {}).await;
    let changed = Changed::new(world.cluster);
    assert!(check(world.cluster.kubeconfig(), &[]).await.contains(SERVED));
    let closed = format!("https://127.0.0.1:{}", ports::free().unwrap());
    // Another authority: the certificate is one of a server, and of nobody's trust.
    for (name, changes, says) in [
        ("closed", json!({ "server": closed }), "Connection refused"),
        (
            "unknown",
            json!({ "server": "https://nowhere.invalid" }),
            "failed to lookup address",
        ),
        (
            "untrusted",
            json!({ "certificate-authority": null }),
            "invalid peer certificate",
        ),
        (
            "no-tls",
            json!({ "server": world.aws.endpoint().replace("http", "https") }),
            "client error (Connect)",
        ),
    ] {
        let said = check(&changed.by(name, &changes), &[]).await;
        let line = said.lines().find(|line| line.contains("the API server can't be asked"));
        assert!(line.is_some_and(|line| line.contains(says)), "{name}: {said}");
    }
}

/// `/readyz` and the log say it too.
#[tokio::test]
async fn an_operator_that_cannot_reach_the_api_server_says_why() {
    let mut world = World::without_operator("unreached", &[], |_| {}).await;
    let changed = Changed::new(world.cluster);
    let closed = format!("https://127.0.0.1:{}", ports::free().unwrap());
    world.kubeconfig = changed.by("closed", &json!({ "server": closed }));
    world.start_operator();
    let port = world.port;
    support::eventually(LIMIT, "/readyz says why", async || {
        match http_get(port, "/readyz").await {
            Ok((503, text)) if text.contains("Connection refused") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
    world.until_logged("waiting for the API server: ", 1).await;
    assert!(world.log().contains("Connection refused"), "{}", world.log());
}

#[tokio::test]
async fn the_api_server_is_reached_by_the_proxy_that_kubectl_would_take() {
    let world = World::without_operator("proxied", &[], |_| {}).await;
    let changed = Changed::new(world.cluster);
    let tunnel = Tunnel::to(world.cluster).await;
    let proxy = tunnel.url.as_str();
    // A name that only the proxy knows; the certificate is the API server's.
    let remote = json!({ "server": "https://api.cluster.invalid:6443", "tls-server-name": "127.0.0.1" });
    let remote = changed.by("remote", &remote);
    let said = check(&remote, &[("HTTPS_PROXY", proxy)]).await;
    assert!(said.contains(SERVED), "{said}");
    let asked = tunnel.asked();
    assert!(
        !asked.is_empty()
            && asked
                .iter()
                .all(|asked| asked.starts_with("CONNECT api.cluster.invalid:6443 ")),
        "{asked:?}"
    );

    let excepted = [("HTTPS_PROXY", proxy), ("NO_PROXY", "example.com,.cluster.invalid")];
    let said = check(&remote, &excepted).await;
    assert!(said.contains("failed to lookup address"), "{said}");
    assert_eq!(tunnel.asked(), [""; 0]);

    // kube itself judges NO_PROXY by the proxy's host.
    let said = check(&remote, &[("HTTPS_PROXY", proxy), ("NO_PROXY", "127.0.0.1")]).await;
    assert!(said.contains(SERVED), "{said}");
    assert!(!tunnel.asked().is_empty());

    let by_kubeconfig = changed.by("by-kubeconfig", &json!({ "proxy-url": proxy }));
    let said = check(&by_kubeconfig, &[("NO_PROXY", "*")]).await;
    assert!(said.contains(SERVED), "{said}");
    assert!(!tunnel.asked().is_empty());

    // This machine is reached without one, and that there is a variable is no reason to refuse to start.
    let said = check(world.cluster.kubeconfig(), &[("HTTPS_PROXY", "http://127.0.0.1:1")]).await;
    assert!(said.contains(SERVED), "{said}");
}

/// Whom `AWS_CA_BUNDLE` names is trusted: here the authority of the API server, which stands in for AWS IoT behind TLS.
#[tokio::test]
async fn a_private_authority_of_aws_is_trusted_when_it_is_named() {
    let world = World::without_operator("authority", &[], |_| {}).await;
    let text = std::fs::read_to_string(world.cluster.kubeconfig()).unwrap();
    let config: Value = serde_json::from_str(&text).unwrap();
    let authority = config["clusters"][0]["cluster"]["certificate-authority"]
        .as_str()
        .unwrap();
    let variables = [
        ("AWS_ENDPOINT_URL_IOT", world.cluster.url()),
        ("AWS_ACCESS_KEY_ID", "AKIATEST"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let said = check(world.cluster.kubeconfig(), &variables).await;
    assert!(said.contains("got no answer: invalid peer certificate"), "{said}");
    let trusted = [&variables[..], &[("AWS_CA_BUNDLE", authority)]].concat();
    let said = check(world.cluster.kubeconfig(), &trusted).await;
    assert!(
        said.contains("DescribeAuditMitigationActionsTask was answered with HTTP status 40"),
        "{said}"
    );
}

/// A namespace of several that was deleted with its roles, say: the operator serves the others.
#[tokio::test]
async fn check_warns_of_a_namespace_of_several_that_can_not_be_listed() {
    let world = World::without_operator("watched", &[], |_| {}).await;
    let other = world.cluster.namespace("unwatched").await.unwrap();
    let account = format!("--serviceaccount={}:default", world.namespace);
    let grant = ["create", "rolebinding", "all", "--clusterrole=cluster-admin", &account];
    world.kubectl(&grant).await;
    let kubeconfig = world
        .cluster
        .kubeconfig_for_service_account(&world.namespace, "default");
    let kubeconfig = kubeconfig.await.unwrap();
    let lacks = format!(
        "this account may not get, list, watch, create, patch, delete auditmitigationtasks in the namespace {other}"
    );
    for (list, is_warned) in [(format!("{},{other}", world.namespace), true), (other.clone(), false)] {
        let variables = [("WATCH_NAMESPACES", list.as_str()), ("LEADER_ELECT", "false")];
        let said = check(&kubeconfig, &variables).await;
        let line = said
            .lines()
            .find(|line| line.contains(&lacks))
            .unwrap_or_else(|| panic!("{said}"));
        let expected = if is_warned { "warning: " } else { "problem: " };
        assert!(line.starts_with(expected), "{said}");
        assert_eq!(
            line.contains("other namespaces are served without it"),
            is_warned,
            "{said}"
        );
        assert_eq!(said.contains("problem: this account"), !is_warned, "{said}");
    }
}
