//! What the shell asks the core beside the decision.

use serde_json::json;

use super::bench::{Bench, REGION, TASK, found, start, uid};
use crate::api::StartRecord;
use crate::core::answer::{Operation, StartAnswer, TaskState};
use crate::core::task::decide::is_done;
use crate::core::task::step::{Step, TaskAddress};
use crate::core::task::tracker::{is_mark, is_marking_label};

#[test]
fn what_each_step_is() {
    let record = StartRecord {
        task_id: TASK.to_owned(),
        token: uid().to_owned(),
        request_hash: "hash".to_owned(),
        region: REGION.to_owned(),
        uid: uid().to_owned(),
        time: start().wall,
    };
    let task = TaskAddress::from(&record);
    let write = Step::WriteRecord {
        record: record.clone(),
        with_finalizer: true,
    };
    // The step, its operation, whether it begins a call, whether a refused write before it leaves it be.
    for (step, operation, begins_call, survives) in [
        (Step::Read, None, false, false),
        (Step::WriteStatus(Box::default()), None, false, false),
        (write, None, true, false),
        (Step::AddFinalizer, None, false, false),
        (Step::RemoveFinalizer { abandons_task: true }, None, false, false),
        (Step::Start(record), Some(Operation::Start), true, false),
        (Step::Describe(task.clone()), Some(Operation::Describe), true, true),
        (Step::Cancel(task.clone()), Some(Operation::Cancel), true, true),
        (Step::ListFailedActions(task), None, true, true),
        (Step::Delete, None, false, false),
        (Step::Wait(None), None, false, false),
    ] {
        assert_eq!(
            (step.operation(), step.begins_call(), step.survives_a_refused_write()),
            (operation, begins_call, survives),
            "{step:?}"
        );
    }
}

#[test]
fn done_is_what_has_ended_with_a_task_and_nothing_else() {
    let is_done_now = |bench: &Bench| is_done(&bench.observed(), &bench.settings, bench.now);
    let mut bench = Bench::running(&json!({}));
    assert!(!is_done_now(&bench), "it runs");
    bench.sleep();
    bench.call_describe();
    bench.answer_describe(found(TaskState::Completed));
    bench.rest();
    assert!(is_done_now(&bench));
    bench.edit(&json!({ "ttlSecondsAfterFinished": 60 }));
    assert!(!is_done_now(&bench), "a time to live");

    let mut bench = Bench::new(&json!({ "cancel": true }));
    bench.rest();
    assert!(!is_done_now(&bench), "it names no task");
}

#[test]
fn the_task_that_is_named_is_that_of_the_status_else_of_the_record() {
    let mut bench = Bench::new(&json!({}));
    assert_eq!(bench.observed().named_task(), None);
    bench.call_start();
    assert_eq!(bench.observed().named_task(), Some((REGION, TASK)));
    bench.answer_start(StartAnswer::Success {
        task_id: "returned".to_owned(),
    });
    bench.rest();
    assert_eq!(bench.observed().named_task(), Some((REGION, "returned")));
}

#[test]
fn the_marks_of_trackers_are_kept_and_no_others() {
    for (annotation, is_kept) in [
        ("argocd.argoproj.io/tracking-id", true),
        ("argocd.argoproj.io/hook", true),
        ("helm.sh/hook", true),
        ("somebody.example/else", false),
    ] {
        assert_eq!(is_mark(annotation), is_kept, "{annotation}");
    }
    for (label, is_kept) in [
        ("kustomize.toolkit.fluxcd.io/name", true),
        ("helm.toolkit.fluxcd.io/name", true),
        ("app.kubernetes.io/instance", false),
    ] {
        assert_eq!(is_marking_label(label), is_kept, "{label}");
    }
}
