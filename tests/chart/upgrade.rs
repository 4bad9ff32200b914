//! Upgrade and rollback of a release whose tasks are in flight: each is started once and followed to its end.

use audit_mitigation_operator::api::{AuditMitigationTask, Phase};
use kube::ResourceExt as _;
use serde_json::json;
use simulator::{Fault, FaultKind, Operation, Outcome};
use support::{Process, eventually, ports};

use crate::chart;
use crate::helm::{EACH, path};
use crate::installed::{Installed, LIMIT};

/// The commands of docs/install.md. Not `--reuse-values`: it would keep the old chart's defaults, and so lack the new ones.
const UPGRADE: [&str; 3] = ["upgrade", "amo", "--reset-then-reuse-values"];

#[tokio::test]
async fn tasks_in_flight_outlive_an_upgrade_from_the_previous_version() {
    for helm in EACH {
        let installed = Installed::previous(helm, &["fleet"]).await;
        let mut previous = installed.start_operator().await;
        let all_states = InFlight::start(&installed, &previous).await;

        let chart = chart();
        // As in a cluster, where each pod has an address of its own.
        let port = format!("metrics.port={}", ports::free().unwrap());
        let further = [path(&chart), "--set", "log.level=debug", "--set", &port];
        installed.helm(&[&UPGRADE[..], &further].concat());
        assert!(installed.arguments().await.contains(&"--log-level=debug".to_owned()));
        // The new pod stands by until the old one ends.
        let mut next = installed.start_operator().await;
        previous.stop(LIMIT).await.unwrap();
        follows(&installed, &next).await;
        all_states.finish(&installed, &next).await;

        // Back again, with another task in flight.
        installed.aws.set_outcome("back", Outcome::held());
        installed.create("fleet", "back", &json!({ "taskId": "back" })).await;
        installed.phase("fleet", "back", Phase::Running, &next).await;
        installed.helm(&["rollback", "amo", "1"]);
        assert!(installed.arguments().await.contains(&"--log-level=info".to_owned()));
        let mut previous = installed.start_operator().await;
        next.stop(LIMIT).await.unwrap();
        follows(&installed, &previous).await;
        installed.aws.finish("back");
        installed.phase("fleet", "back", Phase::Completed, &previous).await;
        assert_eq!(installed.aws.starts("back"), 1);
        previous.stop(LIMIT).await.unwrap();
    }
}

/// A resource in each state that an upgrade can meet.
struct InFlight {
    completed: AuditMitigationTask,
}

impl InFlight {
    async fn start(installed: &Installed, operator: &Process) -> Self {
        installed
            .create("fleet", "completed", &json!({ "taskId": "completed" }))
            .await;
        installed.phase("fleet", "completed", Phase::Completed, operator).await;
        let tasks = installed.tasks("fleet");
        let completed = eventually(LIMIT, "its finalizer is gone", async || {
            let task = tasks.get("completed").await.map_err(|error| error.to_string())?;
            if task.finalizers().is_empty() {
                Ok(task)
            } else {
                Err("not yet".to_owned())
            }
        })
        .await
        .unwrap();

        installed.aws.set_outcome("*", Outcome::held());
        for name in ["running", "canceled"] {
            installed.create("fleet", name, &json!({ "taskId": name })).await;
            installed.phase("fleet", name, Phase::Running, operator).await;
        }
        let suspended = json!({ "taskId": "suspended", "suspend": true });
        installed.create("fleet", "suspended", &suspended).await;
        installed.phase("fleet", "suspended", Phase::Suspended, operator).await;
        // Started, and the answer lost, until the upgrade is over.
        let lost = Fault::new(FaultKind::Cut)
            .on(Operation::START)
            .task("unanswered")
            .after_work();
        installed.aws.inject(lost);
        let unseen = Fault::new(FaultKind::Cut).on(Operation::DESCRIBE).task("unanswered");
        installed.aws.inject(unseen);
        installed
            .create("fleet", "unanswered", &json!({ "taskId": "unanswered" }))
            .await;
        eventually(LIMIT, "the attempt is open", async || {
            let status = tasks.get("unanswered").await.unwrap().status.unwrap_or_default();
            if status.attempt.is_some() {
                Ok(())
            } else {
                Err(json!(status).to_string())
            }
        })
        .await
        .unwrap();
        Self { completed }
    }

    async fn finish(self, installed: &Installed, operator: &Process) {
        let tasks = installed.tasks("fleet");
        installed.aws.clear_faults();
        installed.edit("fleet", "canceled", &json!({ "cancel": true })).await;
        installed.phase("fleet", "canceled", Phase::Canceled, operator).await;
        installed.edit("fleet", "suspended", &json!({ "suspend": false })).await;
        for name in ["unanswered", "suspended"] {
            installed.phase("fleet", name, Phase::Running, operator).await;
        }
        for name in ["running", "unanswered", "suspended"] {
            installed.aws.finish(name);
            installed.phase("fleet", name, Phase::Completed, operator).await;
        }
        installed.aws.clear_outcomes();
        for name in ["completed", "running", "canceled", "unanswered", "suspended"] {
            assert_eq!(installed.aws.starts(name), 1, "{name}");
        }
        assert_eq!(
            tasks.get("completed").await.unwrap(),
            self.completed,
            "nobody touched it"
        );
    }
}

/// A new operator that asks the service about the running task, and starts nothing.
async fn follows(installed: &Installed, operator: &Process) {
    installed.aws.clear_calls();
    eventually(LIMIT, "a task is followed", async || {
        let calls = installed.aws.calls();
        let follows = |call: &simulator::Call| call.operation == Some(Operation::DESCRIBE) && call.status == Some(200);
        if calls.iter().any(follows) {
            Ok(())
        } else {
            Err(format!("{calls:?}\n{}", operator.log()))
        }
    })
    .await
    .unwrap();
}
