//! The calls that only read, tried on what nobody has: being told that it isn't there takes credentials and the right to
//! ask.

use super::classify::Problem;
use super::service::{REPEATABLE, Service};
use crate::core::answer::{ErrorClass, Operation};

/// A task, a finding and an audit that nobody has.
const NOTHING: &str = "audit-mitigation-operator-check";

impl Service {
    /// Tries each operation that has no effect, and says why it can't be used.
    pub async fn try_reads(&self, region: &str) -> Vec<(Operation, Result<(), String>)> {
        let client = self.client(region);
        let call = client.describe_audit_mitigation_actions_task().task_id(NOTHING);
        let described = self.counted(Operation::Describe, region, call.send(), REPEATABLE).await;
        let mut tried = vec![(Operation::Describe, judge(Operation::Describe, described))];
        // What can't be reached, or doesn't know the credentials, would say the same three times.
        if tried.iter().any(|(_, judged)| {
            judged
                .as_ref()
                .is_err_and(|(class, _)| *class != ErrorClass::AccessDenied)
        }) {
            return told(tried);
        }
        let call = client
            .list_audit_mitigation_actions_executions()
            .task_id(NOTHING)
            .finding_id(NOTHING)
            .max_results(1);
        let listed = self
            .counted(Operation::ListExecutions, region, call.send(), REPEATABLE)
            .await;
        tried.push((Operation::ListExecutions, judge(Operation::ListExecutions, listed)));
        let call = client.list_audit_findings().task_id(NOTHING).max_results(1);
        let listed = self
            .counted(Operation::ListFindings, region, call.send(), REPEATABLE)
            .await;
        tried.push((Operation::ListFindings, judge(Operation::ListFindings, listed)));
        told(tried)
    }
}

type Judged = Result<(), (ErrorClass, String)>;

/// Whatever the service says of something that isn't there, it has let the operator ask.
fn judge<T>(operation: Operation, result: Result<T, Problem>) -> Judged {
    let Err(problem) = result else { return Ok(()) };
    let is_answer = matches!(
        problem.refusal(),
        Some("ResourceNotFoundException" | "InvalidRequestException")
    );
    if is_answer {
        return Ok(());
    }
    let failure = problem.into_failure(operation);
    Err((failure.class, failure.message))
}

fn told(tried: Vec<(Operation, Judged)>) -> Vec<(Operation, Result<(), String>)> {
    let told = tried
        .into_iter()
        .map(|(operation, judged)| (operation, judged.map_err(|(_, message)| message)));
    told.collect()
}
