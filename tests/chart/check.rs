//! `helm test`: the command of its pod, with the pod's variables and account, on a real API server and a simulated AWS.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use audit_mitigation_operator::check::rights::{LEASE, LEASES, Rights, WATCHED};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Operation};
use support::eventually;

use crate::helm::{EACH, Helm, path};
use crate::installed::{Installed, LIMIT, NAME};

/// Runs `helm test` as a cluster with nodes would: starts the pod's command, and reports its end as the pod's.
async fn helm_test(helm: Helm, installed: &Installed) -> (Output, String) {
    let kubeconfig = path(installed.cluster.kubeconfig()).to_owned();
    let testing = tokio::task::spawn_blocking(move || {
        let test = ["test", "amo", "--namespace", "system", "--timeout", "5m"];
        helm.run(&[&test[..], &["--kubeconfig", &kubeconfig]].concat())
    });
    let name = format!("{NAME}-check");
    let pods: Api<Pod> = Api::namespaced(installed.client.clone(), "system");
    let pod = eventually(LIMIT, "helm makes the pod", async || match pods.get(&name).await {
        // One of an earlier test is deleted first.
        Ok(pod) if pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Pending") => Ok(pod),
        other => Err(format!("{other:?}")),
    });
    let spec = pod.await.unwrap().spec.unwrap();
    let account = spec.service_account_name.unwrap();
    let account = installed
        .cluster
        .kubeconfig_for_service_account("system", &account)
        .await
        .unwrap();
    let container = spec.containers.into_iter().next().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_audit-mitigation-operator"));
    command
        .env_clear()
        .args(container.args.unwrap())
        .env("KUBECONFIG", account);
    for variable in container.env.unwrap() {
        command.env(variable.name, variable.value.unwrap());
    }
    let said = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let phase = if said.status.success() { "Succeeded" } else { "Failed" };
    let ended = Patch::Merge(json!({ "status": { "phase": phase } }));
    pods.patch_status(&name, &PatchParams::default(), &ended).await.unwrap();
    (testing.await.unwrap(), String::from_utf8(said.stdout).unwrap())
}

#[tokio::test]
async fn helm_test_says_that_a_good_release_can_work() {
    for helm in EACH {
        for watched in ["", "watchNamespaces={one,two}"] {
            let installed = Installed::new(helm, &["one", "two"], watched).await;
            let (tested, said) = helm_test(helm, &installed).await;
            assert_eq!(
                said.lines().collect::<Vec<_>>(),
                [
                    "ok: the flags",
                    "ok: the API server serves auditmitigationtasks.devicedefender.dev",
                    "ok: the rights in the cluster",
                    "ok: AWS IoT in eu-central-1 answers DescribeAuditMitigationActionsTask",
                    "ok: AWS IoT in eu-central-1 answers ListAuditMitigationActionsExecutions",
                    "ok: AWS IoT in eu-central-1 answers ListAuditFindings",
                    "ok: AWS IoT in eu-central-1 answers DescribeAuditTask",
                    "ok: AWS IoT in eu-central-1 answers DescribeAuditFinding",
                    "ok: AWS IoT in eu-central-1 answers DescribeMitigationAction",
                    "ok: AWS IoT in eu-central-1 answers ListAuditTasks",
                    "ok: AWS IoT in eu-central-1 answers DescribeScheduledAudit",
                    "skipped: StartAuditMitigationActionsTask and CancelAuditMitigationActionsTask, which can't be tried \
                     without an effect: see that the operator's role is allowed them",
                ]
            );
            assert!(tested.status.success(), "{tested:?}");
            let calls = installed.aws.calls();
            let reads = [
                Operation::DESCRIBE,
                Operation::EXECUTIONS,
                Operation::ListAuditFindings,
                Operation::DescribeAuditTask,
                Operation::DescribeAuditFinding,
                Operation::DescribeMitigationAction,
                Operation::ListAuditTasks,
                Operation::DescribeScheduledAudit,
            ];
            let made: Vec<_> = calls.iter().filter_map(|call| call.operation).collect();
            assert_eq!(made, reads, "what reads is tried once, and nothing that has an effect");
        }
    }
}

