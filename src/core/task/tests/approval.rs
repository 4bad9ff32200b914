//! A plan before anything acts, row by row: what is known, what is done and said.

use std::time::Duration;

use serde_json::{Value, json};

use super::account::Account;
use super::bench::{Bench, REGION, failure, found, lost, moment, refused, success, task};
use crate::api::{MitigationPlan, Phase, Reason};
use crate::core::answer::{DescribeAnswer, Effect, ErrorClass, Operation, ReadAnswer, TaskState};
use crate::core::mitigation_plan::{PlanAnswer, PlanRead};
use crate::core::queue::{Admission, Place};
use crate::core::task::place::place;
use crate::core::task::status::phase::find_approved;
use crate::core::task::step::Step;

pub(super) const MANY: Account = Account {
    findings: 60,
    ..Account::PLAIN
};
const REDEFINED: Account = Account { definition: 1, ..MANY };

pub(super) fn bounded() -> Value {
    json!({ "approval": { "requiredAbove": { "findings": 50 } } })
}

impl Bench {
    /// Answers every call for a plan, until the next step is none.
    fn plan(&mut self, account: Account) -> Step {
        loop {
            let step = self.next();
            let Step::ReadForPlan { read, .. } = &step else {
                return step;
            };
            self.answer_read(read, account.answer(read));
        }
    }

    fn answer_read(&mut self, read: &PlanRead, answer: PlanAnswer) {
        let observed = self.observed();
        let desired = observed.desired.as_ref().unwrap();
        let (request, now) = (desired.plan_request(REGION), moment(&observed, self.now));
        self.memory.plan_answered(&request, read, answer, Duration::ZERO, now);
    }

    fn reads(&self) -> usize {
        self.steps
            .iter()
            .filter(|step| matches!(step, Step::ReadForPlan { .. }))
            .count()
    }

    fn shown(&self) -> MitigationPlan {
        self.status().plan.expect("a plan")
    }

    /// Status and reason of the condition Approved.
    fn approved(&self) -> Option<(String, String)> {
        let conditions = self.status().conditions;
        find_approved(&conditions).map(|approved| (approved.status.clone(), approved.reason.clone()))
    }

    fn approve(&mut self, hash: &str) {
        self.edit(&json!({ "approval": { "plan": hash } }));
    }

    fn told(&self) -> Vec<String> {
        let told = self.told.iter();
        told.map(|event| format!("{}{}", if event.is_warning { "!" } else { "" }, event.reason))
            .collect()
    }
}

fn says(status: &str, reason: Reason) -> (String, String) {
    (status.to_owned(), reason.as_str().to_owned())
}

pub(super) fn awaiting(spec: &Value, account: Account) -> Bench {
    let mut bench = Bench::new(spec);
    assert_eq!(bench.plan(account), Step::Wait(None), "no timer");
    bench.assert_says(Phase::AwaitingApproval, Reason::ApprovalRequired);
    bench
}

#[test]
fn without_approval_nothing_is_read() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    assert_eq!(bench.reads(), 0);
    bench.answer_start(success());
    bench.next();
    assert_eq!((bench.status().plan, bench.approved()), (None, None));
}

#[test]
fn suspend_and_cancel_are_stronger_and_read_nothing() {
    for (hold, phase) in [("suspend", Phase::Suspended), ("cancel", Phase::Canceled)] {
        let mut spec = bounded();
        spec[hold] = json!(true);
        let mut bench = Bench::new(&spec);
        bench.rest();
        assert_eq!((bench.phase(), bench.reads()), (Some(phase), 0));
        assert_eq!(bench.approved(), None);
    }
}

