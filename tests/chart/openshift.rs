//! What the admission of `OpenShift`, by the constraints `restricted-v2` that hold for everybody, makes of the pods.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::eventually;

use crate::helm::{EACH, objects, path};
use crate::installed::{Installed, LIMIT};
use crate::parent::Parent;
use crate::value_sets;

/// The kinds of volumes that `restricted-v2` allows.
const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// What `restricted-v2` refuses of a pod, in a namespace that has a range of ids to itself.
///
/// Its ids and groups come from the namespace, it drops all capabilities, escalates nothing, runs under the runtime's
/// seccomp profile, shares nothing of the node, and mounts only volumes of some kinds.
fn refused(pod: &Value) -> Vec<String> {
    let mut refused = Vec::new();
    let mut refuse = |what: bool, why: String| {
        if what {
            refused.push(why);
        }
    };
    let of_pod = &pod["securityContext"];
    for (name, context) in contexts(pod) {
        for id in ["runAsUser", "fsGroup"] {
            refuse(!context[id].is_null(), format!("{name} fixes {id}"));
        }
        refuse(
            context["seLinuxOptions"] != Value::Null,
            format!("{name} fixes seLinuxOptions"),
        );
        refuse(context["runAsNonRoot"] == false, format!("{name} may be root"));
        let profile = &context["seccompProfile"]["type"];
        refuse(
            !profile.is_null() && profile != "RuntimeDefault",
            format!("{name} has the profile {profile}"),
        );
    }
    for (name, container) in containers(pod) {
        let context = &container["securityContext"];
        refuse(
            context["allowPrivilegeEscalation"] == true || context["privileged"] == true,
            format!("{name} is privileged"),
        );
        refuse(
            !context["capabilities"]["add"].is_null(),
            format!("{name} adds capabilities"),
        );
        let ports = container["ports"].as_array().into_iter().flatten();
        let of_host = |port: &Value| !port["hostPort"].is_null();
        refuse(ports.into_iter().any(of_host), format!("{name} has a port of the host"));
    }
    for shared in ["hostNetwork", "hostPID", "hostIPC"] {
        refuse(pod[shared] == true, format!("the pod has {shared}"));
    }
    refuse(!of_pod["sysctls"].is_null(), "the pod sets sysctls".to_owned());
    for volume in pod["volumes"].as_array().into_iter().flatten() {
        let allowed = VOLUMES.iter().any(|kind| !volume[kind].is_null());
        refuse(!allowed, format!("the volume {volume} is of another kind"));
    }
    refused
}

/// The security contexts of a pod, each with whose it is.
fn contexts(pod: &Value) -> Vec<(String, &Value)> {
    let of_pod = ("the pod".to_owned(), &pod["securityContext"]);
    let of_containers = containers(pod).map(|(name, container)| (name, &container["securityContext"]));
    std::iter::once(of_pod).chain(of_containers).collect()
}

fn containers(pod: &Value) -> impl Iterator<Item = (String, &Value)> {
    ["initContainers", "containers"]
        .into_iter()
        .flat_map(|list| pod[list].as_array().into_iter().flatten())
        .map(|container| (container["name"].to_string(), container))
}

/// The pods that these objects are, or make: the Deployment's, and that of `helm test`.
fn pods(objects: &[Value]) -> Vec<&Value> {
    let pods: Vec<&Value> = objects
        .iter()
        .filter_map(|object| match object["kind"].as_str()? {
            "Pod" => Some(&object["spec"]),
            "Deployment" => Some(&object["spec"]["template"]["spec"]),
            _ => None,
        })
        .collect();
    assert!(!pods.is_empty());
    pods
}

/// Nothing is refused, and nothing else of what protects the pods is gone.
fn are_taken(objects: &[Value]) {
    for pod in pods(objects) {
        assert_eq!(refused(pod), [""; 0], "{pod}");
        // A group needs no range, but one that is nobody's would not help.
        assert!(!pod.to_string().contains("65532"), "{pod}");
        assert_eq!(
            pod["securityContext"],
            json!({ "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } })
        );
        let context = &pod["containers"][0]["securityContext"];
        assert_eq!(context["runAsNonRoot"], true);
        assert_eq!(context["readOnlyRootFilesystem"], true);
        assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }));
    }
}

/// Without this, the tests below could not fail.
#[test]
fn the_fixed_ids_are_what_it_would_refuse() {
    let objects = EACH[1].objects("fleet", &[]);
    for pod in pods(&objects) {
        assert_eq!(
            refused(pod),
            [
                "the pod fixes runAsUser",
                "the pod fixes fsGroup",
                r#""operator" fixes runAsUser"#
            ]
        );
    }
}

