//! Start, Describe and Cancel of mitigation tasks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::actions::Action;
use crate::answer::ServiceError;
use crate::clock::{epoch, plus};
use crate::config::Settings;
use crate::input::text;
use crate::outcome::Outcome;
use crate::readings::{Choice, LimitCheck, Replay, ReplayOtherBody, TokenOfOtherTask};
use crate::scope::Scope;
use crate::state::State;
use crate::task::{Mapping, Target, TaskState};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartInput {
    task_id: String,
    target: Target,
    audit_check_to_actions_mapping: Mapping,
    client_request_token: String,
}

impl State {
    pub(crate) fn start(
        &mut self,
        now: Timestamp,
        scope: &Scope,
        input: &Value,
        body: &Value,
    ) -> Result<Value, ServiceError> {
        let request = StartInput::deserialize(input).map_err(|error| ServiceError::invalid(error.to_string()))?;
        self.counters.start_requested(&request.task_id);
        check_members(&self.config.settings, &request)?;

        let settings = &self.config.settings;
        let tasks = self.scopes.entry(scope.clone()).or_default();
        let taken = tasks.running.len().saturating_add(settings.quotas.running_by_others);
        let full = settings.quotas.running_tasks.is_some_and(|limit| taken >= limit);
        if full && settings.readings.limit == LimitCheck::BeforeReplay {
            return Err(ServiceError::limit());
        }
        if let Some(existing) = tasks.by_id.get(&request.task_id) {
            return replay(settings, existing, &request);
        }
        if tasks.tokens.contains_key(&request.client_request_token) {
            let message = "The client request token was used for another task.";
            match settings.readings.token_of_other_task {
                TokenOfOtherTask::TaskAlreadyExists => return Err(ServiceError::exists(message)),
                TokenOfOtherTask::InvalidRequest => return Err(ServiceError::invalid(message)),
                TokenOfOtherTask::Start => {}
            }
        }
        self.check_known(now, &request)?;
        if full {
            return Err(ServiceError::limit());
        }
        Ok(self.create(now, scope, request, body))
    }

    fn create(&mut self, now: Timestamp, scope: &Scope, request: StartInput, body: &Value) -> Value {
        let StartInput {
            task_id,
            target,
            audit_check_to_actions_mapping: mapping,
            client_request_token: token,
        } = request;
        let outcome = self.outcomes.of(&task_id);
        let findings = self.target_findings(now, &target, &mapping, &outcome);
        let usual = self.config.settings.task_duration;
        let definitions = self.definitions(now, &mapping);
        let mut task = TaskState::new(
            task_id.clone(),
            token.clone(),
            body.clone(),
            target,
            mapping,
            now,
            usual,
            findings,
            outcome,
        );
        task.definitions = definitions;
        let tasks = self.scopes.entry(scope.clone()).or_default();
        if task.is_running(now) {
            tasks.running.insert((task.end(), task_id.clone()));
        }
        tasks.by_start.insert((now, task_id.clone()));
        tasks.tokens.insert(token, task_id.clone());
        tasks.by_id.insert(task_id.clone(), task);
        self.counters.started(&task_id, tasks.running.len());
        json!({ "taskId": task_id })
    }

    /// Refuses what isn't in the catalogue, where the setting says so, and an audit that runs, where the reading does.
    fn check_known(&self, now: Timestamp, request: &StartInput) -> Result<(), ServiceError> {
        let audit = request.target.audit_task_id.as_ref();
        if let Some(audit) = audit.and_then(|id| self.audit(now, id))
            && audit.is_running(now)
            && self.config.settings.readings.start_on_running_audit == Choice::Refuse
        {
            let message = format!("Audit task {} is in progress.", audit.task_id);
            return Err(ServiceError::invalid(message));
        }
        if self.config.settings.unknown_targets == Choice::Accept {
            return Ok(());
        }
        if let Some(audit) = request
            .target
            .audit_task_id
            .as_ref()
            .filter(|audit| self.audit(now, audit).is_none())
        {
            return Err(ServiceError::invalid(format!("Audit task {audit} does not exist.")));
        }
        for finding in request.target.finding_ids.iter().flatten() {
            if self.finding(now, finding).is_none() {
                return Err(ServiceError::invalid(format!("Finding {finding} does not exist.")));
            }
        }
        for action in request.audit_check_to_actions_mapping.values().flatten() {
            if !self.catalogue.actions.contains_key(action) {
                return Err(ServiceError::invalid(format!(
                    "Mitigation action {action} does not exist."
                )));
            }
        }
        Ok(())
    }

    /// A task that can be seen already.
    fn visible(&self, now: Timestamp, scope: &Scope, input: &Value) -> Result<&TaskState, ServiceError> {
        let id = text(input, "taskId").unwrap_or_default();
        let task = self.scopes.get(scope).and_then(|tasks| tasks.by_id.get(id));
        task.filter(|task| self.is_visible(now, task))
            .ok_or_else(ServiceError::not_found)
    }

    pub(crate) fn is_visible(&self, now: Timestamp, task: &TaskState) -> bool {
        plus(task.start, self.config.settings.readings.describe_lag) <= now
    }

