//! Calls a second, as a bucket of tokens that holds one second's worth.

use jiff::Timestamp;

use crate::{Operation, Quotas};

impl Quotas {
    /// The calls a second of an operation.
    pub(crate) fn rate(&self, operation: Operation) -> Option<u32> {
        match operation {
            Operation::StartAuditMitigationActionsTask | Operation::StartOnDemandAuditTask => self.start,
            Operation::CancelAuditMitigationActionsTask | Operation::CancelAuditTask => self.cancel,
            Operation::DescribeAuditMitigationActionsTask
            | Operation::DescribeAuditFinding
            | Operation::DescribeAuditTask
            | Operation::DescribeMitigationAction => self.describe,
            Operation::ListAuditMitigationActionsTasks
            | Operation::ListAuditMitigationActionsExecutions
            | Operation::ListAuditFindings
            | Operation::ListAuditTasks
            | Operation::ListMitigationActions => self.list,
            Operation::ListScheduledAudits
            | Operation::DescribeScheduledAudit
            | Operation::CreateScheduledAudit
            | Operation::UpdateScheduledAudit
            | Operation::DeleteScheduledAudit => self.scheduled_audits,
            Operation::CreateMitigationAction
            | Operation::UpdateMitigationAction
            | Operation::DeleteMitigationAction => self.define,
        }
    }
}

/// What is left of a rate.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    tokens: f64,
    seen: Timestamp,
}

impl Bucket {
    pub(crate) fn full(rate: u32, wall: Timestamp) -> Self {
        Self {
            tokens: f64::from(rate),
            seen: wall,
        }
    }

    /// Takes a token, if there is one. By the wall clock: a stopped simulator must not throttle for ever.
    pub(crate) fn take(&mut self, rate: u32, wall: Timestamp) -> bool {
        let elapsed = wall.duration_since(self.seen).as_secs_f64().max(0.0);
        self.seen = wall;
        self.tokens = elapsed.mul_add(f64::from(rate), self.tokens).min(f64::from(rate));
        let granted = self.tokens >= 1.0;
        if granted {
            self.tokens -= 1.0;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_a_second_s_worth_and_refills() {
        let at = |millis| Timestamp::from_millisecond(millis).unwrap();
        let mut bucket = Bucket::full(10, at(0));
        assert_eq!((0..20).filter(|_| bucket.take(10, at(0))).count(), 10);
        assert_eq!((0..20).filter(|_| bucket.take(10, at(500))).count(), 5);
        assert_eq!((0..20).filter(|_| bucket.take(10, at(90_000))).count(), 10);
    }
}
