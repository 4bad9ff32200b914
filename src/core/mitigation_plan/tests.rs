use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::bounds::{Excess, excess};
use super::*;
use crate::api::{Approval, MitigationPlan, Target};
use crate::core::answer::{
    ActionDefinition, Audit, AuditState, AuditedCheck, CheckState, Effect, ErrorClass, Failure, Finding, FindingsPage,
    ReadAnswer,
};
use crate::core::canonical::{base32_hash, base32_hash_of_text};

const AUDIT: &str = "a3aea009955e501a31b764abe1bebd3d";
const CHECK: &str = "DEVICE_CERTIFICATE_EXPIRING_CHECK";
const OTHER: &str = "LOGGING_DISABLED_CHECK";

/// Of an audited check: resources, non-compliant, suppressed.
type Counts = (Option<i64>, Option<i64>, Option<i64>);

/// What the service has, as the answers to a plan's reads show it.
#[derive(Clone, Debug)]
struct Account {
    state: AuditState,
    audited: BTreeMap<&'static str, Counts>,
    findings: Vec<Finding>,
    actions: Vec<ActionDefinition>,
    page: usize,
}

fn finding(id: &str, check: &str, code: &str, is_suppressed: bool) -> Finding {
    Finding {
        id: id.to_owned(),
        check: check.to_owned(),
        reason_code: Some(code.to_owned()),
        resource: Some(format!("deviceCertificateId/{id}")),
        is_suppressed,
    }
}

fn quarantine() -> ActionDefinition {
    ActionDefinition {
        name: "QuarantineThings".to_owned(),
        id: Some("1c9d2f6e-7a53-4a0e-9d0c-2f4b8a6f0e11".to_owned()),
        type_: Some("ADD_THINGS_TO_THING_GROUP".to_owned()),
        role_arn: Some("arn:aws:iam::123456789012:role/quarantine".to_owned()),
        parameters: [("thingGroupNames", "Quarantine"), ("overrideDynamicGroups", "false")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        last_modified: None,
    }
}

/// The account of the literal example.
fn account() -> Account {
    Account {
        state: AuditState::Completed,
        audited: BTreeMap::from([(CHECK, (Some(400), Some(2), Some(1)))]),
        findings: vec![
            finding("f-2", CHECK, "CERTIFICATE_PAST_EXPIRATION", false),
            finding("f-1", CHECK, "CERTIFICATE_APPROACHING_EXPIRATION", false),
            finding("f-3", CHECK, "CERTIFICATE_PAST_EXPIRATION", true),
        ],
        actions: vec![quarantine()],
        page: 250,
    }
}

impl Account {
    fn with_findings(mut self, count: usize) -> Self {
        self.findings = (0..count)
            .map(|n| finding(&format!("f-{n}"), CHECK, "X", false))
            .collect();
        self.audited
            .insert(CHECK, (Some(400), i64::try_from(count).ok(), Some(1)));
        self
    }

    fn answer(&self, read: &PlanRead) -> PlanAnswer {
        match read {
            PlanRead::Audit(id) if id == AUDIT => PlanAnswer::Audit(ReadAnswer::Found(Audit {
                state: self.state.clone(),
                start_time: None,
                scheduled_audit_name: None,
                checks: self
                    .audited
                    .iter()
                    .map(|(check, counts)| ((*check).to_owned(), audited(*counts)))
                    .collect(),
            })),
            PlanRead::Audit(_) => PlanAnswer::Audit(ReadAnswer::NotFound),
            PlanRead::Finding(id) => {
                let found = self.findings.iter().find(|finding| finding.id == *id).cloned();
                PlanAnswer::Finding(found.map_or(ReadAnswer::NotFound, ReadAnswer::Found))
            }
            PlanRead::Action(name) => {
                let found = self.actions.iter().find(|action| action.name == *name).cloned();
                PlanAnswer::Action(found.map_or(ReadAnswer::NotFound, ReadAnswer::Found))
            }
            PlanRead::Findings { check, next_token, .. } => {
                let from: usize = next_token.as_deref().map_or(0, |token| token.parse().unwrap());
                let of_check: Vec<_> = self.findings.iter().filter(|finding| finding.check == *check).collect();
                let until = of_check.len().min(from + self.page);
                PlanAnswer::Findings(Ok(FindingsPage {
                    findings: of_check[from..until].iter().map(|finding| (*finding).clone()).collect(),
                    is_incomplete: false,
                    next_token: (until < of_check.len()).then(|| until.to_string()),
                }))
            }
        }
    }

    /// Reads until something has come of it; how many calls it took.
    fn read(&self, asked: &Asked) -> (PlanOutcome, usize) {
        let (mut reading, request) = (PlanReading::default(), asked.request());
        for calls in 1.. {
            let read = reading.next(&request).unwrap();
            let answer = self.answer(&read);
            if let Some(outcome) = reading.take_in(&request, &read, answer, Duration::ZERO).unwrap() {
                return (outcome, calls);
            }
        }
        unreachable!()
    }

    fn plan(&self, asked: &Asked) -> MitigationPlan {
        match self.read(asked).0 {
            PlanOutcome::Made(plan) => *plan,
            other => panic!("{other:?}"),
        }
    }
}

fn audited((resources, non_compliant, suppressed): Counts) -> AuditedCheck {
    AuditedCheck {
        state: CheckState::NonCompliant,
        resources,
        non_compliant,
        suppressed,
        error_code: None,
    }
}

#[derive(Clone, Debug)]
struct Asked {
    target: Target,
    mapping: BTreeMap<String, Vec<String>>,
}

impl Asked {
    fn new(target: Value, mapping: Value) -> Self {
        Self {
            target: serde_json::from_value(target).unwrap(),
            mapping: serde_json::from_value(mapping).unwrap(),
        }
    }

    fn request(&self) -> PlanRequest<'_> {
        PlanRequest {
            region: "eu-central-1",
            target: &self.target,
            mapping: &self.mapping,
        }
    }
}

