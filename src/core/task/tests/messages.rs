//! What the messages tell, where nothing but the words differs.

use serde_json::json;

use super::bench::{Bench, found, found_another, task};
use crate::api::{FindingStatistics, Phase, Reason};
use crate::core::answer::{CancelAnswer, DescribeAnswer, TaskState};

#[test]
fn a_cancellation_says_why() {
    for (reason, why, why_it_was) in [
        (Reason::CanceledBySpec, "spec.cancel is true", "spec.cancel is true"),
        (
            Reason::DeadlineExceeded,
            "it ran longer than spec.activeDeadlineSeconds",
            "it ran longer than spec.activeDeadlineSeconds",
        ),
        (Reason::CanceledByDeletion, "the resource is being deleted", ""),
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
        if reason != Reason::CanceledByDeletion {
            bench.answer_cancel(CancelAnswer::Accepted);
            bench.call_describe();
            bench.answer_describe(found(TaskState::Canceled));
            bench.rest();
            bench.assert_says(Phase::Canceled, reason);
            let said = bench.message();
            assert!(said.ends_with(&format!("was cancelled because {why_it_was}")), "{said}");
        }
    }
}

/// How it gets on is the other side's affair.
#[test]
fn a_task_that_does_something_else_shows_no_progress() {
    let mut bench = Bench::running(&json!({}));
    let DescribeAnswer::Found(mut another) = found_another(TaskState::InProgress) else {
        unreachable!()
    };
    another.statistics = [(
        "A".to_owned(),
        FindingStatistics {
            total_findings_count: Some(3),
            ..FindingStatistics::default()
        },
    )]
    .into();
    let mut own = task(TaskState::InProgress);
    own.statistics = another.statistics.clone();
    for (described, progress) in [(own, Some("0/3")), (*another, None)] {
        bench.sleep();
        bench.call_describe();
        bench.answer_describe(DescribeAnswer::Found(Box::new(described)));
        bench.rest();
        assert_eq!(bench.status().progress.as_deref(), progress);
    }
    assert_eq!(bench.phase(), Some(Phase::Conflict));
}
