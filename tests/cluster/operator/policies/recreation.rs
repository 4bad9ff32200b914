//! What re-creation means: for each thing that is done with the real kubectl, how many tasks one audit has in AWS.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use audit_mitigation_operator::api::Phase;
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::{Audit, Outcome};
use support::eventually;
use support::proxy::{Asked, Fate, Pause, Side};

use super::{EXPIRING, SCHEDULE, policy};
use crate::operator::{LIMIT, World};

/// A policy whose first audit was handled, and the name of its task.
async fn handled(prefix: &str) -> (World, String, String) {
    let mut world = World::with_schedule(prefix, &[]).await;
    world.add_problems(2);
    world.start_operator();
    world.watch("nightly", &mends_nothing()).await;
    let audit = world.mitigated("nightly").await;
    let task = format!("nightly-{audit}");
    (world, audit, task)
}

/// The same while the task runs, of a policy with these fields.
async fn running(prefix: &str, fields: &Value) -> (World, String, String) {
    let mut world = World::with_schedule(prefix, &[]).await;
    world.add_problems(2);
    world.aws.set_outcome("*", Outcome::held());
    world.start_operator();
    world.watch("nightly", fields).await;
    let audit = world.aws.run_schedule(SCHEDULE).unwrap();
    let task = world.noted("nightly", &audit).await.2.unwrap();
    world.phase(&task, Phase::Running).await;
    (world, audit, task)
}

/// So that each audit finds the same again.
fn mends_nothing() -> Value {
    json!({ "auditCheckToActionsMapping": { EXPIRING: ["Quarantine"] } })
}

/// The next audit is mitigated, and this one was once.
async fn once(world: &World, audit: &str) {
    world.aws.set_outcome("*", Outcome::default());
    world.mitigated("nightly").await;
    assert_eq!(world.aws.tasks_of_audit(audit).len(), 1, "{}", world.log());
}

#[tokio::test]
async fn applied_again_or_edited_after_the_audit_was_handled_it_is_once() {
    let (world, audit, task) = handled("policy-again").await;
    world.watch("nightly", &mends_nothing()).await;
    let edit = json!({ "auditCheckToActionsMapping": { EXPIRING: ["Deactivate"] } });
    world.watch("nightly", &edit).await;
    once(&world, &audit).await;
    let spec = world.get(&task).await.spec;
    let mapping = &spec.good().unwrap().audit_check_to_actions_mapping;
    assert_eq!(mapping[EXPIRING], ["Quarantine"], "an edit changes no task that exists");
}

#[tokio::test]
async fn a_task_that_is_deleted_is_not_made_again() {
    let (world, audit, task) = handled("policy-deleted").await;
    world.kubectl(&["delete", "amt", &task]).await;
    once(&world, &audit).await;

    let (world, audit, task) = running("policy-cut", &mends_nothing()).await;
    world.kubectl(&["delete", "amt", &task]).await;
    assert_eq!(world.aws.tasks_of_audit(&audit)[0].status, "CANCELED");
    once(&world, &audit).await;
}

#[tokio::test]
async fn a_policy_that_is_deleted_and_applied_again_or_renamed_or_replaced_does_not_act_on_audits_from_before() {
    let (world, audit, task) = handled("policy-new").await;
    world.kubectl(&["delete", "amp", "nightly"]).await;
    world.until_gone(&task).await;
    world.watch("nightly", &mends_nothing()).await;
    let manifest = policy("nightly", &mends_nothing()).to_string();
    let args = ["--namespace", &world.namespace, "replace", "--force", "-f", "-"];
    let output = world.cluster.kubectl_stdin(&args, &manifest).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    world.watch("nightly", &mends_nothing()).await;
    world.watch("renamed", &mends_nothing()).await;
    world.kubectl(&["delete", "amp", "renamed"]).await;
    once(&world, &audit).await;
}

#[tokio::test]
async fn a_policy_that_is_deleted_while_its_task_runs_cancels_it_unless_it_is_an_orphan() {
    for (deletion_policy, ending) in [("Cancel", "CANCELED"), ("Orphan", "IN_PROGRESS")] {
        let mut fields = mends_nothing();
        fields["deletionPolicy"] = json!(deletion_policy);
        let (world, audit, task) = running("policy-running", &fields).await;
        world.kubectl(&["delete", "amp", "nightly"]).await;
        world.until_gone(&task).await;
        assert_eq!(world.aws.tasks_of_audit(&audit)[0].status, ending);
        world.aws.set_outcome("*", Outcome::default());
        world.watch("nightly", &mends_nothing()).await;
        once(&world, &audit).await;
    }
}