fn asked() -> Asked {
    Asked::new(json!({ "auditTaskId": AUDIT }), json!({ CHECK: ["QuarantineThings"] }))
}

fn approval(value: Value) -> Approval {
    serde_json::from_value(value).unwrap()
}

/// Frozen: hashes stand in Git and in clusters while operators come and go.
#[test]
fn the_hash_is_what_it_was() {
    assert_eq!(account().plan(&asked()).hash, "yar7ayjn7lrgixxi");
    let cut = account().with_findings(1_200).plan(&asked());
    assert_eq!(cut.hash, "rouz33x5a2gpntls");
}

const PAGE: &str = include_str!("../../../docs/approval.md");

/// The first block of this language on the page.
fn block(language: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("\n```").unwrap().0
}

/// Whoever computes the hash by hand, from what the page says of it, gets the same.
#[test]
fn the_page_has_the_plan_and_the_canonical_text_of_its_hash() {
    let plan = account().plan(&asked());
    let mut shown: Value = serde_saphyr::from_str(block("yaml")).unwrap();
    assert!(shown["plan"].as_object_mut().unwrap().remove("time").is_some());
    assert_eq!(shown["plan"], serde_json::to_value(&plan).unwrap());

    let mut effects: Value = serde_json::from_str(block("json")).unwrap();
    assert_eq!(base32_hash(&effects, 16), plan.hash);
    assert_eq!(base32_hash_of_text(block("json"), 16), plan.hash, "it is canonical");
    effects["findings"][CHECK] = json!({ "findings": 1_200, "suppressed": 1 });
    let cut = base32_hash(&effects, 16);
    assert_eq!(cut, account().with_findings(1_200).plan(&asked()).hash);
    for hash in [plan.hash, cut] {
        assert!(PAGE.contains(&format!("`{hash}`")), "{hash}");
    }
}

#[test]
fn a_plan_says_what_would_be_done_to_what_under_which_role() {
    let plan = serde_json::to_value(account().plan(&asked())).unwrap();
    assert_eq!(
        plan,
        json!({
            "hash": "yar7ayjn7lrgixxi",
            "findings": 2,
            "suppressedFindings": 1,
            "percent": 1,
            "checks": { CHECK: {
                "findings": 2,
                "suppressedFindings": 1,
                "resourcesChecked": 400,
                "reasonCodes": { "CERTIFICATE_APPROACHING_EXPIRATION": 1, "CERTIFICATE_PAST_EXPIRATION": 1 },
                "examples": [
                    {"findingId": "f-1", "resource": "deviceCertificateId/f-1", "reasonCode": "CERTIFICATE_APPROACHING_EXPIRATION"},
                    {"findingId": "f-2", "resource": "deviceCertificateId/f-2", "reasonCode": "CERTIFICATE_PAST_EXPIRATION"},
                ],
            }},
            "actions": [{
                "name": "QuarantineThings",
                "type": "ADD_THINGS_TO_THING_GROUP",
                "roleArn": "arn:aws:iam::123456789012:role/quarantine",
                "parameters": {"overrideDynamicGroups": "false", "thingGroupNames": "Quarantine"},
            }],
        })
    );
}

