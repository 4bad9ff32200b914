//! What is read for a plan, one call after the other.

use std::time::Duration;

use super::facts::{Facts, Listing};
use super::make::make;
use super::request::PlanRequest;
use crate::api::MitigationPlan;
use crate::core::answer::{
    ActionDefinition, Audit, AuditState, Effect, ErrorClass, Failure, Finding, FindingsPage, Operation, ReadAnswer,
};

/// The most calls for one plan.
pub const MAX_CALLS: usize = 120;
/// How long the calls of one plan may take together, without the waits for their turns.
const MAX_TIME: Duration = Duration::from_secs(20);

/// A call for a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanRead {
    /// `DescribeAuditTask` of this audit.
    Audit(String),
    /// `DescribeAuditFinding` of this finding.
    Finding(String),
    /// `DescribeMitigationAction` of this action.
    Action(String),
    /// A page of `ListAuditFindings`, unsuppressed ones only.
    Findings {
        /// Of this audit.
        audit: String,
        /// Of this check.
        check: String,
        /// From where the page before has ended.
        next_token: Option<String>,
    },
}

impl PlanRead {
    /// The operation that is called.
    pub const fn operation(&self) -> Operation {
        match self {
            Self::Audit(_) => Operation::DescribeAudit,
            Self::Finding(_) => Operation::DescribeFinding,
            Self::Action(_) => Operation::DescribeAction,
            Self::Findings { .. } => Operation::ListFindings,
        }
    }
}

/// The answer to a [`PlanRead`], one variant for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanAnswer {
    /// To [`PlanRead::Audit`].
    Audit(ReadAnswer<Audit>),
    /// To [`PlanRead::Finding`].
    Finding(ReadAnswer<Finding>),
    /// To [`PlanRead::Action`].
    Action(ReadAnswer<ActionDefinition>),
    /// To [`PlanRead::Findings`].
    Findings(Result<FindingsPage, Failure>),
}

/// What came of reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanOutcome {
    /// The plan.
    Made(Box<MitigationPlan>),
    /// The audit has not ended.
    AuditInProgress,
    /// There is no such audit.
    NoAudit(String),
    /// There is no such finding.
    NoFinding(String),
    /// There is no such action.
    NoAction(String),
}

/// What was read until now, and what it has cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanReading {
    facts: Facts,
    calls: usize,
    took: Duration,
}

impl PlanReading {
    /// The next call; `None` when all is read that may be.
    pub fn next(&self, request: &PlanRequest<'_>) -> Option<PlanRead> {
        let audit = request.target.audit_task_id.as_ref();
        if let Some(audit) = audit.filter(|_| self.facts.audit.is_none()) {
            return Some(PlanRead::Audit(audit.clone()));
        }
        let missing = |id: &&&str| !self.facts.named.contains_key(**id);
        if let Some(finding) = request.findings().iter().find(missing) {
            return Some(PlanRead::Finding((*finding).to_owned()));
        }
        let missing = |name: &&&str| !self.facts.actions.contains_key(**name);
        if let Some(action) = request.actions().iter().find(missing) {
            return Some(PlanRead::Action((*action).to_owned()));
        }
        // Only a listing may be cut: what else is missing would be missing in the hash.
        let audit = audit.filter(|_| self.calls < MAX_CALLS)?;
        let listing = |check: &String| self.facts.listings.get(check);
        let check = request
            .mapping
            .keys()
            .find(|check| listing(check).is_none_or(Listing::has_more))?;
        Some(PlanRead::Findings {
            audit: audit.clone(),
            check: check.clone(),
            next_token: listing(check).and_then(|listing| listing.next_token().cloned()),
        })
    }

    /// Takes in the answer to the next call, which took that long; says what came of it, once that is plain.
    ///
    /// # Errors
    /// When the call brought no answer to its question: then all is read anew.
    pub fn take_in(
        &mut self,
        request: &PlanRequest<'_>,
        read: &PlanRead,
        answer: PlanAnswer,
        took: Duration,
    ) -> Result<Option<PlanOutcome>, Failure> {
        self.calls += 1;
        self.took += took;
        if let Some(outcome) = self.keep(read, answer)? {
            return Ok(Some(outcome));
        }
        if self.next(request).is_none() {
            return Ok(Some(PlanOutcome::Made(Box::new(make(&self.facts, request)))));
        }
        if self.took > MAX_TIME {
            return Err(self.too_slow());
        }
        Ok(None)
    }

    fn keep(&mut self, read: &PlanRead, answer: PlanAnswer) -> Result<Option<PlanOutcome>, Failure> {
        match (read, answer) {
            (PlanRead::Audit(id), PlanAnswer::Audit(answer)) => match answer {
                ReadAnswer::Found(audit) if audit.state == AuditState::InProgress => {
                    return Ok(Some(PlanOutcome::AuditInProgress));
                }
                ReadAnswer::Found(audit) => self.facts.audit = Some(audit),
                ReadAnswer::NotFound => return Ok(Some(PlanOutcome::NoAudit(id.clone()))),
                ReadAnswer::Failed(failure) => return Err(failure),
            },
            (PlanRead::Finding(id), PlanAnswer::Finding(answer)) => match answer {
                ReadAnswer::Found(finding) => drop(self.facts.named.insert(id.clone(), finding)),
                ReadAnswer::NotFound => return Ok(Some(PlanOutcome::NoFinding(id.clone()))),
                ReadAnswer::Failed(failure) => return Err(failure),
            },
            (PlanRead::Action(name), PlanAnswer::Action(answer)) => match answer {
                ReadAnswer::Found(action) => drop(self.facts.actions.insert(name.clone(), action)),
                ReadAnswer::NotFound => return Ok(Some(PlanOutcome::NoAction(name.clone()))),
                ReadAnswer::Failed(failure) => return Err(failure),
            },
            (PlanRead::Findings { check, .. }, PlanAnswer::Findings(answer)) => {
                let page = answer?;
                self.facts.listings.entry(check.clone()).or_default().add(page);
            }
            // The answer to another question says nothing: the question is asked again.
            _ => {}
        }
        Ok(None)
    }

    fn too_slow(&self) -> Failure {
        Failure {
            class: ErrorClass::ServiceUnavailable,
            effect: Effect::None,
            message: format!(
                "the service took more than {} seconds for {} of the calls that a plan needs",
                MAX_TIME.as_secs(),
                self.calls
            ),
        }
    }
}
