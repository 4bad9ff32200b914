//! The recipe that creates a task for each audit with findings: its own script and manifests, run with the AWS CLI
//! under the rights of its own service account.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use audit_mitigation_operator::api::Phase;
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{ConfigMap, Container, Pod, PodSpec};
use kube::api::{Api, ObjectMeta, PostParams};
use kube::config::Kubeconfig;
use serde_json::{Value, json};
use simulator::{AUDIT_OF_DEVICES, AUDIT_OF_EVERYTHING, Audit, Fault, FaultKind, Operation, Server};
use support::tools;
use tokio::process::Command;

use super::World;

const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/tasks-from-audits");
const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/awscli/requirements.txt");

/// The recipe as it was applied: what its pod would run, in a folder instead of an image.
struct Recipe {
    world: World,
    folder: tempfile::TempDir,
    container: Container,
}

impl Recipe {
    /// Applies the recipe, and lays out what the kubelet would mount.
    async fn applied(world: World) -> Self {
        world.kubectl(&["apply", "-k", RECIPE]).await;
        let folder = tempfile::tempdir().unwrap();
        let spec = pod_of(&world).await;
        let maps: Api<ConfigMap> = Api::namespaced(world.client.clone(), &world.namespace);
        let container = spec.containers[0].clone();
        for mount in container.volume_mounts.iter().flatten() {
            let volume = spec.volumes.iter().flatten().find(|volume| volume.name == mount.name);
            let Some(map) = volume.unwrap().config_map.as_ref() else {
                continue;
            };
            let data = maps.get(&map.name).await.unwrap().data.unwrap();
            let target = folder.path().join(mount.mount_path.trim_start_matches('/'));
            std::fs::create_dir_all(&target).unwrap();
            for (name, text) in data {
                std::fs::write(target.join(name), text).unwrap();
            }
        }
        service_account(
            &world,
            spec.service_account_name.as_deref().unwrap(),
            &folder.path().join("token"),
        )
        .await;
        Self {
            world,
            folder,
            container,
        }
    }

    /// Runs the container's command, with these variables in place of its own.
    async fn run(&self, changes: &[(&str, &str)]) -> Output {
        let python = tools::python::environment(Path::new(REQUIREMENTS)).unwrap();
        let path = format!(
            "{}:{}",
            python.parent().unwrap().display(),
            std::env::var("PATH").unwrap()
        );
        let command = self.container.command.as_deref().unwrap();
        let (host, port) = self
            .world
            .cluster
            .url()
            .trim_start_matches("https://")
            .split_once(':')
            .unwrap();
        let own = self.container.env.iter().flatten();
        Command::new(&command[0])
            .args(
                command[1..]
                    .iter()
                    .map(|path| self.folder.path().join(path.trim_start_matches('/'))),
            )
            .env_clear()
            .envs(own.map(|variable| (&variable.name, variable.value.as_deref().unwrap())))
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("KUBERNETES_SERVICE_HOST", host)
            .env("KUBERNETES_SERVICE_PORT", port)
            .env("TOKEN_DIR", self.folder.path().join("token"))
            .env("AWS_ENDPOINT_URL_IOT", &self.world.endpoint)
            .env("AWS_ACCESS_KEY_ID", "AKIATEST")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .envs(changes.iter().copied())
            .current_dir(self.folder.path())
            .output()
            .await
            .unwrap()
    }