/// A backup has everything: the policy and its task.
async fn backup(world: &World, task: &str) -> Vec<Value> {
    let mut backup = Vec::new();
    for name in ["amp/nightly", &format!("amt/{task}")] {
        let text = world.kubectl(&["get", name, "--output=json"]).await;
        backup.push(serde_json::from_str(&text).unwrap());
    }
    backup
}

/// What is restored has other uids, and perhaps no status.
async fn restore(world: &World, backup: Vec<Value>, with_status: bool) {
    for mut object in backup {
        let status = object["status"].take();
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.retain(|name, _| ["name", "namespace", "labels", "annotations"].contains(&name.as_str()));
        world.apply(&object.to_string()).await;
        if with_status {
            let kind = if object["kind"] == "AuditMitigationPolicy" {
                "amp"
            } else {
                "amt"
            };
            let name = object["metadata"]["name"].as_str().unwrap();
            let patch = json!({ "status": status }).to_string();
            let patch = [
                "patch",
                kind,
                name,
                "--subresource=status",
                "--type=merge",
                "--patch",
                &patch,
            ];
            world.kubectl(&patch).await;
        }
    }
}

#[tokio::test]
async fn a_restored_policy_does_not_act_on_audits_from_before() {
    for with_status in [false, true] {
        let (world, audit, task) = handled("policy-restored").await;
        let backup = backup(&world, &task).await;
        world.kubectl(&["delete", "amp", "nightly"]).await;
        world.until_gone(&task).await;
        restore(&world, backup, with_status).await;
        world.watch("nightly", &mends_nothing()).await;
        once(&world, &audit).await;
    }
}

/// What the backup says of the task is not what has become of it.
#[tokio::test]
async fn a_policy_and_its_task_that_are_restored_follow_what_has_become_of_the_task() {
    for (deletion_policy, with_status) in [("Cancel", false), ("Cancel", true), ("Orphan", false), ("Orphan", true)] {
        let mut fields = mends_nothing();
        fields["deletionPolicy"] = json!(deletion_policy);
        let (world, audit, task) = running("policy-both", &fields).await;
        let id = world.status(&task).await.task_id.unwrap();
        let backup = backup(&world, &task).await;
        world.kubectl(&["delete", "amp", "nightly"]).await;
        world.until_gone(&task).await;
        restore(&world, backup, with_status).await;
        if deletion_policy == "Orphan" {
            world.phase(&task, Phase::Running).await;
            world.aws.finish(&id);
            world.phase(&task, Phase::Completed).await;
        } else {
            world.phase(&task, Phase::Canceled).await;
        }
        world.watch("nightly", &mends_nothing()).await;
        once(&world, &audit).await;
        assert_eq!(world.aws.starts(&id), 1, "{deletion_policy}, {with_status}");
    }
}

/// Killed before or after each effect that an audit has in the cluster, and applied again while nobody is there.
#[tokio::test]
async fn killed_between_any_two_effects_it_is_once() {
    let creates = |asked: &Asked| asked.method == "POST" && asked.path.ends_with("/auditmitigationtasks");
    let notes =
        |asked: &Asked| asked.method == "PATCH" && asked.path.ends_with("/auditmitigationpolicies/nightly/status");
    let effects: [fn(&Asked) -> bool; 2] = [creates, notes];
    for (effect, side) in effects
        .into_iter()
        .flat_map(|effect| [(effect, Side::Before), (effect, Side::After)])
    {
        let mut world = World::with_schedule("policy-killed", &[]).await;
        world.add_problems(2);
        let kubeconfig = world.kubeconfig.clone();
        let (pause, is_armed) = (Arc::new(Pause::default()), Arc::new(AtomicBool::new(false)));
        let (held, armed) = (Arc::clone(&pause), Arc::clone(&is_armed));
        let _proxy = world
            .lay_proxy(move |asked| {
                if armed.load(Ordering::SeqCst) && effect(asked) {
                    Fate::Hold(side, Arc::clone(&held))
                } else {
                    Fate::Pass
                }
            })
            .await;
        world.start_operator();
        world.watch("nightly", &mends_nothing()).await;
        is_armed.store(true, Ordering::SeqCst);
        let audit = world.aws.run_schedule(SCHEDULE).unwrap();
        pause.reached().await;
        world.operator.take().unwrap().kill().unwrap();
        world.apply(&policy("nightly", &mends_nothing()).to_string()).await;
        world.kubeconfig = kubeconfig;
        world.start_operator();
        assert_eq!(world.noted("nightly", &audit).await.0, "TaskCreated");
        world.phase(&format!("nightly-{audit}"), Phase::Completed).await;
        once(&world, &audit).await;
    }
}

