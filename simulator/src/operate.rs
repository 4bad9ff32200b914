//! A call's work: its rate, its input, its operation.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::Operation;
use crate::answer::ServiceError;
use crate::rate::Bucket;
use crate::scope::Scope;
use crate::state::State;

impl State {
    #[allow(clippy::too_many_arguments, reason = "all that a call consists of")]
    pub(crate) fn operate(
        &mut self,
        wall: Timestamp,
        seq: u64,
        scope: &Scope,
        operation: Operation,
        input: Map<String, Value>,
        body: &Value,
        status: Option<&str>,
    ) -> Result<Value, ServiceError> {
        let now = self.clock.now(wall);
        self.run_due_audits(now);
        self.throttle(wall, now, scope, operation)?;
        let input = Value::Object(input);
        let operation_model = self
            .model
            .operations
            .get(&operation.to_string())
            .ok_or_else(ServiceError::internal)?;
        let verdict = self.model.check(&operation_model.input, &input);
        let message = verdict.message();
        if let Some(call) = self.calls.get_mut(seq) {
            call.unknown_members.extend(verdict.unknown);
        }
        if let Some(message) = message {
            return Err(ServiceError::invalid(message));
        }
        match operation {
            Operation::StartAuditMitigationActionsTask => self.start(now, scope, &input, body),
            Operation::DescribeAuditMitigationActionsTask => self.describe(now, scope, &input, status),
            Operation::CancelAuditMitigationActionsTask => self.cancel(now, scope, &input),
            Operation::ListAuditMitigationActionsTasks => self.list_tasks(now, scope, &input, status),
            Operation::ListAuditMitigationActionsExecutions => self.list_executions(now, scope, &input),
            Operation::ListAuditFindings => self.list_findings(now, &input),
            Operation::DescribeAuditFinding => self.describe_finding(now, &input),
            Operation::ListAuditTasks => self.list_audits(now, &input),
            Operation::DescribeAuditTask => self.describe_audit(now, &input),
            Operation::ListMitigationActions => self.list_actions(scope, &input),
            Operation::DescribeMitigationAction => self.describe_action(scope, &input),
            Operation::CreateMitigationAction => self.create_action(now, scope, &input),
            Operation::UpdateMitigationAction => self.update_action(now, scope, &input),
            Operation::DeleteMitigationAction => Ok(self.delete_action(&input)),
            Operation::StartOnDemandAuditTask => self.start_audit(now, &input),
            Operation::CancelAuditTask => self.cancel_audit(now, &input),
            Operation::ListScheduledAudits => self.list_schedules(scope, &input),
            Operation::DescribeScheduledAudit => self.describe_schedule(scope, &input),
            Operation::CreateScheduledAudit => self.create_schedule(now, scope, &input),
            Operation::UpdateScheduledAudit => self.update_schedule(now, scope, &input),
            Operation::DeleteScheduledAudit => self.delete_schedule(&input),
        }
    }

    fn throttle(
        &mut self,
        wall: Timestamp,
        now: Timestamp,
        scope: &Scope,
        operation: Operation,
    ) -> Result<(), ServiceError> {
        let settings = &self.config.settings;
        let tasks = self.scopes.entry(scope.clone()).or_default();
        tasks.settle(now, settings.readings.retention);
        let Some(rate) = settings.quotas.rate(operation) else {
            return Ok(());
        };
        let bucket = tasks.rates.entry(operation).or_insert_with(|| Bucket::full(rate, wall));
        if bucket.take(rate, wall) {
            Ok(())
        } else {
            Err(ServiceError::throttled())
        }
    }
}
