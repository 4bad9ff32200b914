//! What the status tells, where no decision depends on it.

use serde_json::json;

use super::bench::{Bench, TASK, failure, found, lost, success, task};
use crate::api::{FindingFailure, FindingStatistics, Phase, Reason};
use crate::core::answer::{
    CancelAnswer, DescribeAnswer, Described, Effect, ErrorClass, FailedActions, Operation, StartAnswer, TaskState,
};

#[test]
fn a_cancellation_says_why() {
    for (reason, why, why_it_was) in [
        (Reason::CanceledBySpec, "spec.cancel is true", "spec.cancel is true"),
        (
            Reason::DeadlineExceeded,
            "it ran longer than spec.activeDeadlineSeconds",
            "it ran longer than spec.activeDeadlineSeconds",
        ),
        (
            Reason::CanceledByDeletion,
            "the resource is being deleted",
            "the resource was deleted",
        ),
    ] {
        let mut bench = Bench::running(&json!({ "activeDeadlineSeconds": 60 }));
        match reason {
            Reason::CanceledBySpec => bench.edit(&json!({ "cancel": true })),
            Reason::CanceledByDeletion => bench.delete(),
            _ => bench.pass(60),
        }
        bench.call_cancel_again();
        bench.assert_says(Phase::Canceling, reason);
        let said = bench.message();
        assert!(said.ends_with(&format!("is being cancelled because {why}")), "{said}");
        // A restore gives back what was being deleted, with this status.
        bench.store.force(&json!({ "metadata": { "deletionTimestamp": null } }));
        bench.answer_cancel(CancelAnswer::Accepted);
        bench.call_describe();
        bench.answer_describe(found(TaskState::Canceled));
        bench.rest();
        bench.assert_says(Phase::Canceled, reason);
        let said = bench.message();
        assert!(said.ends_with(&format!("was cancelled because {why_it_was}")), "{said}");
    }
}

fn counts(total: i64, failed: i64, skipped: i64) -> FindingStatistics {
    FindingStatistics {
        total_findings_count: Some(total),
        failed_findings_count: Some(failed),
        skipped_findings_count: Some(skipped),
        ..FindingStatistics::default()
    }
}

/// What Describe finds after the start was answered like this.
fn described(answer: StartAnswer, state: TaskState, change: impl FnOnce(&mut Described)) -> Bench {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(answer);
    bench.call_describe();
    let mut task = task(state);
    change(&mut task);
    bench.answer_describe(DescribeAnswer::Found(Box::new(task)));
    bench
}

/// How it gets on is the other side's affair.
#[test]
fn a_task_that_does_something_else_shows_no_progress() {
    for (differs, phase, progress) in [(false, Phase::Running, Some("0/3")), (true, Phase::Conflict, None)] {
        let mut bench = described(StartAnswer::AlreadyExists, TaskState::InProgress, |task| {
            task.statistics = [("A".to_owned(), counts(3, 0, 0))].into();
            if differs {
                task.mapping = Some([("LOGGING_DISABLED_CHECK".to_owned(), vec!["Other".to_owned()])].into());
            }
        });
        bench.rest();
        assert_eq!(bench.phase(), Some(phase));
        assert_eq!(bench.status().progress.as_deref(), progress);
    }
}

#[test]
fn what_completed_says_how_much_was_skipped() {
    for (statistics, said) in [
        (vec![], "task fix-task completed"),
        (
            vec![counts(0, 0, 0)],
            "task fix-task completed, and covered no findings",
        ),
        (vec![counts(5, 0, 0), counts(2, 0, 0)], "task fix-task completed"),
        (
            vec![counts(5, 0, 1), counts(2, 0, 2)],
            "task fix-task completed; 3 of its 7 findings were skipped, as AWS says of those that the request's filter \
             leaves out",
        ),
    ] {
        let mut bench = described(success(), TaskState::Completed, |task| {
            let checks = ["A", "B"].map(str::to_owned);
            task.statistics = checks.into_iter().zip(statistics).collect();
        });
        bench.rest();
        assert_eq!(bench.message(), said);
    }
}