#[test]
fn beyond_a_thousand_findings_the_audits_own_number_counts() {
    let plan = account().with_findings(1_200).plan(&asked());
    let check = &plan.checks[CHECK];
    assert_eq!(
        (plan.findings, check.findings, check.truncated),
        (Some(1_200), Some(1_200), Some(true))
    );
    assert!(
        check.reason_codes.is_empty(),
        "of some findings only, they would mislead"
    );
    assert_eq!(check.examples.len(), 5);

    let whole = account().with_findings(1_000).plan(&asked());
    assert_eq!((whole.findings, whole.checks[CHECK].truncated), (Some(1_000), None));
    let mut fewer = account().with_findings(1_200);
    fewer.audited.insert(CHECK, (Some(400), Some(7), None));
    assert_eq!(fewer.plan(&asked()).findings, Some(1_000), "no less than was seen");
}

#[test]
fn a_number_that_nobody_can_know_is_beyond_every_bound() {
    let filtered = Asked::new(
        json!({ "auditTaskId": AUDIT, "auditCheckToReasonCodeFilter": { CHECK: ["X"] } }),
        json!({ CHECK: ["QuarantineThings"] }),
    );
    let mut uncounted = account().with_findings(1_200);
    uncounted.audited.insert(CHECK, (Some(400), None, None));
    for plan in [account().with_findings(1_200).plan(&filtered), uncounted.plan(&asked())] {
        assert_eq!(
            (plan.findings, plan.percent, plan.checks[CHECK].findings),
            (None, None, None)
        );
        for bounds in [json!({"findings": i64::MAX}), json!({"percent": 100})] {
            assert!(
                excess(&plan, &approval(json!({ "requiredAbove": bounds }))).is_some(),
                "{bounds}"
            );
        }
    }
}

#[test]
fn findings_that_the_filter_leaves_out_dont_count() {
    let filtered = |codes: Value| {
        let target = json!({ "auditTaskId": AUDIT, "auditCheckToReasonCodeFilter": codes });
        account()
            .plan(&Asked::new(target, json!({ CHECK: ["QuarantineThings"] })))
            .findings
    };
    assert_eq!(filtered(json!({ CHECK: ["CERTIFICATE_PAST_EXPIRATION"] })), Some(1));
    assert_eq!(filtered(json!({ CHECK: ["SOMETHING_ELSE"] })), Some(0));
    assert_eq!(
        filtered(json!({ OTHER: ["SOMETHING_ELSE"] })),
        Some(2),
        "it says nothing of this check"
    );
    let mut without_code = account();
    without_code.findings[0].reason_code = None;
    let target = json!({ "auditTaskId": AUDIT, "auditCheckToReasonCodeFilter": { CHECK: ["SOMETHING_ELSE"] } });
    let plan = without_code.plan(&Asked::new(target, json!({ CHECK: ["QuarantineThings"] })));
    assert_eq!(plan.findings, Some(1), "nobody can say that the filter leaves it out");
}

#[test]
fn findings_that_are_named_are_looked_at_one_by_one() {
    let named = |ids: Value| Asked::new(json!({ "findingIds": ids }), json!({ CHECK: ["QuarantineThings"] }));
    let plan = account().plan(&named(json!(["f-3", "f-1"])));
    assert_eq!(
        (plan.findings, plan.suppressed_findings, plan.percent),
        (Some(1), Some(1), None)
    );
    assert_eq!(
        account().read(&named(json!(["f-1", "f-9"]))).0,
        PlanOutcome::NoFinding("f-9".to_owned())
    );
}

#[test]
fn what_is_missing_is_named_before_anything_is_started() {
    let outcome = |change: fn(&mut Account, &mut Asked)| {
        let (mut account, mut asked) = (account(), asked());
        change(&mut account, &mut asked);
        account.read(&asked).0
    };
    let no_audit = outcome(|_, asked| asked.target.audit_task_id = Some("another".to_owned()));
    assert_eq!(no_audit, PlanOutcome::NoAudit("another".to_owned()));
    let no_action = outcome(|account, _| account.actions.clear());
    assert_eq!(no_action, PlanOutcome::NoAction("QuarantineThings".to_owned()));
    let in_progress = outcome(|account, _| account.state = AuditState::InProgress);
    assert_eq!(in_progress, PlanOutcome::AuditInProgress);
}

