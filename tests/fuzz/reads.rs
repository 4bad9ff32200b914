//! What the reads of plans and policies make of an answer, and that nobody can take one value of it for another.

use audit_mitigation_operator::aws::Service;
use audit_mitigation_operator::core::answer::{
    ActionDefinition, Audit, AuditState, AuditsPage, CheckState, Failure, Finding, FindingsPage, ReadAnswer,
    ScheduledAudit,
};
use jiff::{Timestamp, Unit};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

/// The longest name in the service's model.
const LONGEST_NAME: usize = 128;
/// The longest ARN in the service's model.
const LONGEST_ARN: usize = 2_048;

type Checked = Result<(), TestCaseError>;

#[derive(Debug)]
pub(crate) struct Reads {
    audit: ReadAnswer<Audit>,
    finding: ReadAnswer<Finding>,
    action: ReadAnswer<ActionDefinition>,
    schedule: ReadAnswer<ScheduledAudit>,
    findings: Result<FindingsPage, Failure>,
    audits: Result<AuditsPage, Failure>,
}

impl Reads {
    pub(crate) async fn from(service: &Service) -> Self {
        let (region, from, to) = ("eu-west-1", Timestamp::UNIX_EPOCH, Timestamp::now());
        Self {
            audit: service.describe_audit(region, "a-1").await,
            finding: service.describe_finding(region, "f-1").await,
            action: service.describe_action(region, "Quarantine").await,
            schedule: service.describe_schedule(region, "DailyAudit").await,
            findings: service
                .list_findings(region, "a-1", "LOGGING_DISABLED_CHECK", Some("one"))
                .await,
            audits: service.list_audits(region, from, to, Some("one")).await,
        }
    }

    /// What a person gets to see where there was no answer.
    pub(crate) fn messages(&self) -> Vec<&str> {
        let Self {
            audit,
            finding,
            action,
            schedule,
            findings,
            audits,
        } = self;
        let failures = [
            failure(audit),
            failure(finding),
            failure(action),
            failure(schedule),
            findings.as_ref().err(),
            audits.as_ref().err(),
        ];
        let failures = failures.into_iter().flatten();
        failures.map(|failure| failure.message.as_str()).collect()
    }

    /// Whether something is said not to exist.
    pub(crate) fn has_not_found(&self) -> bool {
        matches!(self.audit, ReadAnswer::NotFound)
            || matches!(self.finding, ReadAnswer::NotFound)
            || matches!(self.action, ReadAnswer::NotFound)
            || matches!(self.schedule, ReadAnswer::NotFound)
    }

    pub(crate) fn check(&self) -> Checked {
        if let ReadAnswer::Found(audit) = &self.audit {
            check_audit(audit)?;
        }
        if let ReadAnswer::Found(finding) = &self.finding {
            check_finding(finding)?;
        }
        if let ReadAnswer::Found(action) = &self.action {
            check_actions([action])?;
        }
        if let ReadAnswer::Found(schedule) = &self.schedule {
            prop_assert!(schedule.checks.len() <= 100);
            for check in &schedule.checks {
                is_whole(check, LONGEST_NAME)?;
            }
        }
        if let Ok(page) = &self.findings {
            prop_assert!(page.findings.len() <= 250);
            prop_assert!(page.next_token.as_deref() != Some("one"));
            for finding in &page.findings {
                check_finding(finding)?;
            }
        }
        if let Ok(page) = &self.audits {
            prop_assert!(page.audits.len() <= 250);
            prop_assert!(page.next_token.as_deref() != Some("one"));
            for audit in &page.audits {
                is_whole(&audit.id, LONGEST_NAME)?;
                check_state(&audit.state)?;
            }
        }
        Ok(())
    }
}

fn failure<T>(answer: &ReadAnswer<T>) -> Option<&Failure> {
    match answer {
        ReadAnswer::Failed(failure) => Some(failure),
        ReadAnswer::Found(_) | ReadAnswer::NotFound => None,
    }
}

/// There is something in it, it was not cut, and in a list by lines it is one.
fn is_whole(text: &str, limit: usize) -> Checked {
    prop_assert!((1..=limit).contains(&text.len()), "{} bytes", text.len());
    prop_assert!(!text.chars().any(char::is_control), "{text:?}");
    Ok(())
}

fn check_audit(audit: &Audit) -> Checked {
    let Audit {
        state,
        start_time,
        scheduled_audit_name,
        checks,
    } = audit;
    check_state(state)?;
    if let Some(time) = start_time {
        prop_assert!(*time >= Timestamp::UNIX_EPOCH);
        prop_assert_eq!(time.round(Unit::Millisecond).unwrap(), *time);
    }
    if let Some(name) = scheduled_audit_name {
        is_whole(name, LONGEST_NAME)?;
    }
    prop_assert!(checks.len() <= 100);
    for (name, check) in checks {
        is_whole(name, LONGEST_NAME)?;
        if let CheckState::Other(state) = &check.state {
            prop_assert!(state.chars().count() <= LONGEST_NAME);
        }
        if let Some(code) = &check.error_code {
            prop_assert!(code.chars().count() <= LONGEST_NAME);
        }
        for count in [check.resources, check.non_compliant, check.suppressed] {
            prop_assert!(count.is_none_or(|count| count >= 0));
        }
    }
    Ok(())
}

fn check_state(state: &AuditState) -> Checked {
    if let AuditState::Other(state) = state {
        prop_assert!(state.chars().count() <= LONGEST_NAME);
    }
    Ok(())
}

fn check_finding(finding: &Finding) -> Checked {
    let Finding {
        id,
        check,
        reason_code,
        resource,
        is_suppressed: _,
    } = finding;
    is_whole(id, LONGEST_NAME)?;
    is_whole(check, LONGEST_NAME)?;
    if let Some(code) = reason_code {
        is_whole(code, LONGEST_NAME)?;
    }
    if let Some(resource) = resource {
        prop_assert!(resource.chars().count() <= 256 && !resource.chars().any(char::is_control));
    }
    Ok(())
}

pub(crate) fn check_actions<'a>(actions: impl IntoIterator<Item = &'a ActionDefinition>) -> Checked {
    for action in actions {
        let ActionDefinition {
            name,
            id,
            type_,
            role_arn,
            parameters,
            last_modified: _,
        } = action;
        is_whole(name, LONGEST_NAME)?;
        for text in [id, role_arn].into_iter().flatten().chain(parameters.values()) {
            is_whole(text, LONGEST_ARN)?;
        }
        if let Some(type_) = type_ {
            is_whole(type_, LONGEST_NAME)?;
        }
        prop_assert!((1..=2).contains(&parameters.len()), "{parameters:?}");
    }
    Ok(())
}
