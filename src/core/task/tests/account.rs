//! What plans are made of in the bench and in the world: an audit, its findings, an action that somebody redefines.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::api::MitigationPlan;
use crate::core::answer::{
    ActionDefinition, Audit, AuditState, AuditedCheck, CheckState, Finding, FindingsPage, ReadAnswer,
};
use crate::core::mitigation_plan::{PlanAnswer, PlanOutcome, PlanRead, PlanReading};
use crate::core::task::desired::DesiredTask;

/// What the service has, as far as plans go. Every audit and finding exists, and so does every action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// How many findings of each check are not suppressed, of 100 resources.
    pub(crate) findings: u8,
    /// How often the actions were redefined.
    pub(crate) definition: u8,
    /// Whether the audit has not ended yet.
    pub(crate) is_in_progress: bool,
}

impl Account {
    /// Two findings.
    pub(crate) const PLAIN: Self = Self {
        findings: 2,
        definition: 0,
        is_in_progress: false,
    };

    pub(crate) fn answer(self, read: &PlanRead) -> PlanAnswer {
        match read {
            PlanRead::Audit(_) => PlanAnswer::Audit(ReadAnswer::Found(self.audit())),
            PlanRead::Finding(id) => PlanAnswer::Finding(ReadAnswer::Found(finding(id, "LOGGING_DISABLED_CHECK"))),
            PlanRead::Action(name) => PlanAnswer::Action(ReadAnswer::Found(self.action(name))),
            PlanRead::Findings { check, .. } => PlanAnswer::Findings(Ok(FindingsPage {
                findings: (0..self.findings)
                    .map(|number| finding(&format!("f-{number}"), check))
                    .collect(),
                is_incomplete: false,
                next_token: None,
            })),
        }
    }

    fn audit(self) -> Audit {
        let check = AuditedCheck {
            state: CheckState::NonCompliant,
            resources: Some(100),
            non_compliant: Some(self.findings.into()),
            suppressed: Some(0),
            error_code: None,
        };
        Audit {
            state: if self.is_in_progress {
                AuditState::InProgress
            } else {
                AuditState::Completed
            },
            start_time: None,
            scheduled_audit_name: None,
            checks: BTreeMap::from([("LOGGING_DISABLED_CHECK".to_owned(), check)]),
        }
    }

    /// The action of this name as it is defined.
    pub(crate) fn action(self, name: &str) -> ActionDefinition {
        ActionDefinition {
            name: name.to_owned(),
            id: Some(format!("id of {name}")),
            type_: Some("ENABLE_IOT_LOGGING".to_owned()),
            role_arn: Some("arn:aws:iam::123456789012:role/mitigation".to_owned()),
            parameters: BTreeMap::from([("logLevel".to_owned(), format!("LEVEL {}", self.definition))]),
            last_modified: None,
        }
    }

    /// The plan of a task, were it made in one moment.
    pub(crate) fn plan(self, desired: &DesiredTask, region: &str) -> MitigationPlan {
        let (mut reading, request) = (PlanReading::default(), desired.plan_request(region));
        let ended = Self {
            is_in_progress: false,
            ..self
        };
        loop {
            let read = reading.next(&request).unwrap();
            let outcome = reading.take_in(&request, &read, ended.answer(&read), Duration::ZERO);
            match outcome.unwrap() {
                Some(PlanOutcome::Made(plan)) => return *plan,
                Some(other) => panic!("{other:?}"),
                None => {}
            }
        }
    }
}

fn finding(id: &str, check: &str) -> Finding {
    Finding {
        id: id.to_owned(),
        check: check.to_owned(),
        reason_code: Some("LOGGING_DISABLED".to_owned()),
        resource: Some("account/123456789012".to_owned()),
        is_suppressed: false,
    }
}