#[test]
fn the_share_is_that_of_the_worst_check_and_rounded_up() {
    let share = |counts: &[(&'static str, usize, Option<i64>)]| {
        let mut account = account();
        account.findings = counts
            .iter()
            .flat_map(|(check, count, _)| (0..*count).map(move |n| finding(&format!("{check}-{n}"), check, "X", false)))
            .collect();
        account.audited = counts
            .iter()
            .map(|(check, _, resources)| (*check, (*resources, None, None)))
            .collect();
        let mapping = json!({ CHECK: ["QuarantineThings"], OTHER: ["QuarantineThings"] });
        account
            .plan(&Asked::new(json!({ "auditTaskId": AUDIT }), mapping))
            .percent
    };
    assert_eq!(share(&[(CHECK, 1, Some(400))]), Some(1));
    assert_eq!(share(&[(CHECK, 4, Some(400))]), Some(1));
    assert_eq!(share(&[(CHECK, 5, Some(400)), (OTHER, 1, Some(2))]), Some(50));
    assert_eq!(share(&[(CHECK, 1, Some(0))]), Some(100), "of nothing it is all");
    assert_eq!(share(&[(CHECK, 1, None)]), Some(100));
    assert_eq!(
        share(&[(CHECK, 3, Some(1))]),
        Some(100),
        "several findings of one resource"
    );
    assert_eq!(share(&[(CHECK, 0, Some(0))]), Some(0));
}

#[test]
fn either_bound_requires_approval() {
    let plan = |findings, percent| MitigationPlan {
        findings,
        percent,
        ..MitigationPlan::default()
    };
    let both = json!({"requiredAbove": {"findings": 50, "percent": 2}});
    let rows = [
        (plan(Some(50), Some(2)), both.clone(), None),
        (plan(Some(51), Some(2)), both.clone(), Some(Excess::Findings(50))),
        (plan(Some(50), Some(3)), both, Some(Excess::Percent(2))),
        (plan(Some(1), Some(1)), json!({}), Some(Excess::EveryRun)),
        (
            plan(Some(1), Some(1)),
            json!({"requiredAbove": {}}),
            Some(Excess::EveryRun),
        ),
        (
            plan(Some(1), None),
            json!({"requiredAbove": {"findings": 0}}),
            Some(Excess::Findings(0)),
        ),
        (
            plan(Some(9_999), Some(100)),
            json!({"requiredAbove": {"percent": 100}}),
            None,
        ),
        (
            plan(Some(1), None),
            json!({"requiredAbove": {"percent": 100}}),
            Some(Excess::Percent(100)),
        ),
    ];
    for (plan, bounds, expected) in rows {
        assert_eq!(excess(&plan, &approval(bounds.clone())), expected, "{plan:?} {bounds}");
    }
}

#[test]
fn a_plan_costs_a_bounded_number_of_calls() {
    let many: BTreeMap<String, Vec<String>> = (0..32)
        .map(|n| (format!("{n:02}_CHECK"), vec![format!("Action{n}")]))
        .collect();
    let mut account = account();
    account.page = 1;
    account.actions = (0..32)
        .map(|n| ActionDefinition {
            name: format!("Action{n}"),
            ..quarantine()
        })
        .collect();
    account.findings = many
        .keys()
        .flat_map(|check| (0..9).map(move |n| finding(&format!("{check}-{n}"), check, "X", false)))
        .collect();
    let asked = Asked {
        mapping: many,
        ..asked()
    };
    let (outcome, calls) = account.read(&asked);
    assert_eq!(calls, reading::MAX_CALLS);
    let PlanOutcome::Made(plan) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        plan.checks.values().filter(|check| check.truncated.is_some()).count(),
        32
    );
    assert_eq!(
        plan.checks.values().map(|check| check.examples.len()).sum::<usize>(),
        25
    );
}

