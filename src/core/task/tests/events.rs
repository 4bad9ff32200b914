//! Events: one for each transition and each refusal, none for a poll or a retry.

use serde_json::{Value, json};

use super::bench::{Bench, failure, found, found_another, lost, refused, success};
use crate::api::Reason;
use crate::core::answer::{CancelAnswer, DescribeAnswer, Effect, ErrorClass, StartAnswer, TaskState};
use crate::core::task::events::farewell;
use crate::core::task::step::Step;

/// The reasons told, with `!` before a warning's.
fn told(bench: &Bench) -> Vec<String> {
    bench
        .told
        .iter()
        .map(|event| format!("{}{}", if event.is_warning { "!" } else { "" }, event.reason))
        .collect()
}

#[test]
fn a_straight_life_has_two() {
    let mut bench = Bench::running(&json!({}));
    for _ in 0..5 {
        bench.sleep();
        bench.call_describe();
        bench.answer_describe(found(TaskState::InProgress));
    }
    bench.sleep();
    bench.call_describe();
    bench.answer_describe(found(TaskState::Completed));
    bench.rest();
    assert_eq!(told(&bench), ["Started", "Completed"]);
    assert!(bench.told.iter().all(|event| !event.note.is_empty()));
}

#[test]
fn retries_of_one_trouble_are_one_event() {
    let mut bench = Bench::new(&json!({}));
    for _ in 0..5 {
        bench.call_start();
        bench.answer_start(refused(ErrorClass::AccessDenied));
        bench.rest();
    }
    assert_eq!(told(&bench), ["!AccessDenied"]);
}

#[test]
fn each_ending_and_refusal() {
    let after_start = |answer: StartAnswer| {
        let mut bench = Bench::new(&json!({}));
        bench.call_start();
        bench.answer_start(answer);
        bench.next();
        bench
    };
    let after_describe = |answer: StartAnswer, found: DescribeAnswer| {
        let mut bench = after_start(answer);
        bench.next_call();
        bench.answer_describe(found);
        bench.rest();
        bench
    };
    let running = || found(TaskState::InProgress);
    let invalid = || StartAnswer::InvalidRequest("no".to_owned());
    let rows: [(&str, Bench, &[&str]); 8] = [
        ("rejected", after_start(invalid()), &["!InvalidRequest"]),
        ("unanswered", after_start(lost()), &["!AttemptUnanswered"]),
        (
            "exists",
            after_describe(StartAnswer::AlreadyExists, running()),
            &["AlreadyExists"],
        ),
        (
            "conflict",
            after_describe(StartAnswer::AlreadyExists, found_another(TaskState::Failed)),
            &["AlreadyExists", "!TaskDiffers"],
        ),
        (
            "failed",
            after_describe(success(), found(TaskState::Failed)),
            &["Started", "!ActionsFailed"],
        ),
        (
            "cancelled by others",
            after_describe(success(), found(TaskState::Canceled)),
            &["Started", "!CanceledElsewhere"],
        ),
        (
            "unknown state",
            after_describe(success(), found(TaskState::Other("X".to_owned()))),
            &["Started", "!UnknownState"],
        ),
        (
            "refused poll",
            after_describe(
                success(),
                DescribeAnswer::Failed(failure(ErrorClass::AccessDenied, Effect::None)),
            ),
            &["Started", "!AccessDenied"],
        ),
    ];
    for (row, bench, expected) in rows {
        assert_eq!(told(&bench), expected, "{row}");
    }
}

#[test]
fn a_second_refusal_of_another_spec_is_told_again() {
    let mut bench = Bench::new(&json!({}));
    for audit in ["a1", "a2"] {
        bench.edit(&json!({ "target": { "auditTaskId": audit } }));
        bench.call_start();
        bench.answer_start(StartAnswer::InvalidRequest("no".to_owned()));
        bench.rest();
    }
    assert_eq!(told(&bench), ["!InvalidRequest", "Starting", "!InvalidRequest"]);
}

#[test]
fn cancel_of_somebody_elses_task_is_one_warning() {
    let mut bench = Bench::new(&json!({ "cancel": false }));
    bench.call_start();
    bench.answer_start(StartAnswer::AlreadyExists);
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.rest();
    bench.edit(&json!({ "cancel": true }));
    for _ in 0..3 {
        bench.sleep();
        bench.call_describe();
        bench.answer_describe(found(TaskState::InProgress));
    }
    assert_eq!(told(&bench), ["AlreadyExists", "!CancelIgnored"]);
}

#[test]
fn a_misspelled_check_is_told_once_for_each_generation_with_the_right_name() {
    let mut bench = Bench::new(&json!({
        "target": { "auditCheckToReasonCodeFilter": { "REVOKED_DEVICE_CERT_CHECK": ["X"] } },
        "auditCheckToActionsMapping": { "REVOKED_CA_CERT_CHECK": ["A"], "REVOKED_DEVICE_CERT_CHECK": ["A"], "NEW_CHECK": ["A"] },
        "suspend": true,
    }));
    bench.rest();
    bench.restart();
    bench.rest();
    assert_eq!(
        told(&bench),
        ["!CheckNameMisspelled", "Suspended"],
        "one for all of them"
    );
    for right in [
        "REVOKED_CA_CERTIFICATE_STILL_ACTIVE_CHECK",
        "REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK",
    ] {
        assert!(bench.told[0].note.contains(right), "{}", bench.told[0].note);
    }
    assert!(!bench.told[0].note.contains("NEW_CHECK"), "{}", bench.told[0].note);
    bench.edit(&json!({ "ttlSecondsAfterFinished": 1 }));
    bench.rest();
    assert_eq!(
        bench
            .told
            .iter()
            .filter(|event| event.reason == Reason::CheckNameMisspelled)
            .count(),
        2
    );
}

