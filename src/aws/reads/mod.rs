//! The reads that a plan and a policy rest on: audits, findings, mitigation actions, schedules.
//!
//! Each is one attempt, and whoever calls has asked the [`Pace`](super::Pace) before. What they answer is hashed, compared
//! and counted, so nothing of it is cut such that two different values look alike: what the service's model has no room
//! for makes the whole answer an unexpected one.

mod actions;
mod audits;
mod findings;

use std::error::Error;

use aws_sdk_iot::config::http::HttpResponse;
use aws_sdk_iot::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iot::primitives::DateTime;
use aws_sdk_iot::types::AuditTaskType;
use jiff::Timestamp;

pub(super) use self::actions::applied;
use super::service::{REPEATABLE, Service};
use crate::core::answer::{
    ActionDefinition, Audit, AuditsPage, Effect, ErrorClass, Failure, Finding, FindingsPage, Operation, ReadAnswer,
    ScheduledAudit,
};
use crate::core::mitigation_plan::{PlanAnswer, PlanRead};

/// The longest id or name in the service's model.
const MAX_NAME: usize = 128;
/// The longest ARN in the service's model, and longer than any parameter of an action.
const MAX_ARN: usize = 2_048;
/// Several times the longest token that a page was seen to end with; the model has no limit.
const MAX_TOKEN: usize = 4_096;
/// The most of a page, which is also the service's own limit.
const PAGE: u16 = 250;

impl Service {
    /// Makes a call for a plan.
    pub async fn read_for_plan(&self, region: &str, read: &PlanRead) -> PlanAnswer {
        match read {
            PlanRead::Audit(audit) => PlanAnswer::Audit(self.describe_audit(region, audit).await),
            PlanRead::Finding(finding) => PlanAnswer::Finding(self.describe_finding(region, finding).await),
            PlanRead::Action(name) => PlanAnswer::Action(self.describe_action(region, name).await),
            PlanRead::Findings {
                audit,
                check,
                next_token,
            } => PlanAnswer::Findings(self.list_findings(region, audit, check, next_token.as_deref()).await),
        }
    }

    /// `DescribeAuditTask`
    pub async fn describe_audit(&self, region: &str, audit: &str) -> ReadAnswer<Audit> {
        let call = self.client(region).describe_audit_task().task_id(audit);
        self.described(Operation::DescribeAudit, region, call.send(), audits::audit)
            .await
    }

    /// `DescribeAuditFinding`
    pub async fn describe_finding(&self, region: &str, finding: &str) -> ReadAnswer<Finding> {
        let call = self.client(region).describe_audit_finding().finding_id(finding);
        self.described(Operation::DescribeFinding, region, call.send(), findings::described)
            .await
    }

    /// `DescribeMitigationAction`
    pub async fn describe_action(&self, region: &str, name: &str) -> ReadAnswer<ActionDefinition> {
        let call = self.client(region).describe_mitigation_action().action_name(name);
        self.described(Operation::DescribeAction, region, call.send(), |output| {
            actions::defined(name, output)
        })
        .await
    }

    /// `DescribeScheduledAudit`
    pub async fn describe_schedule(&self, region: &str, name: &str) -> ReadAnswer<ScheduledAudit> {
        let call = self
            .client(region)
            .describe_scheduled_audit()
            .scheduled_audit_name(name);
        self.described(Operation::DescribeSchedule, region, call.send(), audits::schedule)
            .await
    }

    /// A page of `ListAuditFindings`: of the findings of one check in one audit, those that are not suppressed.
    ///
    /// # Errors
    /// When there is no page, or none that the service's model has.
    pub async fn list_findings(
        &self,
        region: &str,
        audit: &str,
        check: &str,
        next_token: Option<&str>,
    ) -> Result<FindingsPage, Failure> {
        let call = self
            .client(region)
            .list_audit_findings()
            .task_id(audit)
            .check_name(check)
            // mutant: a-plan-with-suppressed-findings
            .list_suppressed_findings(false)
            .max_results(PAGE.into())
            .set_next_token(next_token.map(str::to_owned));
        self.listed(Operation::ListFindings, region, call.send(), |output| {
            findings::page(output, next_token)
        })
        .await
    }

    /// A page of `ListAuditTasks`: of the scheduled audits of this time, with whatever status.
    ///
    /// # Errors
    /// When there is no page, or none that the service's model has.
    pub async fn list_audits(
        &self,
        region: &str,
        from: Timestamp,
        to: Timestamp,
        next_token: Option<&str>,
    ) -> Result<AuditsPage, Failure> {
        let call = self
            .client(region)
            .list_audit_tasks()
            .start_time(DateTime::from_millis(from.as_millisecond()))
            .end_time(DateTime::from_millis(to.as_millisecond()))
            // mutant: audits-that-nobody-scheduled
            .task_type(AuditTaskType::ScheduledAuditTask)
            .max_results(PAGE.into())
            .set_next_token(next_token.map(str::to_owned));
        self.listed(Operation::ListAudits, region, call.send(), |output| {
            audits::page(output, next_token)
        })
        .await
    }

    async fn described<O, E, T>(
        &self,
        operation: Operation,
        region: &str,
        call: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        shape: impl FnOnce(O) -> Result<T, Unexpected>,
    ) -> ReadAnswer<T>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match self.counted(operation, region, call, REPEATABLE).await {
            Ok(output) => match shape(output) {
                Ok(shaped) => ReadAnswer::Found(shaped),
                Err(unexpected) => ReadAnswer::Failed(unexpected.into_failure(operation)),
            },
            Err(problem) => match problem.refusal() {
                Some("ResourceNotFoundException") => ReadAnswer::NotFound,
                _ => ReadAnswer::Failed(problem.into_failure(operation)),
            },
        }
    }

    async fn listed<O, E, T>(
        &self,
        operation: Operation,
        region: &str,
        call: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        shape: impl FnOnce(O) -> Result<T, Unexpected>,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let answer = self.counted(operation, region, call, REPEATABLE).await;
        let output = answer.map_err(|problem| problem.into_failure(operation))?;
        shape(output).map_err(|unexpected| unexpected.into_failure(operation))
    }
}

/// What an answer has that nobody could tell apart from something else, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unexpected {
    what: &'static str,
    advice: &'static str,
}

impl Unexpected {
    /// Something that the service's model has no room for: it is hardly the service that answers.
    const fn by_the_model(what: &'static str) -> Self {
        Self {
            what,
            advice: "which the service's model doesn't have; check the operator's endpoint",
        }
    }

    fn into_failure(self, operation: Operation) -> Failure {
        let Self { what, advice } = self;
        Failure {
            class: ErrorClass::UnexpectedAnswer,
            effect: Effect::None,
            message: format!("{} was answered with {what}, {advice}", operation.name()),
        }
    }
}

/// A text that is hashed, compared or asked for again, whole; none where there is nothing in it.
fn exact(text: Option<String>, limit: usize, what: &'static str) -> Result<Option<String>, Unexpected> {
    match text.filter(|text| !text.trim().is_empty()) {
        Some(text) if text.len() > limit || text.chars().any(char::is_control) => Err(Unexpected::by_the_model(what)),
        text => Ok(text),
    }
}

/// Where the next page begins. A page that leads to itself would never end.
fn next_page(answered: Option<String>, asked: Option<&str>) -> Result<Option<String>, Unexpected> {
    match exact(answered, MAX_TOKEN, "a token that no page can have")? {
        Some(token) if Some(token.as_str()) == asked => {
            Err(Unexpected::by_the_model("a page that names itself as the next one"))
        }
        token => Ok(token),
    }
}