#[test]
fn within_the_bounds_it_starts_by_itself() {
    let mut bench = Bench::new(&bounded());
    let step = bench.plan(Account::PLAIN);
    assert!(matches!(step, Step::Start(_)), "{step:?}");
    let plan = bench.shown();
    assert_eq!((plan.findings, plan.percent), (Some(2), Some(2)));
    assert_eq!(bench.approved(), Some(says("True", Reason::WithinBounds)));
    let statuses = bench.steps.iter().position(|step| matches!(step, Step::WriteStatus(_)));
    let record = bench
        .steps
        .iter()
        .position(|step| matches!(step, Step::WriteRecord { .. }));
    assert!(statuses < record, "the plan is shown before the record stands");
    bench.answer_start(success());
    bench.next();
    bench.assert_says(Phase::Running, Reason::InProgress);
    assert_eq!(bench.shown(), plan, "it stays, as what was done");
    assert_eq!(bench.approved(), Some(says("True", Reason::WithinBounds)));
}

#[test]
fn beyond_a_bound_it_waits_and_says_how_to_approve() {
    let bench = awaiting(&bounded(), MANY);
    let hash = bench.shown().hash;
    let message = bench.message();
    for part in [
        "60 findings",
        "requiredAbove.findings (50)",
        "EnableLogging",
        &format!(
            "kubectl patch auditmitigationtask fix --namespace fleet --type merge --patch \
             '{{\"spec\":{{\"approval\":{{\"plan\":\"{hash}\"}}}}}}'"
        ),
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let (_, command) = message.split_once("approve it with: ").unwrap();
    let documented = command
        .replace(" fix ", " NAME ")
        .replace(" fleet ", " NAMESPACE ")
        .replace(&hash, "yar7ayjn7lrgixxi");
    let page = include_str!("../../../../docs/approval.md");
    assert!(page.contains(&format!("`{documented}`")), "{documented}");
    assert_eq!(bench.approved(), Some(says("False", Reason::ApprovalRequired)));
    assert_eq!(bench.told(), ["ApprovalRequired"]);
    let place = bench.with_observation(place);
    assert_eq!(place, Place::None, "it holds nobody up");
}

#[test]
fn waiting_for_approval_costs_nothing_also_after_a_restart() {
    let mut bench = awaiting(&bounded(), MANY);
    let (reads, writes) = (bench.reads(), bench.writes);
    for _ in 0..3 {
        bench.pass(100_000);
        assert_eq!(bench.next(), Step::Wait(None));
        bench.restart();
        assert_eq!(bench.next(), Step::Wait(None));
    }
    assert_eq!((bench.reads(), bench.writes), (reads, writes));
}

#[test]
fn an_empty_approval_asks_for_every_run() {
    let mut bench = awaiting(&json!({ "approval": {} }), Account::PLAIN);
    assert!(
        bench.message().contains("every run has to be approved"),
        "{}",
        bench.message()
    );
    let hash = bench.shown().hash;
    bench.approve(&hash);
    assert!(matches!(bench.plan(Account::PLAIN), Step::Start(_)));
    assert_eq!(bench.approved(), Some(says("True", Reason::PlanApproved)));
}

#[test]
fn the_approved_plan_is_made_again_and_started() {
    let mut bench = awaiting(&bounded(), MANY);
    let (hash, reads) = (bench.shown().hash, bench.reads());
    bench.pass(3_600);
    bench.approve(&hash);
    assert!(matches!(bench.plan(MANY), Step::Start(_)));
    assert!(bench.reads() > reads, "an approving edit is a new generation");
    assert_eq!(bench.shown().hash, hash);
    assert_eq!(bench.approved(), Some(says("True", Reason::PlanApproved)));
    assert_eq!(bench.told(), ["ApprovalRequired", "PlanApproved"]);
}

/// A task of a policy: who approves writes the hash into the policy, and the task's own spec stays as it is.
#[test]
fn a_policy_approves_the_plan_of_its_task() {
    let mut bench = awaiting(&bounded(), MANY);
    let hash = bench.shown().hash;
    bench.plan_of_policy = Some("aaaaaaaaaaaaaaaa".to_owned());
    assert_eq!(bench.next(), Step::Wait(None), "another task's, perhaps");
    bench.plan_of_policy = Some(hash.clone());
    assert!(matches!(bench.plan(MANY), Step::Start(_)));
    assert_eq!(bench.approved(), Some(says("True", Reason::ApprovedByPolicy)));
    assert_eq!(bench.told(), ["ApprovalRequired", "PlanApproved"]);
    let mut withdrawn = awaiting(&bounded(), MANY);
    withdrawn.plan_of_policy = Some(hash);
    assert!(matches!(withdrawn.plan(MANY), Step::Start(_)));
    withdrawn.restart();
    withdrawn.plan_of_policy = None;
    for _ in 0..5 {
        assert!(
            matches!(withdrawn.next_call(), Step::Describe(_)),
            "the attempt is only looked for"
        );
        withdrawn.answer_describe(DescribeAnswer::NotFound);
    }
}

#[test]
fn an_approval_of_another_plan_starts_nothing() {
    let mut bench = awaiting(&bounded(), MANY);
    bench.approve("aaaaaaaaaaaaaaaa");
    assert_eq!(bench.plan(MANY), Step::Wait(None));
    bench.assert_says(Phase::AwaitingApproval, Reason::ApprovalRequired);
    assert!(bench.message().contains("aaaaaaaaaaaaaaaa"), "{}", bench.message());
}

/// Between the look and the approval somebody redefined an action.
#[test]
fn a_plan_that_changed_has_to_be_approved_again() {
    let mut bench = awaiting(&bounded(), MANY);
    let old = bench.shown().hash;
    bench.approve(&old);
    assert_eq!(bench.plan(REDEFINED), Step::Wait(None));
    bench.assert_says(Phase::AwaitingApproval, Reason::PlanChanged);
    let new = bench.shown().hash;
    assert_ne!(old, new);
    assert!(
        bench.message().contains(&old) && bench.message().contains(&new),
        "{}",
        bench.message()
    );
    assert_eq!(bench.approved(), Some(says("False", Reason::PlanChanged)));
    assert_eq!(bench.told(), ["ApprovalRequired", "!PlanChanged"]);

    let writes = bench.writes;
    bench.restart();
    assert_eq!(bench.next(), Step::Wait(None));
    assert_eq!(bench.writes, writes, "another process says the same");

    bench.approve(&new);
    assert!(matches!(bench.plan(REDEFINED), Step::Start(_)));
}

/// In the queue a plan grows old: it is made again when there is a slot.
#[test]
fn a_plan_older_than_a_minute_or_of_another_process_is_made_again_before_the_start() {
    for (seconds, restarts, is_made_again) in [
        (0, false, false),
        (55, false, false),
        (70, false, true),
        (0, true, true),
    ] {
        let mut bench = Bench::new(&bounded());
        bench.admission = Admission::Behind {
            ahead: 1,
            namespaces: 1,
        };
        assert_eq!(bench.plan(Account::PLAIN), Step::Wait(None));
        bench.assert_says(Phase::Queued, Reason::Queued);
        let reads = bench.reads();
        bench.pass(seconds);
        if restarts {
            bench.restart();
            assert_eq!(
                bench.next(),
                Step::Wait(None),
                "in the queue it needs no plan of its own"
            );
        }
        bench.admission = Admission::Free;
        let step = bench.next();
        assert_eq!(
            matches!(step, Step::ReadForPlan { .. }),
            is_made_again,
            "{seconds} {restarts} {step:?}"
        );
        if let Step::ReadForPlan { read, .. } = &step {
            bench.answer_read(read, Account::PLAIN.answer(read));
        }
        let writes = bench.writes;
        assert!(matches!(bench.plan(Account::PLAIN), Step::Start(_)));
        assert_eq!(bench.reads() > reads, is_made_again);
        assert_eq!(bench.writes, writes, "the same plan is not written again");
    }
}

#[test]
fn with_another_plan_at_the_head_of_the_queue_it_starts_only_within_the_bounds() {
    let queued = || {
        let mut bench = Bench::new(&bounded());
        bench.admission = Admission::Behind {
            ahead: 1,
            namespaces: 1,
        };
        bench.plan(Account::PLAIN);
        bench.pass(70);
        bench.admission = Admission::Free;
        bench
    };
    let mut within = queued();
    let fewer = Account {
        findings: 1,
        ..Account::PLAIN
    };
    assert!(matches!(within.plan(fewer), Step::Start(_)));
    assert_eq!(
        within.shown().findings,
        Some(1),
        "the status has the plan it was started under"
    );

    let mut beyond = queued();
    assert_eq!(beyond.plan(MANY), Step::Wait(None));
    beyond.assert_says(Phase::AwaitingApproval, Reason::ApprovalRequired);
}

#[test]
fn an_audit_that_is_in_progress_is_asked_for_each_minute() {
    let mut bench = Bench::new(&bounded());
    let in_progress = Account {
        is_in_progress: true,
        ..Account::PLAIN
    };
    for round in 1..4 {
        let Step::Wait(Some(until)) = bench.plan(in_progress) else {
            panic!("a wait")
        };
        bench.assert_says(Phase::Pending, Reason::AuditInProgress);
        assert_eq!((bench.reads(), bench.writes), (round, 1));
        assert!((59..=60).contains(&bench.now.until(until).as_secs()));
        bench.sleep_until(until);
    }
    assert!(matches!(bench.plan(Account::PLAIN), Step::Start(_)));
}

#[test]
fn what_is_not_there_is_named_and_nothing_is_started() {
    let rows: [(PlanRead, PlanAnswer, Reason, &str); 3] = [
        (
            PlanRead::Audit("a3aea009955e501a31b764abe1bebd3d".to_owned()),
            PlanAnswer::Audit(ReadAnswer::NotFound),
            Reason::AuditNotFound,
            "a3aea009955e501a31b764abe1bebd3d",
        ),
        (
            PlanRead::Action("EnableLogging".to_owned()),
            PlanAnswer::Action(ReadAnswer::NotFound),
            Reason::ActionNotFound,
            "EnableLogging",
        ),
        (
            PlanRead::Finding("f-1".to_owned()),
            PlanAnswer::Finding(ReadAnswer::NotFound),
            Reason::FindingNotFound,
            "f-1",
        ),
    ];
    for (missing, answer, reason, name) in rows {
        let mut bench = Bench::new(&bounded());
        if reason == Reason::FindingNotFound {
            bench
                .store
                .force(&json!({ "spec": { "target": { "auditTaskId": null, "findingIds": ["f-1"] } } }));
        }
        let step = loop {
            match bench.next() {
                Step::ReadForPlan { read, .. } if read == missing => bench.answer_read(&read, answer.clone()),
                Step::ReadForPlan { read, .. } => bench.answer_read(&read, Account::PLAIN.answer(&read)),
                step => break step,
            }
        };
        assert_eq!(step, Step::Wait(None));
        bench.assert_says(Phase::Rejected, reason);
        assert!(bench.message().contains(name), "{}", bench.message());
        let reads = bench.reads();
        bench.restart();
        assert_eq!(
            (bench.next(), bench.reads()),
            (Step::Wait(None), reads),
            "until the spec changes"
        );
        bench.edit(&json!({ "suspend": true }));
        bench.rest();
        bench.edit(&json!({ "suspend": false }));
        assert!(matches!(bench.plan(Account::PLAIN), Step::Start(_)));
    }
}

#[test]
fn without_findings_there_is_nothing_to_do_and_that_is_no_failure() {
    let none = Account {
        findings: 0,
        ..Account::PLAIN
    };
    for spec in [bounded(), json!({ "approval": {} })] {
        let mut bench = Bench::new(&spec);
        assert_eq!(bench.plan(none), Step::Wait(None));
        bench.assert_says(Phase::Completed, Reason::NothingToDo);
        assert!(
            bench.message().starts_with("nothing was started: "),
            "{}",
            bench.message()
        );
        let status = bench.status();
        assert_eq!(status.task_id, None);
        let started = status
            .conditions
            .iter()
            .find(|condition| condition.type_ == "Started")
            .unwrap();
        assert_eq!(
            (started.status.as_str(), started.reason.as_str()),
            ("False", "NothingToDo")
        );
        let (reads, writes) = (bench.reads(), bench.writes);
        bench.restart();
        bench.pass(1_000_000);
        assert_eq!(bench.next(), Step::Wait(None));
        assert_eq!((bench.reads(), bench.writes), (reads, writes));
    }
}

#[test]
fn a_read_that_fails_is_told_and_tried_again() {
    let denied = || failure(ErrorClass::AccessDenied, Effect::None);
    let mut bench = Bench::new(&bounded());
    for round in 1..4 {
        let Step::ReadForPlan { read, .. } = bench.next() else {
            panic!("a read")
        };
        assert_eq!(read.operation(), Operation::DescribeAudit, "all is read anew");
        bench.answer_read(&read, Account::PLAIN.answer(&read));
        let Step::ReadForPlan { read, .. } = bench.next() else {
            panic!("a read")
        };
        bench.answer_read(&read, PlanAnswer::Action(ReadAnswer::Failed(denied())));
        let Step::Wait(Some(until)) = bench.next() else {
            panic!("a wait")
        };
        bench.assert_says(Phase::Pending, Reason::AccessDenied);
        assert!(bench.message().contains("AccessDenied it was"), "{}", bench.message());
        assert_eq!(bench.writes, round, "one for each failed call");
        assert_eq!(bench.with_observation(place), Place::None);
        bench.sleep_until(until);
    }
    assert_eq!(bench.told(), ["!AccessDenied"]);
    assert!(matches!(bench.plan(Account::PLAIN), Step::Start(_)));
}

#[test]
fn an_edit_makes_another_plan() {
    let mut bench = awaiting(&bounded(), MANY);
    let (hash, reads) = (bench.shown().hash, bench.reads());
    bench.edit(&json!({ "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["Other"] } }));
    assert_eq!(bench.plan(MANY), Step::Wait(None));
    assert!(bench.reads() > reads);
    assert_ne!(bench.shown().hash, hash);
    assert_eq!(
        bench.told(),
        ["ApprovalRequired", "ApprovalRequired"],
        "each plan that waits is told"
    );
    bench.edit(&json!({ "approval": { "requiredAbove": { "findings": 60 } } }));
    assert!(matches!(bench.plan(MANY), Step::Start(_)));
    assert_eq!(bench.approved(), Some(says("True", Reason::WithinBounds)));
}

#[test]
fn without_approval_in_the_spec_plan_and_condition_go() {
    let mut bench = awaiting(&bounded(), MANY);
    bench.edit(&json!({ "approval": null }));
    bench.call_start();
    bench.answer_start(success());
    bench.next();
    assert_eq!((bench.status().plan, bench.approved()), (None, None));
}

#[test]
fn suspended_in_between_it_makes_its_plan_again() {
    let mut bench = awaiting(&bounded(), MANY);
    bench.edit(&json!({ "suspend": true }));
    bench.rest();
    bench.assert_says(Phase::Suspended, Reason::Suspended);
    let reads = bench.reads();
    bench.edit(&json!({ "suspend": false }));
    assert_eq!(bench.plan(MANY), Step::Wait(None));
    bench.assert_says(Phase::AwaitingApproval, Reason::ApprovalRequired);
    assert!(bench.reads() > reads);
}

#[test]
fn a_refused_start_is_tried_again_under_a_plan_that_is_current() {
    let mut bench = Bench::new(&bounded());
    assert!(matches!(bench.plan(Account::PLAIN), Step::Start(_)));
    bench.answer_start(refused(ErrorClass::AccessDenied));
    bench.sleep();
    let reads = bench.reads();
    assert!(
        matches!(bench.plan(Account::PLAIN), Step::Start(_)),
        "after seconds the plan is current still"
    );
    assert_eq!(bench.reads(), reads);
    bench.answer_start(refused(ErrorClass::AccessDenied));
    bench.rest();
    bench.pass(400);
    assert_eq!(bench.plan(MANY), Step::Wait(None));
    bench.assert_says(Phase::AwaitingApproval, Reason::ApprovalRequired);
}

/// The gate is for new starts only, and the status freezes the approval with the attempt.
#[test]
fn an_open_attempt_is_neither_forgotten_nor_held_back() {
    let mut bench = Bench::new(&bounded());
    assert!(matches!(bench.plan(Account::PLAIN), Step::Start(_)));
    bench.answer_start(lost());
    bench.next();
    bench.assert_says(Phase::Pending, Reason::AttemptUnanswered);
    assert!(
        !bench.store.edit(&json!({ "approval": null })),
        "the approval is frozen with the attempt"
    );
    assert_eq!(bench.shown().findings, Some(2));
    let reads = bench.reads();
    bench.call_start_again();
    assert_eq!(bench.reads(), reads);
}

/// A crash between the record and the status of the attempt leaves a moment in which the approval can be withdrawn.
#[test]
fn an_attempt_whose_approval_was_withdrawn_is_only_described() {
    for withdrawn in [
        json!({ "approval": { "requiredAbove": { "findings": 1 } } }),
        json!({ "approval": { "requiredAbove": null } }),
    ] {
        let mut bench = Bench::new(&bounded());
        assert!(matches!(bench.plan(Account::PLAIN), Step::Start(_)));
        bench.restart();
        bench.edit(&withdrawn);
        for _ in 0..200 {
            match bench.next_call() {
                Step::Describe(_) => bench.answer_describe(DescribeAnswer::NotFound),
                Step::ReadForPlan { .. } => break,
                step => panic!("{step:?}"),
            }
        }
        assert_eq!(
            bench.plan(Account::PLAIN),
            Step::Wait(None),
            "it is settled, and a new start needs approval"
        );
        bench.assert_says(Phase::AwaitingApproval, Reason::ApprovalRequired);
    }
}

#[test]
fn what_was_applied_otherwise_than_planned_is_told() {
    let ended = |definition| {
        let mut bench = Bench::new(&bounded());
        assert!(matches!(bench.plan(Account::PLAIN), Step::Start(_)));
        bench.answer_start(success());
        bench.call_describe();
        let applied = Account {
            definition,
            ..Account::PLAIN
        };
        let mut described = task(TaskState::Completed);
        let action = crate::core::answer::ActionDefinition {
            type_: None,
            ..applied.action("EnableLogging")
        };
        described.actions = Some(vec![action]);
        bench.answer_describe(DescribeAnswer::Found(Box::new(described)));
        bench.rest();
        bench.assert_says(Phase::Completed, Reason::Completed);
        bench
    };
    let as_planned = ended(0);
    assert_eq!(as_planned.told(), ["Started", "Completed"]);
    let otherwise = ended(1);
    assert_eq!(otherwise.told(), ["Started", "Completed", "!ActionsDiffer"]);
    assert!(
        otherwise
            .message()
            .contains("EnableLogging is not what status.plan shows"),
        "{}",
        otherwise.message()
    );
}

/// A Start must never follow upon a plan that was made for another generation of the spec.
#[test]
fn a_plan_of_another_generation_is_no_plan() {
    let mut bench = Bench::new(&bounded());
    let Step::ReadForPlan { read, .. } = bench.next() else {
        panic!("a read")
    };
    bench.answer_read(&read, Account::PLAIN.answer(&read));
    bench.edit(&json!({ "target": { "auditTaskId": "another" } }));
    let Step::ReadForPlan { read, .. } = bench.next() else {
        panic!("a read")
    };
    assert_eq!(read, PlanRead::Audit("another".to_owned()), "it is read anew");
}

#[test]
fn what_adopts_a_task_keeps_the_plan_that_it_was_started_under() {
    let mut bench = Bench::new(&bounded());
    assert!(matches!(bench.plan(Account::PLAIN), Step::Start(_)));
    bench.answer_start(success());
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.rest();
    bench.edit(&json!({ "cancel": true }));
    bench.next();
    assert_eq!(bench.phase(), Some(Phase::Canceling));
    let conditions = bench.status().conditions;
    assert_eq!(
        find_approved(&conditions).unwrap().observed_generation,
        Some(2),
        "it holds for the edited spec"
    );
}
