//! The calls that only read, tried on what nobody has: being told that it isn't there takes credentials and the right to
//! ask.

use std::error::Error;

use aws_sdk_iot::config::http::HttpResponse;
use aws_sdk_iot::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iot::primitives::DateTime;
use jiff::Timestamp;

use super::service::{REPEATABLE, Service};
use crate::core::answer::{ErrorClass, Failure, Operation};

/// A task, a finding, an audit, an action and a schedule that nobody has.
const NOTHING: &str = "audit-mitigation-operator-check";

/// An operation, and why it can't be used if it can't.
type Tried = (Operation, Result<(), Failure>);

impl Service {
    /// Tries each operation that has no effect, and says why it can't be used.
    pub async fn try_reads(&self, region: &str) -> Vec<Tried> {
        use Operation as Op;
        let client = self.client(region);
        let call = client.describe_audit_mitigation_actions_task().task_id(NOTHING);
        let described = self.try_read(Op::Describe, region, call.send()).await;
        // What can't be reached, or doesn't know the credentials, would say the same each time.
        if let (_, Err(failure)) = &described
            && failure.class != ErrorClass::AccessDenied
        {
            return vec![described];
        }
        let executions = client
            .list_audit_mitigation_actions_executions()
            .task_id(NOTHING)
            .finding_id(NOTHING)
            .max_results(1);
        let findings = client.list_audit_findings().task_id(NOTHING).max_results(1);
        let audit = client.describe_audit_task().task_id(NOTHING);
        let finding = client.describe_audit_finding().finding_id(NOTHING);
        let action = client.describe_mitigation_action().action_name(NOTHING);
        let now = DateTime::from_secs(Timestamp::now().as_second());
        let audits = client.list_audit_tasks().start_time(now).end_time(now).max_results(1);
        let schedule = client.describe_scheduled_audit().scheduled_audit_name(NOTHING);
        vec![
            described,
            self.try_read(Op::ListExecutions, region, executions.send()).await,
            self.try_read(Op::ListFindings, region, findings.send()).await,
            self.try_read(Op::DescribeAudit, region, audit.send()).await,
            self.try_read(Op::DescribeFinding, region, finding.send()).await,
            self.try_read(Op::DescribeAction, region, action.send()).await,
            self.try_read(Op::ListAudits, region, audits.send()).await,
            self.try_read(Op::DescribeSchedule, region, schedule.send()).await,
        ]
    }

    /// Whatever the service says of something that isn't there, it has let the operator ask.
    async fn try_read<T, E>(
        &self,
        operation: Operation,
        region: &str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Tried
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let tried = match self.counted(operation, region, call, REPEATABLE).await {
            Ok(_) => Ok(()),
            Err(problem) => match problem.refusal() {
                Some("ResourceNotFoundException" | "InvalidRequestException") => Ok(()),
                _ => Err(problem.into_failure(operation)),
            },
        };
        (operation, tried)
    }
}