#[test]
fn the_ids_are_left_out_where_the_platform_gives_its_own() {
    let set = value_sets()
        .into_iter()
        .find(|set| set.ends_with("openshift-values.yaml"));
    let set = set.unwrap();
    for helm in EACH {
        for arguments in [
            &["--set", "openshift.adaptSecurityContext=force"][..],
            &["--api-versions", "security.openshift.io/v1"],
            &["--values", path(&set)],
        ] {
            are_taken(&helm.objects("fleet", arguments));
        }
        let disabled = ["--set", "openshift.adaptSecurityContext=disabled"];
        let on_openshift = [&disabled[..], &["--api-versions", "security.openshift.io/v1"]].concat();
        let objects = helm.objects("fleet", &on_openshift);
        assert!(pods(&objects).iter().all(|pod| !refused(pod).is_empty()));
    }
}

/// `auto`, the default, sees what the cluster serves.
#[tokio::test]
async fn the_platform_is_seen_at_an_installation() {
    for helm in EACH {
        let installed = Installed::prepared(helm, &[], "").await;
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": { "name": "securitycontextconstraints.security.openshift.io" },
            "spec": {
                "group": "security.openshift.io",
                "names": { "kind": "SecurityContextConstraints", "plural": "securitycontextconstraints" },
                "scope": "Cluster",
                "versions": [{
                    "name": "v1",
                    "served": true,
                    "storage": true,
                    "schema": { "openAPIV3Schema": { "type": "object" } },
                }],
            },
        });
        installed.cluster.apply(&definition.to_string()).await.unwrap();
        let list = ["get", "securitycontextconstraints"];
        eventually(LIMIT, "the platform's kind is served", async || {
            installed.cluster.kubectl_ok(&list).await
        })
        .await
        .unwrap();
        installed.install_again();
        let get = ["get", "deployments", "--namespace", "system", "--output", "json"];
        let list: Value = serde_json::from_str(&installed.cluster.kubectl_ok(&get).await.unwrap()).unwrap();
        are_taken(list["items"].as_array().unwrap());
    }
}

/// helm 4 drops the nulls of a parent's values.yaml, by which one might take the ids out: so there is a value.
#[test]
fn a_parent_leaves_the_ids_out() {
    for helm in EACH {
        let name = "audit-mitigation-operator";
        let values = json!({ name: { "openshift": { "adaptSecurityContext": "force" } } });
        let parent = Parent::new(helm, &[name], &values);
        are_taken(&parent.objects(helm, &[]));
    }
    // What the page says of nulls.
    let helm_4 = EACH[1];
    let ids = json!({ "runAsUser": null, "runAsGroup": null, "fsGroup": null });
    let values = json!({ "audit-mitigation-operator": { "podSecurityContext": ids, "securityContext": ids } });
    let parent = Parent::new(helm_4, &["audit-mitigation-operator"], &values);
    let objects = parent.objects(helm_4, &[]);
    assert!(pods(&objects).iter().all(|pod| !refused(pod).is_empty()));
}

/// Its DNS has a namespace and a port of its own.
#[test]
fn the_network_policy_lets_the_pods_reach_its_dns() {
    let objects = EACH[0].objects("fleet", &["--set", "networkPolicy.enabled=true"]);
    let policy = crate::helm::the(&objects, "NetworkPolicy");
    let egress = policy["spec"]["egress"].as_array().unwrap();
    let dns = json!({
        "to": [{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "openshift-dns" } } }],
        "ports": [{ "port": 5353, "protocol": "UDP" }, { "port": 5353, "protocol": "TCP" }],
    });
    assert!(egress.contains(&dns), "{policy}");
}

/// The same for people without Helm.
#[test]
fn the_kustomize_component_leaves_the_ids_out() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copied = Command::new("cp")
        .arg("-R")
        .arg(root.join("deploy/kustomize"))
        .arg(folder.path())
        .status();
    assert!(copied.unwrap().success());
    let overlay = folder.path().join("kustomize/overlay");
    std::fs::create_dir(&overlay).unwrap();
    let kustomization = json!({ "resources": ["../base"], "components": ["../openshift"] });
    std::fs::write(overlay.join("kustomization.yaml"), kustomization.to_string()).unwrap();
    let built = Command::new("kubectl").arg("kustomize").arg(&overlay).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    are_taken(&objects(&String::from_utf8(built.stdout).unwrap()));
}
