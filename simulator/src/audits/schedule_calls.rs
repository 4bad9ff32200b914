//! The operations on scheduled audits.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Schedule;
use crate::answer::ServiceError;
use crate::input::{text, texts};
use crate::lists::page;
use crate::scope::Scope;
use crate::state::State;

/// Scheduled audits that an account can have.
const SCHEDULED_AUDITS: usize = 5;

fn arn(scope: &Scope, name: &str) -> String {
    scope.arn("scheduledaudit", name)
}

/// What is told of a schedule; `every` is the simulator's own.
fn told(scope: &Scope, schedule: &Schedule) -> Value {
    let mut answer = json!(schedule);
    if let Some(members) = answer.as_object_mut() {
        members.remove("every");
        let arn = arn(scope, &schedule.scheduled_audit_name);
        members.insert("scheduledAuditArn".to_owned(), json!(arn));
    }
    answer
}

impl State {
    pub(crate) fn list_schedules(&self, scope: &Scope, input: &Value) -> Result<Value, ServiceError> {
        let schedules = self.catalogue.schedules.values();
        let items: Vec<Value> = schedules
            .map(|scheduled| {
                let mut item = told(scope, &scheduled.schedule);
                if let Some(members) = item.as_object_mut() {
                    members.remove("targetCheckNames");
                }
                item
            })
            .collect();
        page("scheduledAudits", &items, input)
    }

    pub(crate) fn describe_schedule(&self, scope: &Scope, input: &Value) -> Result<Value, ServiceError> {
        let scheduled = self.catalogue.schedules.get(name(input));
        let scheduled = scheduled.ok_or_else(ServiceError::not_found)?;
        Ok(told(scope, &scheduled.schedule))
    }

    pub(crate) fn create_schedule(
        &mut self,
        now: Timestamp,
        scope: &Scope,
        input: &Value,
    ) -> Result<Value, ServiceError> {
        if self.catalogue.schedules.contains_key(name(input)) {
            return Err(ServiceError::resource_exists(name(input)));
        }
        if self.catalogue.schedules.len() >= SCHEDULED_AUDITS {
            return Err(ServiceError::too_many("scheduled audits"));
        }
        let mut schedule = Schedule::new(name(input), []);
        schedule.every = Some(schedule.period());
        self.put_schedule(now, scope, schedule, input)
    }

    pub(crate) fn update_schedule(
        &mut self,
        now: Timestamp,
        scope: &Scope,
        input: &Value,
    ) -> Result<Value, ServiceError> {
        let scheduled = self.catalogue.schedules.get(name(input));
        let schedule = scheduled.ok_or_else(ServiceError::not_found)?.schedule.clone();
        self.put_schedule(now, scope, schedule, input)
    }

    pub(crate) fn delete_schedule(&mut self, input: &Value) -> Result<Value, ServiceError> {
        let removed = self.catalogue.schedules.remove(name(input));
        removed.map(|_| json!({})).ok_or_else(ServiceError::not_found)
    }

    /// Stores a schedule with what a request changes. One that was made by a request runs by its frequency, as the
    /// service's do.
    fn put_schedule(
        &mut self,
        now: Timestamp,
        scope: &Scope,
        mut schedule: Schedule,
        input: &Value,
    ) -> Result<Value, ServiceError> {
        let by_frequency = schedule.every == Some(schedule.period());
        let member = |name: &str| text(input, name).map(str::to_owned);
        if let Some(frequency) = member("frequency") {
            schedule.frequency = frequency;
            (schedule.day_of_month, schedule.day_of_week) = (None, None);
        }
        schedule.day_of_month = member("dayOfMonth").or(schedule.day_of_month);
        schedule.day_of_week = member("dayOfWeek").or(schedule.day_of_week);
        if input.get("targetCheckNames").is_some() {
            schedule.target_check_names = texts(input, "targetCheckNames");
        }
        if by_frequency {
            schedule.every = Some(schedule.period());
        }
        let needed = match schedule.frequency.as_str() {
            "MONTHLY" if schedule.day_of_month.is_none() => Some("dayOfMonth is needed where frequency is MONTHLY."),
            "WEEKLY" | "BIWEEKLY" if schedule.day_of_week.is_none() => {
                Some("dayOfWeek is needed where frequency is WEEKLY or BIWEEKLY.")
            }
            _ if schedule.target_check_names.is_empty() => Some("targetCheckNames must name a check."),
            _ => None,
        };
        if let Some(needed) = needed {
            return Err(ServiceError::invalid(needed));
        }
        let arn = arn(scope, &schedule.scheduled_audit_name);
        self.catalogue
            .add_schedule(&self.model, schedule, now)
            .map_err(|error| ServiceError::invalid(error.to_string()))?;
        Ok(json!({ "scheduledAuditArn": arn }))
    }
}

fn name(input: &Value) -> &str {
    text(input, "scheduledAuditName").unwrap_or_default()
}