/// Who tracks the resource, by its metadata, and what the warning names.
fn tracked(metadata: &Value, spec: &Value) -> Bench {
    let mut bench = Bench::new(spec);
    bench.store.force(&json!({ "metadata": metadata }));
    bench.call_start();
    bench.answer_start(success());
    bench.call_describe();
    bench.answer_describe(found(TaskState::Completed));
    bench.rest();
    bench.restart();
    bench.rest();
    bench
}

fn argo_cd(id: &str) -> Value {
    json!({ "annotations": { "argocd.argoproj.io/tracking-id": id } })
}

const ARGO_CD_ID: &str = "fleet-app:devicedefender.dev/AuditMitigationTask:fleet/fix";

#[test]
fn a_ttl_on_a_resource_that_is_made_again_is_told_once() {
    let ttl = json!({ "ttlSecondsAfterFinished": 3600 });
    let rows = [
        ("Argo CD (application fleet-app)", argo_cd(ARGO_CD_ID)),
        (
            "Flux (Kustomization fleet-app)",
            json!({ "labels": { "kustomize.toolkit.fluxcd.io/name": "fleet-app" } }),
        ),
        (
            "Flux (HelmRelease fleet-app)",
            json!({ "labels": { "helm.toolkit.fluxcd.io/name": "fleet-app" } }),
        ),
    ];
    for (tracker, metadata) in rows {
        let mut bench = tracked(&metadata, &ttl);
        assert_eq!(told(&bench), ["!TTLUnderGitOps", "Started", "Completed"], "{tracker}");
        assert!(bench.told[0].note.starts_with(tracker), "{}", bench.told[0].note);
        let writes = bench.writes;
        bench.edit(&json!({ "ttlSecondsAfterFinished": null }));
        bench.rest();
        assert_eq!((told(&bench).len(), bench.writes), (3, writes + 1), "{tracker}");
        bench.edit(&ttl);
        bench.rest();
        assert_eq!(told(&bench)[3..], ["!TTLUnderGitOps"], "set again: {tracker}");
    }
}

#[test]
fn a_ttl_that_bothers_nobody_is_not_told() {
    let ttl = json!({ "ttlSecondsAfterFinished": 3600 });
    let mut hook = argo_cd(ARGO_CD_ID);
    hook["annotations"]["argocd.argoproj.io/hook"] = json!("PostSync");
    let rows = [
        ("nobody tracks it", json!({}), &ttl),
        ("no TTL", argo_cd(ARGO_CD_ID), &json!({})),
        (
            "copied from another resource",
            argo_cd("fleet-app:devicedefender.dev/AuditMitigationTask:fleet/other"),
            &ttl,
        ),
        (
            "many charts set it",
            json!({ "labels": { "app.kubernetes.io/instance": "fleet-app" } }),
            &ttl,
        ),
        ("a hook", hook, &ttl),
    ];
    for (row, metadata, spec) in rows {
        assert_eq!(told(&tracked(&metadata, spec)), ["Started", "Completed"], "{row}");
    }
}

/// A refused Cancel changes neither phase nor reason.
#[test]
fn a_cancel_that_is_refused_is_told_once() {
    let mut bench = Bench::running(&json!({}));
    bench.edit(&json!({ "cancel": true }));
    for _ in 0..3 {
        bench.call_cancel_again();
        bench.answer_cancel(CancelAnswer::Failed(failure(ErrorClass::AccessDenied, Effect::None)));
        bench.next();
    }
    assert_eq!(told(&bench), ["Started", "CanceledBySpec", "!AccessDenied"]);
}

/// A deletion lets a task run on that is not this resource's own, and one that was not found may run.
#[test]
fn a_farewell_is_said_where_a_task_may_run_on() {
    let running = |answer: StartAnswer, patch: &Value| {
        let mut bench = Bench::new(&json!({}));
        bench.call_start();
        bench.answer_start(answer);
        bench.call_describe();
        bench.answer_describe(found(TaskState::InProgress));
        bench.rest();
        bench.edit(patch);
        bench.next();
        bench
    };
    let missing = |days: i64| {
        let mut bench = Bench::running(&json!({}));
        bench.pass(days * 86_400);
        for _ in 0..3 {
            bench.pass(100);
            if matches!(bench.next(), Step::Describe(_)) {
                bench.answer_describe(DescribeAnswer::NotFound);
            }
        }
        bench.rest();
        bench
    };
    let mut completed = Bench::new(&json!({}));
    completed.call_start();
    completed.answer_start(StartAnswer::AlreadyExists);
    completed.call_describe();
    completed.answer_describe(found(TaskState::Completed));
    completed.rest();
    let (nothing, others) = (json!({}), StartAnswer::AlreadyExists);
    for (row, mut bench, said) in [
        (
            "another's",
            running(others.clone(), &nothing),
            Some(Reason::CancelIgnored),
        ),
        ("its own", running(success(), &nothing), None),
        (
            "another's, as told before",
            running(others.clone(), &json!({ "cancel": true })),
            None,
        ),
        (
            "to be left",
            running(others, &json!({ "deletionPolicy": "Orphan" })),
            None,
        ),
        ("not found", missing(0), Some(Reason::TaskNotFound)),
        ("forgotten", missing(95), None),
        ("completed", completed, None),
    ] {
        assert_eq!(farewell(&bench.observed()), None, "{row}: not deleted");
        // Somebody else's finalizer holds it.
        bench
            .store
            .force(&json!({ "metadata": { "finalizers": ["somebody.example/else"] } }));
        bench.delete();
        let told = farewell(&bench.observed()).map(|draft| draft.reason);
        assert_eq!(told, said, "{row}");
    }
}
