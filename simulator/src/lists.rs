//! The lists of tasks, executions and findings.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::answer::ServiceError;
use crate::catalogue::Finding;
use crate::clock::epoch;
use crate::input::text;
use crate::scope::Scope;
use crate::state::State;

/// What a list gives when it isn't told how many.
const PAGE: usize = 25;

/// One page of a list. The token holds the list's name, so that the token of another list is refused.
pub(crate) fn page(list: &str, items: &[Value], input: &Value) -> Result<Value, ServiceError> {
    let from = match text(input, "nextToken") {
        None => 0,
        Some(token) => token
            .strip_prefix(list)
            .and_then(|rest| rest.strip_prefix('.')?.parse().ok())
            .filter(|from| *from <= items.len())
            .ok_or_else(|| ServiceError::invalid("The nextToken is not valid."))?,
    };
    let size = input
        .get("maxResults")
        .and_then(Value::as_u64)
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(PAGE);
    let next = from.saturating_add(size);
    let shown: Vec<&Value> = items.iter().skip(from).take(size).collect();
    let mut answer = Map::new();
    answer.insert(list.to_owned(), json!(shown));
    if next < items.len() {
        answer.insert("nextToken".to_owned(), json!(format!("{list}.{next}")));
    }
    Ok(Value::Object(answer))
}

/// The window of startTime and endTime, both included.
pub(crate) fn window(input: &Value) -> Result<(f64, f64), ServiceError> {
    let time = |member: &str| input.get(member).and_then(Value::as_f64);
    match (time("startTime"), time("endTime")) {
        (Some(start), Some(end)) if start <= end => Ok((start, end)),
        (Some(_), Some(_)) => Err(ServiceError::invalid("startTime must not be after endTime.")),
        _ => Err(ServiceError::invalid("startTime and endTime are needed.")),
    }
}

impl State {
    pub(crate) fn list_tasks(
        &self,
        now: Timestamp,
        scope: &Scope,
        input: &Value,
        shown: Option<&str>,
    ) -> Result<Value, ServiceError> {
        let (start, end) = window(input)?;
        let tasks = self.scopes.get(scope);
        let found = tasks
            .into_iter()
            .flat_map(|tasks| tasks.by_start.iter().filter_map(|(_, id)| tasks.by_id.get(id)));
        let found = found.filter(|task| {
            let time = epoch(task.start);
            (start..=end).contains(&time)
                && self.is_visible(now, task)
                && text(input, "auditTaskId").is_none_or(|audit| task.target.audit_task_id.as_deref() == Some(audit))
                && text(input, "findingId").is_none_or(|finding| task.has_finding(finding))
                && text(input, "taskStatus").is_none_or(|status| task.status(now) == status)
        });
        let items: Vec<Value> = found
            .map(|task| {
                let status = shown.unwrap_or_else(|| task.status(now));
                json!({"taskId": task.id, "startTime": epoch(task.start), "taskStatus": status})
            })
            .collect();
        page("tasks", &items, input)
    }

    pub(crate) fn list_executions(&self, now: Timestamp, scope: &Scope, input: &Value) -> Result<Value, ServiceError> {
        let member = |name| text(input, name).unwrap_or_default();
        let task = self
            .scopes
            .get(scope)
            .and_then(|tasks| tasks.by_id.get(member("taskId")));
        let pending = self.config.settings.readings.pending_executions;
        let task = task.filter(|task| self.is_visible(now, task));
        let mut items = task
            .map(|task| task.executions(member("findingId"), now, pending))
            .unwrap_or_default();
        if let Some(status) = text(input, "actionStatus") {
            items.retain(|item| text(item, "status") == Some(status));
        }
        page("actionsExecutions", &items, input)
    }

    pub(crate) fn list_findings(&self, now: Timestamp, input: &Value) -> Result<Value, ServiceError> {
        let has_window = ["startTime", "endTime"]
            .iter()
            .any(|member| input.get(member).is_some_and(|value| !value.is_null()));
        let audit = text(input, "taskId");
        let found: Vec<&Finding> = match (audit, has_window) {
            (Some(_), true) => {
                return Err(ServiceError::invalid(
                    "Give either taskId or startTime and endTime, not both.",
                ));
            }
            (Some(audit), false) => self.catalogue.of_audit(audit).collect(),
            (None, _) => {
                let (start, end) = window(input)?;
                let all = self.catalogue.findings.values();
                all.filter(|finding| (start..=end).contains(&finding.finding_time))
                    .collect()
            }
        };
        let suppressed = input.get("listSuppressedFindings").and_then(Value::as_bool);
        let wanted = input.get("resourceIdentifier").and_then(Value::as_object);
        let matches = |finding: &Finding| {
            let resource = finding
                .rest
                .get("nonCompliantResource")
                .and_then(|resource| resource.get("resourceIdentifier"));
            self.is_kept(now, finding)
                && self.is_told(now, finding)
                && text(input, "checkName").is_none_or(|check| finding.check_name == check)
                && suppressed.is_none_or(|suppressed| finding.is_suppressed == suppressed)
                && wanted.is_none_or(|wanted| {
                    wanted
                        .iter()
                        .all(|(key, value)| resource.and_then(|given| given.get(key)) == Some(value))
                })
        };
        let told = found.into_iter().map(|finding| self.told(finding));
        let items: Vec<Value> = told
            .filter(|finding| matches(finding))
            .map(|finding| json!(finding))
            .collect();
        page("findings", &items, input)
    }

    pub(crate) fn describe_finding(&self, now: Timestamp, input: &Value) -> Result<Value, ServiceError> {
        let finding = self.finding(now, text(input, "findingId").unwrap_or_default());
        finding
            .map(|finding| json!({ "finding": self.told(finding) }))
            .ok_or_else(ServiceError::not_found)
    }
}