#[tokio::test]
async fn helm_test_names_everything_that_is_wrong() {
    for helm in EACH {
        let installed = Installed::new(helm, &[], "").await;
        installed.aws.inject(Fault::new(FaultKind::AccessDenied));
        let definition = ["delete", "crd", "auditmitigationtasks.devicedefender.dev"];
        installed.cluster.kubectl_ok(&definition).await.unwrap();
        let role = format!("rolebinding/{NAME}-lease");
        installed
            .cluster
            .kubectl_ok(&["delete", "--namespace", "system", &role])
            .await
            .unwrap();
        let (tested, said) = helm_test(helm, &installed).await;
        assert!(!tested.status.success(), "{tested:?}");
        for line in [
            "problem: the API server serves no auditmitigationtasks.devicedefender.dev: install it with the chart",
            "problem: this account may not create leases in the namespace system",
            &format!("problem: this account may not get, update leases {NAME} in the namespace system"),
            "problem: AWS IoT in eu-central-1: ",
            "iot:DescribeAuditMitigationActionsTask",
            "iot:ListAuditMitigationActionsExecutions",
            "iot:ListAuditFindings",
        ] {
            assert!(said.contains(line), "{line}: {said}");
        }
        assert!(!said.contains("may not get, list"), "{said}");
    }
}

/// A role with the five actions of before: plans and policies are for whoever wants them.
#[tokio::test]
async fn helm_test_warns_of_what_only_plans_and_policies_need() {
    let installed = Installed::new(EACH[0], &[], "").await;
    let purposes = [
        (Operation::DescribeAuditTask, "approval of plans and for policies"),
        (Operation::DescribeAuditFinding, "approval of plans"),
        (Operation::DescribeMitigationAction, "approval of plans"),
        (Operation::ListAuditTasks, "policies"),
        (Operation::DescribeScheduledAudit, "policies"),
    ];
    for (operation, _) in purposes {
        installed.aws.inject(Fault::new(FaultKind::AccessDenied).on(operation));
    }
    let (tested, said) = helm_test(EACH[0], &installed).await;
    assert!(tested.status.success(), "{tested:?}");
    for (operation, purpose) in purposes {
        let line = said.lines().find(|line| line.contains(&format!("iot:{operation}")));
        let line = line.unwrap_or_else(|| panic!("{operation}: {said}"));
        assert!(
            line.starts_with("warning: AWS IoT in eu-central-1: ")
                && line.ends_with(&format!("(only needed for {purpose})")),
            "{line}"
        );
    }
    assert!(!said.contains("problem"), "{said}");
}

#[test]
fn the_chart_grants_the_rights_that_are_checked_and_no_others() {
    for set in ["replicaCount=2", "watchNamespaces={a,b}"] {
        let objects = EACH[0].objects("fleet", &["--set", set]);
        let granted = |suffix: &str| -> BTreeSet<String> {
            let role = objects.iter().find(|object| {
                let name = object["metadata"]["name"].as_str().unwrap();
                object["kind"].as_str().unwrap().ends_with("Role") && name.ends_with(suffix)
            });
            role.unwrap()["rules"]
                .as_array()
                .unwrap()
                .iter()
                .map(Value::to_string)
                .collect()
        };
        let rule = |rights: Rights, names: Option<&str>| {
            let mut rule = json!({
                "apiGroups": [rights.group], "resources": [rights.resource], "verbs": rights.verbs,
            });
            if let Some(name) = names {
                rule["resourceNames"] = json!([name]);
            }
            rule.to_string()
        };
        assert_eq!(granted(NAME), WATCHED.map(|rights| rule(rights, None)).into());
        assert_eq!(granted("-lease"), [rule(LEASES, None), rule(LEASE, Some(NAME))].into());
    }
}