    pub(crate) fn describe(
        &self,
        now: Timestamp,
        scope: &Scope,
        input: &Value,
        status: Option<&str>,
    ) -> Result<Value, ServiceError> {
        let task = self.visible(now, scope, input)?;
        let mut answer = Map::new();
        answer.insert(
            "taskStatus".to_owned(),
            json!(status.unwrap_or_else(|| task.status(now))),
        );
        answer.insert("startTime".to_owned(), json!(epoch(task.start)));
        if !task.is_running(now) {
            answer.insert("endTime".to_owned(), json!(epoch(task.end())));
        }
        answer.insert("taskStatistics".to_owned(), json!(task.statistics(now)));
        answer.insert("target".to_owned(), json!(task.target));
        answer.insert("auditCheckToActionsMapping".to_owned(), json!(task.mapping));
        answer.insert(
            "actionsDefinition".to_owned(),
            json!(task.definitions.values().map(Action::as_applied).collect::<Vec<_>>()),
        );
        Ok(Value::Object(answer))
    }

    /// The definitions of the actions of a mapping, each once, as they are now; an unknown one is made up.
    fn definitions(&self, now: Timestamp, mapping: &Mapping) -> BTreeMap<String, Action> {
        let names = mapping.values().flatten();
        names
            .map(|name| {
                let known = self.catalogue.actions.get(name).cloned();
                (name.clone(), known.unwrap_or_else(|| Action::unknown(name, now)))
            })
            .collect()
    }

    pub(crate) fn cancel(&mut self, now: Timestamp, scope: &Scope, input: &Value) -> Result<Value, ServiceError> {
        let task = self.visible(now, scope, input)?;
        if !task.is_running(now) {
            let message = format!("Task {} is not in progress: {}.", task.id, task.status(now));
            return Err(ServiceError::invalid(message));
        }
        let id = task.id.clone();
        let takes = self.config.settings.readings.cancel_takes;
        if let Some(tasks) = self.scopes.get_mut(scope) {
            tasks.change(&id, now, |task| task.cancel(now, takes));
        }
        Ok(json!({}))
    }

    /// Sets what becomes of the tasks that match a pattern, those that run included.
    pub(crate) fn set_outcome(&mut self, wall: Timestamp, pattern: &str, outcome: Outcome) {
        let now = self.clock.now(wall);
        self.outcomes.set(pattern, outcome);
        let matcher = wildmatch::WildMatch::new(pattern);
        let retention = self.config.settings.readings.retention;
        let mut plans = Vec::new();
        for (scope, tasks) in &mut self.scopes {
            tasks.settle(now, retention);
            let running = tasks.running.iter().map(|(_, id)| id).filter(|id| matcher.matches(id));
            plans.extend(running.map(|id| (scope.clone(), id.clone())));
        }
        for (scope, id) in plans {
            let outcome = self.outcomes.of(&id);
            let Some(task) = self.scopes.get(&scope).and_then(|tasks| tasks.by_id.get(&id)) else {
                continue;
            };
            let findings = self.target_findings(now, &task.target, &task.mapping, &outcome);
            let usual = self.config.settings.task_duration;
            if let Some(tasks) = self.scopes.get_mut(&scope) {
                tasks.change(&id, now, |task| task.replan(usual, findings, outcome, now));
            }
        }
    }

    /// Ends the running tasks of this id now, in every account and region; tells how many there were.
    pub(crate) fn finish(&mut self, wall: Timestamp, task_id: &str) -> usize {
        let now = self.clock.now(wall);
        let ended = self
            .scopes
            .values_mut()
            .filter_map(|tasks| tasks.change(task_id, now, |task| task.finish(now)));
        ended.filter(|ended| *ended).count()
    }
}

/// What the service refuses although its model has no word for it.
fn check_members(settings: &Settings, request: &StartInput) -> Result<(), ServiceError> {
    let target = &request.target;
    let filter = target
        .audit_check_to_reason_code_filter
        .as_ref()
        .is_some_and(|filter| !filter.is_empty());
    let (audit, findings) = (target.audit_task_id.is_some(), target.finding_ids.is_some());
    let readings = &settings.readings;
    let problem = if !audit && !findings && !filter {
        Some("The target must name an audit task, findings, or a reason code filter.")
    } else if request.audit_check_to_actions_mapping.is_empty() {
        Some("The mapping of audit checks to actions must not be empty.")
    } else if findings && (audit || filter) && readings.finding_ids_with_others == Choice::Refuse {
        Some("Finding ids can't be combined with an audit task or a filter.")
    } else if filter && !audit && !findings && readings.filter_alone == Choice::Refuse {
        Some("A reason code filter needs an audit task.")
    } else {
        None
    };
    problem.map_or(Ok(()), |problem| Err(ServiceError::invalid(problem)))
}

/// The answer to a Start of an id that exists.
fn replay(settings: &Settings, existing: &TaskState, request: &StartInput) -> Result<Value, ServiceError> {
    let success = Ok(json!({ "taskId": existing.id }));
    let exists = || Err(ServiceError::exists(format!("Task {} already exists.", existing.id)));
    if existing.token != request.client_request_token {
        return exists();
    }
    let same_body = existing.target == request.target && existing.mapping == request.audit_check_to_actions_mapping;
    match (same_body, settings.readings.replay, settings.readings.replay_other_body) {
        (true, Replay::Success, _) | (false, _, ReplayOtherBody::Success) => success,
        (true, Replay::TaskAlreadyExists, _) | (false, _, ReplayOtherBody::TaskAlreadyExists) => exists(),
        (false, _, ReplayOtherBody::InvalidRequest) => Err(ServiceError::invalid(
            "The client request token was used with other parameters.",
        )),
    }
}