/// Another cluster: another namespace of the same name, so of the same ids.
#[tokio::test]
async fn a_second_cluster_follows_the_first_or_is_in_conflict_with_it() {
    for (fields, phase) in [
        (mends_nothing(), Phase::Completed),
        (
            json!({ "auditCheckToActionsMapping": { EXPIRING: ["Quarantine", "Deactivate"] } }),
            Phase::Conflict,
        ),
    ] {
        let (first, _, _) = handled("policy-first").await;
        let other = support::Cluster::start(support::ClusterOptions::default())
            .await
            .unwrap();
        let other: &'static support::Cluster = Box::leak(Box::new(other));
        crate::operator::prepare(other).await;
        let mut second = World::in_cluster(other, "second", &[super::POLL], |_| {}).await;
        other
            .kubectl_ok(&["create", "namespace", &first.namespace])
            .await
            .unwrap();
        second.namespace.clone_from(&first.namespace);
        second.endpoint.clone_from(&first.endpoint);
        second.start_operator();
        second.watch("nightly", &fields).await;
        // Which of them is the first is not for this test to say.
        drop(second.operator.take());
        let audit = first.mitigated("nightly").await;
        second.start_operator();
        let task = second.noted("nightly", &audit).await.2.unwrap();
        let status = second.phase(&task, phase).await;
        assert_eq!(
            status.started_by,
            Some(audit_mitigation_operator::api::StartedBy::Other)
        );
        assert_eq!(first.aws.tasks_of_audit(&audit).len(), 1);
    }
}

#[tokio::test]
async fn an_operator_that_was_away_over_three_audits_acts_on_the_newest() {
    let (mut world, audit, _) = handled("policy-away").await;
    drop(world.operator.take());
    let now = world.aws.now();
    // One after the other, also by a clock of milliseconds.
    let audit_at = |millis: i64| Audit {
        scheduled_audit_name: Some(SCHEDULE.to_owned()),
        start: Some(now + SignedDuration::from_millis(millis)),
        ..Audit::default()
    };
    let missed = [1, 2, 3].map(|millis| world.aws.run_audit(audit_at(millis)).unwrap());
    world.start_operator();
    assert_eq!(world.noted("nightly", &missed[2]).await.0, "TaskCreated");
    for audit in &missed[..2] {
        let (outcome, reason, _) = world.noted("nightly", audit).await;
        assert_eq!((&*outcome, &*reason), ("Skipped", "Superseded"));
        assert!(world.aws.tasks_of_audit(audit).is_empty());
    }
    world.phase(&format!("nightly-{}", missed[2]), Phase::Completed).await;
    once(&world, &audit).await;
    once(&world, &missed[2]).await;
}

#[tokio::test]
async fn suspended_over_three_audits_and_resumed_it_acts_on_the_next() {
    let (world, _, _) = handled("policy-pause").await;
    let mut suspended = mends_nothing();
    suspended["suspend"] = json!(true);
    world.watch("nightly", &suspended).await;
    let mut skipped = Vec::new();
    for _ in 0..3 {
        let audit = world.aws.run_schedule(SCHEDULE).unwrap();
        world.noted("nightly", &audit).await;
        skipped.push(audit);
    }
    world.watch("nightly", &mends_nothing()).await;
    world.mitigated("nightly").await;
    for audit in &skipped {
        assert!(world.aws.tasks_of_audit(audit).is_empty());
    }
}

#[tokio::test]
async fn two_policies_of_different_names_are_both_meant() {
    let (world, _, _) = handled("policy-two").await;
    world.watch("weekly", &mends_nothing()).await;
    let audit = world.mitigated("nightly").await;
    let other = world.noted("weekly", &audit).await.2.unwrap();
    world.phase(&other, Phase::Completed).await;
    eventually(LIMIT, "both have run", async || {
        match world.aws.tasks_of_audit(&audit).len() {
            2 => Ok(()),
            number => Err(number.to_string()),
        }
    })
    .await
    .unwrap();
}