#[test]
fn calls_that_are_slow_together_make_no_plan() {
    let (mut reading, asked) = (PlanReading::default(), asked());
    let request = asked.request();
    let mut take = |took| {
        let read = reading.next(&request).unwrap();
        reading.take_in(&request, &read, account().answer(&read), took)
    };
    assert_eq!(take(Duration::from_secs(10)), Ok(None));
    let failure = take(Duration::from_secs(11)).unwrap_err();
    assert_eq!(
        (failure.class, failure.effect),
        (ErrorClass::ServiceUnavailable, Effect::None)
    );
}

#[test]
fn a_call_that_fails_ends_the_reading() {
    let failure = Failure {
        class: ErrorClass::AccessDenied,
        effect: Effect::None,
        message: "no".to_owned(),
    };
    let (mut reading, asked) = (PlanReading::default(), asked());
    let request = asked.request();
    let read = reading.next(&request).unwrap();
    let answer = PlanAnswer::Audit(ReadAnswer::Failed(failure.clone()));
    assert_eq!(reading.take_in(&request, &read, answer, Duration::ZERO), Err(failure));
}

/// A listing with something that nobody can count is as good as cut.
#[test]
fn a_finding_that_cannot_be_counted_makes_the_listing_incomplete() {
    let (mut reading, asked) = (PlanReading::default(), asked());
    let request = asked.request();
    let outcome = loop {
        let read = reading.next(&request).unwrap();
        let mut answer = account().answer(&read);
        if let PlanAnswer::Findings(Ok(page)) = &mut answer {
            page.is_incomplete = true;
        }
        if let Some(outcome) = reading.take_in(&request, &read, answer, Duration::ZERO).unwrap() {
            break outcome;
        }
    };
    let PlanOutcome::Made(plan) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(plan.checks[CHECK].truncated, Some(true));
}

fn hash(account: &Account, asked: &Asked) -> String {
    account.plan(asked).hash
}

proptest! {
    /// The order of ids, pages, checks and actions changes nothing.
    #[test]
    fn the_order_in_which_the_service_tells_changes_nothing(
        findings in Just(account().with_findings(60).findings).prop_shuffle(),
        page in 1_usize..70,
    ) {
        let told = account().with_findings(60);
        let shuffled = Account { findings, page: page.max(15), ..told.clone() };
        prop_assert_eq!(told.plan(&asked()), shuffled.plan(&asked()));
    }

    /// Whatever changes what would be done changes the hash.
    #[test]
    fn another_effect_has_another_hash(change in 0..9_usize) {
        let (mut account, mut asked) = (account(), asked());
        let before = hash(&account, &asked);
        match change {
            0 => account.findings[0].is_suppressed = true,
            1 => account.findings.push(finding("f-4", CHECK, "X", false)),
            2 => account.findings[0].id = "f-9".to_owned(),
            3 => account.actions[0].role_arn = Some("arn:aws:iam::999999999999:role/quarantine".to_owned()),
            4 => drop(account.actions[0].parameters.insert("thingGroupNames".to_owned(), "All".to_owned())),
            5 => account.actions[0].id = Some("another".to_owned()),
            6 => account.actions[0].type_ = Some("UPDATE_DEVICE_CERTIFICATE".to_owned()),
            7 => drop(account.audited.insert(CHECK, (Some(400), Some(2), Some(2)))),
            _ => drop(asked.mapping.insert(OTHER.to_owned(), vec!["QuarantineThings".to_owned()])),
        }
        prop_assert_ne!(before, hash(&account, &asked));
    }

    /// What changes nothing that would be done changes no hash.
    #[test]
    fn what_has_no_effect_has_no_part_in_the_hash(change in 0..4_usize) {
        let (mut account, asked) = (account(), asked());
        let before = hash(&account, &asked);
        match change {
            0 => account.findings[0].resource = None,
            1 => account.actions[0].last_modified = Some(jiff::Timestamp::UNIX_EPOCH),
            2 => drop(account.audited.insert(CHECK, (Some(4), Some(9), Some(1)))),
            _ => account.findings.push(finding("f-5", OTHER, "X", false)),
        }
        prop_assert_eq!(before, hash(&account, &asked));
    }

    /// The plan and the bounds speak of one number.
    #[test]
    fn a_plan_is_within_a_bound_exactly_when_its_own_number_is(count in 0..1_300_usize, bound in 0..1_300_i64) {
        let plan = account().with_findings(count).plan(&asked());
        let within = excess(&plan, &approval(json!({"requiredAbove": {"findings": bound}}))).is_none();
        prop_assert_eq!(within, plan.findings.is_some_and(|findings| findings <= bound));
    }
}