#[test]
fn what_failed_says_how_much_and_where_to_look() {
    let failures = vec![FindingFailure::default()];
    for (failures, problem, said) in [
        (failures.clone(), None, "see status.failures"),
        (failures, Some("no"), "see status.failures, where some are missing: no"),
        (vec![], Some("no"), "they could not be listed: no. Or look with"),
        (vec![], None, "they could not be listed, look with"),
    ] {
        let mut bench = described(success(), TaskState::Failed, |task| {
            task.statistics = [("A".to_owned(), counts(7, 2, 0))].into();
        });
        bench.next();
        bench.answer_failures(FailedActions {
            failures,
            truncated: false,
            problem: problem.map(str::to_owned),
        });
        bench.rest();
        let whole = format!("task {TASK} ended, and at least one action failed on 2 of its 7 findings: {said}");
        assert!(bench.message().starts_with(&whole), "{}", bench.message());
    }
}

#[test]
fn what_somebody_else_cancelled_says_whose_it_was() {
    for (answer, said) in [
        (success(), "task fix-task was cancelled, and not by this resource"),
        (
            StartAnswer::AlreadyExists,
            "task fix-task existed already and was cancelled",
        ),
    ] {
        let mut bench = described(answer, TaskState::Canceled, |_| {});
        bench.rest();
        bench.assert_says(Phase::Canceled, Reason::CanceledElsewhere);
        assert!(bench.message().starts_with(said), "{}", bench.message());
    }
}

#[test]
fn a_cancel_that_is_ignored_says_why() {
    let mut bench = described(StartAnswer::AlreadyExists, TaskState::InProgress, |_| {});
    bench.rest();
    bench.edit(&json!({ "cancel": true }));
    bench.rest();
    bench.assert_says(Phase::Running, Reason::CancelIgnored);
    assert!(
        bench.message().contains("was not started by this resource"),
        "{}",
        bench.message()
    );
    bench.sleep();
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::NotFound);
    bench.rest();
    bench.assert_says(Phase::Running, Reason::CancelIgnored);
}

/// The status that a process finds keeps what it says of the task, while that can't be seen.
#[test]
fn what_was_seen_stays_while_nobody_sees_the_task() {
    let mut bench = described(success(), TaskState::InProgress, |task| {
        task.statistics = [("A".to_owned(), counts(3, 1, 0))].into();
    });
    bench.rest();
    bench.restart();
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::Failed(failure(ErrorClass::AccessDenied, Effect::None)));
    bench.rest();
    bench.assert_says(Phase::Running, Reason::AccessDenied);
    let status = bench.status();
    assert_eq!(status.progress.as_deref(), Some("1/3"));
    assert!(status.start_time.is_some());
}

#[test]
fn an_open_attempt_says_how_it_is_settled() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(lost());
    bench.next();
    assert!(
        bench.message().contains("the same request is sent again"),
        "{}",
        bench.message()
    );
    let began = bench.status().attempt.unwrap().time;
    // No more replays: the last request leaves Describe the time to settle it.
    bench.pass(9 * 60);
    bench.next();
    assert!(
        bench.message().contains("the service is asked until"),
        "{}",
        bench.message()
    );
    assert_eq!(bench.status().attempt.unwrap().time, began, "since when it is open");
}

#[test]
fn each_operation_is_called_what_iam_calls_it() {
    let names: Vec<_> = Operation::ALL.iter().map(|operation| operation.name()).collect();
    assert_eq!(
        names,
        [
            "StartAuditMitigationActionsTask",
            "DescribeAuditMitigationActionsTask",
            "CancelAuditMitigationActionsTask",
            "ListAuditMitigationActionsExecutions",
            "ListAuditFindings",
            "DescribeAuditTask",
            "DescribeAuditFinding",
            "DescribeMitigationAction",
            "ListAuditTasks",
            "DescribeScheduledAudit",
        ]
    );
}
