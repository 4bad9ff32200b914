//! The calls that only read, tried on what nobody has: being told that it isn't there takes credentials and the right to
//! ask.

use std::error::Error;

use aws_sdk_iot::config::http::HttpResponse;
use aws_sdk_iot::error::{ProvideErrorMetadata, SdkError};

use super::service::{REPEATABLE, Service};
use crate::core::answer::{ErrorClass, Failure, Operation};

/// A task, a finding and an audit that nobody has.
const NOTHING: &str = "audit-mitigation-operator-check";

impl Service {
    /// Tries each operation that has no effect, and says why it can't be used.
    pub async fn try_reads(&self, region: &str) -> Vec<(Operation, Result<(), Failure>)> {
        let client = self.client(region);
        let call = client.describe_audit_mitigation_actions_task().task_id(NOTHING);
        let described = self.try_read(Operation::Describe, region, call.send()).await;
        // What can't be reached, or doesn't know the credentials, would say the same three times.
        if let Err(failure) = &described
            && failure.class != ErrorClass::AccessDenied
        {
            return vec![(Operation::Describe, described)];
        }
        let call = client
            .list_audit_mitigation_actions_executions()
            .task_id(NOTHING)
            .finding_id(NOTHING)
            .max_results(1);
        let executions = self.try_read(Operation::ListExecutions, region, call.send()).await;
        let call = client.list_audit_findings().task_id(NOTHING).max_results(1);
        let findings = self.try_read(Operation::ListFindings, region, call.send()).await;
        vec![
            (Operation::Describe, described),
            (Operation::ListExecutions, executions),
            (Operation::ListFindings, findings),
        ]
    }

    /// Whatever the service says of something that isn't there, it has let the operator ask.
    async fn try_read<T, E>(
        &self,
        operation: Operation,
        region: &str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<(), Failure>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let Err(problem) = self.counted(operation, region, call, REPEATABLE).await else {
            return Ok(());
        };
        match problem.refusal() {
            Some("ResourceNotFoundException" | "InvalidRequestException") => Ok(()),
            _ => Err(problem.into_failure(operation)),
        }
    }
}
