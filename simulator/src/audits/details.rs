//! The list of audits, and what an audit tells of its checks.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Audit, CheckResult, CheckRun};
use crate::answer::ServiceError;
use crate::clock::epoch;
use crate::input::text;
use crate::lists::{page, window};
use crate::readings::{AuditCounts, AuditOrder, AuditWindow, NonCompliantCount};
use crate::state::State;

impl State {
    pub(crate) fn list_audits(&self, now: Timestamp, input: &Value) -> Result<Value, ServiceError> {
        let (start, end) = window(input)?;
        let readings = &self.config.settings.readings;
        if start < epoch(now) - readings.retention.as_secs_f64() {
            return Err(ServiceError::invalid(
                "startTime is before the time for which audits are kept.",
            ));
        }
        let is_in_window = |audit: &Audit| {
            let last = match readings.audit_window {
                AuditWindow::Start => audit.start,
                AuditWindow::Overlap => audit.last_moment(now),
            };
            audit
                .start
                .zip(last)
                .is_some_and(|(first, last)| epoch(first) <= end && start <= epoch(last))
        };
        let found = self.catalogue.audits.values().filter(|audit| {
            self.audit(now, &audit.task_id).is_some()
                && is_in_window(audit)
                && text(input, "taskType").is_none_or(|kind| audit.task_type == kind)
                && text(input, "taskStatus").is_none_or(|status| audit.status(now) == status)
        });
        let mut found: Vec<&Audit> = found.collect();
        match readings.audit_order {
            AuditOrder::ById => {}
            AuditOrder::OldestFirst => found.sort_by_key(|audit| audit.start),
            AuditOrder::NewestFirst => found.sort_by_key(|audit| std::cmp::Reverse(audit.start)),
        }
        let items: Vec<Value> = found
            .iter()
            .map(|audit| json!({"taskId": audit.task_id, "taskStatus": audit.status(now), "taskType": audit.task_type}))
            .collect();
        page("tasks", &items, input)
    }

    pub(crate) fn describe_audit(&self, now: Timestamp, input: &Value) -> Result<Value, ServiceError> {
        let audit = self
            .audit(now, text(input, "taskId").unwrap_or_default())
            .ok_or_else(ServiceError::not_found)?;
        let details: Map<String, Value> = audit
            .checks
            .iter()
            .map(|check| (check.clone(), self.details(audit, check, now)))
            .collect();
        let with = |status: &str| {
            details
                .values()
                .filter(|detail| text(detail, "checkRunStatus") == Some(status))
                .count()
        };
        let mut answer = Map::new();
        answer.insert("taskStatus".to_owned(), json!(audit.status(now)));
        answer.insert("taskType".to_owned(), json!(audit.task_type));
        if let Some(start) = audit.start {
            answer.insert("taskStartTime".to_owned(), json!(epoch(start)));
        }
        if let Some(name) = &audit.scheduled_audit_name {
            answer.insert("scheduledAuditName".to_owned(), json!(name));
        }
        let statistics = json!({
            "totalChecks": details.len(),
            "inProgressChecks": with("IN_PROGRESS"),
            "waitingForDataCollectionChecks": with("WAITING_FOR_DATA_COLLECTION"),
            "compliantChecks": with("COMPLETED_COMPLIANT"),
            "nonCompliantChecks": with("COMPLETED_NON_COMPLIANT"),
            "failedChecks": with("FAILED"),
            "canceledChecks": with("CANCELED"),
        });
        answer.insert("taskStatistics".to_owned(), statistics);
        answer.insert("auditDetails".to_owned(), Value::Object(details));
        Ok(Value::Object(answer))
    }

    fn details(&self, audit: &Audit, check: &str, now: Timestamp) -> Value {
        let run = audit.check(check, now);
        if let CheckRun::Running(status) = run {
            // There is nothing to count yet.
            return json!({ "checkRunStatus": status });
        }
        let settings = &self.config.settings;
        let live = settings.readings.audit_counts == AuditCounts::Live;
        let (mut all, mut suppressed) = (0_u64, 0_u64);
        for finding in self.catalogue.of_audit(&audit.task_id) {
            if finding.check_name == check {
                let is_suppressed = if live {
                    finding.is_suppressed
                } else {
                    self.catalogue.was_suppressed(&finding.finding_id)
                };
                all = all.saturating_add(1);
                suppressed = suppressed.saturating_add(u64::from(is_suppressed));
            }
        }
        let result = audit.check_results.get(check).cloned().unwrap_or_default();
        let suppressed = result.suppressed_non_compliant_resources_count.unwrap_or(suppressed);
        let open = all.saturating_sub(suppressed);
        let (found, with_suppressed) = match settings.readings.non_compliant_count {
            NonCompliantCount::WithSuppressed => (all, true),
            NonCompliantCount::WithoutSuppressed => (open, false),
        };
        let counted = result.non_compliant_resources_count.unwrap_or(found);
        let left = if with_suppressed {
            counted.saturating_sub(suppressed)
        } else {
            counted
        };
        let status = match run {
            CheckRun::Told(status) => status,
            _ if left > 0 => "COMPLETED_NON_COMPLIANT",
            _ => "COMPLETED_COMPLIANT",
        };
        let mut details = json!(CheckResult {
            check_run_status: Some(status.to_owned()),
            total_resources_count: Some(
                result
                    .total_resources_count
                    .unwrap_or_else(|| all.saturating_add(settings.compliant_resources))
            ),
            non_compliant_resources_count: Some(counted),
            suppressed_non_compliant_resources_count: Some(suppressed),
            ..result
        });
        if let Some(members) = details.as_object_mut() {
            members.insert("checkCompliant".to_owned(), json!(status == "COMPLETED_COMPLIANT"));
        }
        details
    }
}
