//! Which actions failed: a bounded look at the executions of a task that ended.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_iot::types::AuditMitigationActionsExecutionStatus;
use tokio::time::timeout;

use super::classify::Problem;
use super::service::{REPEATABLE, Service};
use super::shapes;
use crate::api::{FindingFailure, Target};
use crate::core::answer::{Described, FailedActions, Operation};
use crate::core::task::status::findings::failed_findings;
use crate::core::task::step::TaskAddress;

/// The most failures in a status.
const MAX_FAILURES: usize = 25;
/// The most calls for one task that ended.
const MAX_CALLS: usize = 50;
/// The longest that the look may take.
const MAX_TIME: Duration = Duration::from_secs(20);

/// A finding to ask about, and the check that found it where that is known.
type Finding = (String, Option<String>);

impl Service {
    /// The failed actions of a task, as far as 50 calls and 20 seconds show them. The executions can only be listed
    /// for a task and a finding together, so the findings of an audit are listed first. An error ends the look and
    /// holds up nothing: what was found is kept, and said to be incomplete. The calls are made in turns of the resource.
    pub async fn failed_actions(&self, uid: &str, task: &TaskAddress, described: &Described) -> FailedActions {
        let mut search = Search {
            uid,
            calls: 0,
            failures: Vec::new(),
            is_complete: false,
            problem: None,
        };
        // Dropping the search at the time-out keeps what it has found so far.
        let in_time = timeout(MAX_TIME, search.run(self, task, described)).await.is_ok();
        let found: BTreeSet<&str> = search
            .failures
            .iter()
            .map(|failure| failure.finding_id.as_str())
            .collect();
        let expected = usize::try_from(failed_findings(&described.statistics)).unwrap_or(usize::MAX);
        let truncated = !in_time || !search.is_complete || found.len() < expected;
        FailedActions {
            failures: search.failures,
            truncated,
            problem: search.problem,
        }
    }
}

struct Search<'a> {
    uid: &'a str,
    calls: usize,
    failures: Vec<FindingFailure>,
    is_complete: bool,
    /// Why a List had no result.
    problem: Option<String>,
}

impl Search<'_> {
    async fn run(&mut self, service: &Service, task: &TaskAddress, described: &Described) {
        let Some(target) = &described.target else { return };
        let named = target.finding_ids.as_deref().unwrap_or_default();
        if named.is_empty() {
            self.run_over_audit(service, task, described, target).await;
        } else {
            let findings = named.iter().map(|id| (id.clone(), None)).collect::<Vec<Finding>>();
            self.is_complete = self.look_at(service, task, described, &findings).await;
        }
    }

    async fn run_over_audit(&mut self, service: &Service, task: &TaskAddress, described: &Described, target: &Target) {
        let Some(audit) = &target.audit_task_id else { return };
        let mut next_token = None;
        loop {
            if !self.may_call() {
                return;
            }
            let call = service
                .client(&task.region)
                .list_audit_findings()
                .task_id(audit)
                .list_suppressed_findings(false)
                .max_results(250)
                .set_next_token(next_token);
            service
                .pace()
                .wait(self.uid, Operation::ListFindings, &task.region)
                .await;
            let listed = service.counted(Operation::ListFindings, &task.region, call.send(), REPEATABLE);
            let page = match listed.await {
                Ok(page) => page,
                Err(problem) => return self.failed(Operation::ListFindings, problem),
            };
            let findings: Vec<Finding> = page
                .findings
                .unwrap_or_default()
                .into_iter()
                .filter(|finding| has_failures(described, finding.check_name.as_deref()))
                .filter_map(|finding| Some((finding.finding_id?, finding.check_name)))
                .collect();
            if !self.look_at(service, task, described, &findings).await {
                return;
            }
            next_token = page.next_token;
            if next_token.is_none() {
                self.is_complete = true;
                return;
            }
        }
    }

    /// Looks at each finding; false when it had to stop.
    async fn look_at(
        &mut self,
        service: &Service,
        task: &TaskAddress,
        described: &Described,
        findings: &[Finding],
    ) -> bool {
        for (finding, check_name) in findings {
            if !self.may_call() {
                return false;
            }
            let call = service
                .client(&task.region)
                .list_audit_mitigation_actions_executions()
                .task_id(&task.task_id)
                .finding_id(finding)
                .action_status(AuditMitigationActionsExecutionStatus::Failed);
            service
                .pace()
                .wait(self.uid, Operation::ListExecutions, &task.region)
                .await;
            let listed = service.counted(Operation::ListExecutions, &task.region, call.send(), REPEATABLE);
            let page = match listed.await {
                Ok(page) => page,
                Err(problem) => {
                    self.failed(Operation::ListExecutions, problem);
                    return false;
                }
            };
            for execution in page.actions_executions.unwrap_or_default() {
                if self.failures.len() >= MAX_FAILURES {
                    return false;
                }
                let check = check_name.clone().or_else(|| only_check(described));
                self.failures.push(shapes::failure(execution, check.as_deref()));
            }
            if page.next_token.is_some() {
                return false;
            }
        }
        true
    }

    fn failed(&mut self, operation: Operation, problem: Problem) {
        self.problem = Some(problem.into_failure(operation).message);
    }

    fn may_call(&mut self) -> bool {
        self.calls += 1;
        self.calls <= MAX_CALLS && self.failures.len() < MAX_FAILURES
    }
}

/// Findings of checks without failures need no look, and those of checks that the task has no actions for even less: an
/// audit has findings of many checks, and the calls are few.
fn has_failures(described: &Described, check: Option<&str>) -> bool {
    let Some(check) = check else { return true };
    match (described.statistics.get(check), &described.mapping) {
        (Some(counts), _) => counts.failed_findings_count != Some(0),
        (None, Some(mapping)) => mapping.contains_key(check),
        (None, None) => true,
    }
}

/// An execution doesn't say which check found its finding; with one check there is no doubt.
fn only_check(described: &Described) -> Option<String> {
    let mapping: &BTreeMap<_, _> = described.mapping.as_ref()?;
    let mut checks = mapping.keys();
    checks.next().filter(|_| checks.next().is_none()).cloned()
}