    async fn succeeds(&self, changes: &[(&str, &str)]) -> String {
        let output = self.run(changes).await;
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What stands against a run that failed.
    async fn fails(&self, changes: &[(&str, &str)]) -> String {
        let output = self.run(changes).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// The mapping of each task there is.
    async fn mappings(&self) -> BTreeMap<String, Value> {
        let list: Value = serde_json::from_str(&self.world.kubectl(&["get", "amt", "-o", "json"]).await).unwrap();
        let items = list["items"].as_array().unwrap();
        items
            .iter()
            .map(|task| {
                let name = task["metadata"]["name"].as_str().unwrap().to_owned();
                (name, task["spec"]["auditCheckToActionsMapping"].clone())
            })
            .collect()
    }
}

/// The spec of the pods, which the API server takes in a namespace for restricted pods only.
async fn pod_of(world: &World) -> PodSpec {
    let label = "pod-security.kubernetes.io/enforce=restricted";
    world.kubectl(&["label", "namespace", &world.namespace, label]).await;
    let jobs: Api<CronJob> = Api::namespaced(world.client.clone(), &world.namespace);
    let job = jobs.get("create-audit-tasks").await.unwrap().spec.unwrap().job_template;
    let spec = job.spec.unwrap().template.spec.unwrap();
    let pod = Pod {
        metadata: ObjectMeta {
            name: Some("once".to_owned()),
            ..ObjectMeta::default()
        },
        spec: Some(spec),
        status: None,
    };
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let pods: Api<Pod> = Api::namespaced(world.client.clone(), &world.namespace);
    pods.create(&dry_run, &pod).await.unwrap().spec.unwrap()
}

/// The token, the CA and the namespace, as they are in each pod.
async fn service_account(world: &World, name: &str, folder: &Path) {
    let file: PathBuf = world
        .cluster
        .kubeconfig_for_service_account(&world.namespace, name)
        .await
        .unwrap();
    std::fs::create_dir_all(folder).unwrap();
    let kubeconfig = serde_json::to_value(Kubeconfig::read_from(&file).unwrap()).unwrap();
    let cluster = &kubeconfig["clusters"][0]["cluster"];
    let ca = match cluster["certificate-authority-data"].as_str() {
        Some(data) => data_encoding::BASE64.decode(data.as_bytes()).unwrap(),
        None => std::fs::read(cluster["certificate-authority"].as_str().unwrap()).unwrap(),
    };
    std::fs::write(folder.join("ca.crt"), ca).unwrap();
    std::fs::write(folder.join("namespace"), &world.namespace).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let raw: Value = serde_saphyr::from_str(&text).unwrap();
    std::fs::write(folder.join("token"), raw["users"][0]["user"]["token"].as_str().unwrap()).unwrap();
}

fn add_audit(aws: &Server, id: &str, status: &str, days_ago: u64) {
    let start = aws.now() - Duration::from_hours(24 * days_ago);
    let audit = Audit {
        task_id: id.to_owned(),
        task_status: status.to_owned(),
        task_type: "ON_DEMAND_AUDIT_TASK".to_owned(),
        start: Some(start),
        scheduled_audit_name: None,
        checks: vec!["LOGGING_DISABLED_CHECK".to_owned()],
        ..Audit::default()
    };
    aws.add_audit(audit).unwrap();
}

fn add_finding(aws: &Server, id: &str, audit: &str, suppressed: bool) {
    let finding = json!({
        "findingId": id, "taskId": audit, "checkName": "LOGGING_DISABLED_CHECK",
        "findingTime": aws.now().as_second(), "isSuppressed": suppressed,
    });
    aws.add_finding(serde_json::from_value(finding).unwrap()).unwrap();
}

#[tokio::test]
async fn each_audit_with_findings_gets_one_task_once() {
    let recipe = Recipe::applied(World::new("audits").await).await;
    let aws = &recipe.world.aws;
    for (id, status, days_ago) in [
        ("without-findings", "COMPLETED", 1),
        ("only-suppressed", "COMPLETED", 1),
        ("in-progress", "IN_PROGRESS", 0),
        ("canceled", "CANCELED", 1),
        ("long-ago", "COMPLETED", 8),
    ] {
        add_audit(aws, id, status, days_ago);
        if id != "without-findings" {
            add_finding(aws, &format!("f-{id}"), id, id == "only-suppressed");
        }
    }
    // More than a page of audits, with findings in the last.
    for number in 0..25 {
        add_audit(aws, &format!("page-{number}"), "COMPLETED", 5);
    }
    add_finding(aws, "f-page", "page-9", false);

    let said = recipe.succeeds(&[("WINDOW_DAYS", "7")]).await;
    let quarantine = json!(["QuarantineThings", "DeactivateCertificate"]);
    let expected = BTreeMap::from([
        (
            format!("audit-{AUDIT_OF_EVERYTHING}"),
            json!({ "DEVICE_CERTIFICATE_EXPIRING_CHECK": quarantine, "LOGGING_DISABLED_CHECK": ["EnableLogging"] }),
        ),
        (
            format!("audit-{AUDIT_OF_DEVICES}"),
            json!({ "DEVICE_CERTIFICATE_EXPIRING_CHECK": quarantine }),
        ),
        (
            "audit-page-9".to_owned(),
            json!({ "LOGGING_DISABLED_CHECK": ["EnableLogging"] }),
        ),
    ]);
    assert_eq!(recipe.mappings().await, expected, "{said}");
    assert!(
        said.contains("audit only-suppressed: no findings to mitigate"),
        "{said}"
    );

    // Run again, over fewer days: nothing new, and nothing touched.
    let versions = ["get", "amt", "-o", "jsonpath={.items[*].metadata.uid}"];
    let before = recipe.world.kubectl(&versions).await;
    let said = recipe.succeeds(&[("WINDOW_DAYS", "3")]).await;
    assert_eq!(said.matches("exists").count(), 2, "{said}");
    assert_eq!(recipe.world.kubectl(&versions).await, before);

    // They wait for a person, and do what they say then.
    let name = format!("audit-{AUDIT_OF_DEVICES}");
    recipe.world.phase(&name, Phase::Suspended).await;
    assert!(recipe.world.calls(Operation::START).is_empty());
    recipe.world.edit(&name, &json!({ "spec": { "suspend": false } })).await;
    let status = recipe.world.phase(&name, Phase::Completed).await;
    assert_eq!(status.task_id, Some(name));
    assert_eq!(status.region.as_deref(), Some("eu-central-1"));
}

#[tokio::test]
async fn the_service_account_can_do_nothing_else() {
    let recipe = Recipe::applied(World::without_operator("audits-rbac", &[], |_| {}).await).await;
    let user = format!(
        "--as=system:serviceaccount:{}:create-audit-tasks",
        recipe.world.namespace
    );
    let rights = recipe.world.kubectl(&["auth", "can-i", "--list", &user]).await;
    let own: Vec<_> = rights
        .lines()
        // What every service account may: ask about itself, and read what the API offers.
        .filter(|line| !line.contains("self") && !line.contains("[/") && !line.starts_with("Resources"))
        .collect();
    assert_eq!(own.len(), 1, "{rights}");
    assert!(
        own[0].starts_with("auditmitigationtasks.devicedefender.dev") && own[0].ends_with("[create]"),
        "{rights}"
    );

    // Without the right the run fails, and says which one is missing.
    recipe
        .world
        .kubectl(&["delete", "rolebinding", "create-audit-tasks"])
        .await;
    let said = recipe.fails(&[]).await;
    assert!(
        said.contains("cannot create resource \\\"auditmitigationtasks\\\""),
        "{said}"
    );
}

/// Ids, names of actions and settings never reach a shell, an address or a manifest as they are.
#[tokio::test]
async fn hostile_names_are_refused() {
    let recipe = Recipe::applied(World::without_operator("audits-hostile", &[], |_| {}).await).await;
    let hostile = ["$(touch${IFS}pwned)", "x\",\"y", "../../pods", "UPPER", "-a"];
    let tasks: Vec<_> = hostile
        .iter()
        .map(|id| json!({ "taskId": id, "taskStatus": "COMPLETED" }))
        .collect();
    let raw = FaultKind::Raw {
        status: 200,
        content_type: "application/json".to_owned(),
        body: json!({ "tasks": tasks }).to_string(),
    };
    let fault = recipe.world.aws.inject(Fault::new(raw).on(Operation::ListAuditTasks));
    let said = recipe.fails(&[]).await;
    assert!(said.contains("5 audits failed"), "{said}");
    recipe.world.aws.remove_fault(fault);
    for (changes, expected) in [
        (("AWS_REGION", "eu\"}"), "AWS_REGION"),
        (("WINDOW_DAYS", "81"), "WINDOW_DAYS"),
        (("WINDOW_DAYS", "a[$(touch pwned)]"), "WINDOW_DAYS"),
        (("SUSPEND", "yes"), "SUSPEND"),
    ] {
        let said = recipe.fails(&[changes]).await;
        assert!(said.contains(expected), "{said}");
    }
    let actions = recipe.folder.path().join("actions/LOGGING_DISABLED_CHECK");
    std::fs::write(actions, "Enable;Logging").unwrap();
    let said = recipe.fails(&[]).await;
    assert!(
        said.contains("Enable;Logging can't be the name of a mitigation action"),
        "{said}"
    );
    assert!(
        recipe
            .mappings()
            .await
            .keys()
            .all(|name| name.ends_with(AUDIT_OF_DEVICES))
    );
    assert!(!recipe.folder.path().join("pwned").exists());
}

/// A service that doesn't answer leaves the other audits alone, and fails the run.
#[tokio::test]
async fn a_failing_call_fails_the_run_and_no_other_audit() {
    let recipe = Recipe::applied(World::without_operator("audits-failing", &[], |_| {}).await).await;
    let denied = Fault::new(FaultKind::AccessDenied)
        .on(Operation::ListAuditFindings)
        .times(1);
    recipe.world.aws.inject(denied);
    let said = recipe.fails(&[]).await;
    assert!(
        said.contains("AccessDenied") && said.contains("1 audits failed"),
        "{said}"
    );
    assert_eq!(recipe.mappings().await.len(), 1);
    recipe.succeeds(&[]).await;
    assert_eq!(recipe.mappings().await.len(), 2);
    recipe
        .world
        .aws
        .inject(Fault::new(FaultKind::AccessDenied).on(Operation::ListAuditTasks));
    let said = recipe.fails(&[]).await;
    assert!(
        said.contains("AccessDenied") && said.contains("the audits can't be listed"),
        "{said}"
    );
}

/// The IAM policy allows exactly the calls that the script makes.
#[tokio::test]
async fn the_policy_names_the_calls_that_are_made() {
    let recipe = Recipe::applied(World::without_operator("audits-policy", &[], |_| {}).await).await;
    recipe.succeeds(&[]).await;
    let mut called: Vec<_> = recipe
        .world
        .aws
        .calls()
        .into_iter()
        .map(|call| format!("iot:{}", call.operation.unwrap()))
        .collect();
    called.sort();
    called.dedup();
    let policy: Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{RECIPE}/iam-policy.json")).unwrap()).unwrap();
    let mut allowed: Vec<_> = policy["Statement"][0]["Action"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action.as_str().unwrap().to_owned())
        .collect();
    allowed.sort();
    assert_eq!(called, allowed);
}

/// Runs don't overlap, and the script is the one that was tried.
#[tokio::test]
async fn the_cron_job_runs_the_script_alone() {
    let world = World::without_operator("audits-cron", &[], |_| {}).await;
    world.kubectl(&["apply", "-k", RECIPE]).await;
    let jobs: Api<CronJob> = Api::namespaced(world.client.clone(), &world.namespace);
    let spec = jobs.get("create-audit-tasks").await.unwrap().spec.unwrap();
    assert_eq!(spec.concurrency_policy.as_deref(), Some("Forbid"));
    let python = tools::python::environment(Path::new(REQUIREMENTS)).unwrap();
    for script in ["tasks-from-audits/create-tasks.sh", "old-manifests/old-manifests.sh"] {
        let output = Command::new(python.with_file_name("shellcheck"))
            .arg(Path::new(RECIPE).with_file_name(script))
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}
