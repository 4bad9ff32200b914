//! The admin API for audits, findings, problems, schedules and mitigation actions.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::actions::{Action, Redefinition};
use crate::admin::problem;
use crate::audits::{Audit, CheckResult, Problem, Schedule};
use crate::catalogue::{CatalogueError, Finding};
use crate::server::Shared;
use crate::state;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/_simulator/audits", get(audits).post(add_audit))
        .route("/_simulator/audits/run", post(run_audit))
        .route("/_simulator/audits/{id}", delete(remove_audits))
        .route("/_simulator/audits/{id}/complete", post(complete_audit))
        .route("/_simulator/findings", get(findings).post(add_finding))
        .route("/_simulator/findings/{id}/suppress", post(suppress))
        .route("/_simulator/findings/{id}/unsuppress", post(unsuppress))
        .route("/_simulator/problems", get(problems).post(add_problem))
        .route("/_simulator/problems/{id}", delete(remove_problems))
        .route("/_simulator/schedules", get(schedules).post(add_schedule))
        .route("/_simulator/schedules/{name}", delete(remove_schedule))
        .route("/_simulator/schedules/{name}/run", post(run_schedule))
        .route("/_simulator/actions", get(actions).post(add_action))
        .route(
            "/_simulator/actions/{name}",
            axum::routing::patch(redefine_action).delete(remove_action),
        )
}

/// Changes the state, at its own time.
fn change<T>(shared: &Shared, change: impl FnOnce(&mut state::State, Timestamp) -> T) -> T {
    let mut state = shared.lock();
    let now = state.clock.now(Timestamp::now());
    change(&mut state, now)
}

fn refused(error: &CatalogueError) -> Response {
    let status = match error {
        CatalogueError::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        CatalogueError::Missing { .. } => StatusCode::NOT_FOUND,
    };
    problem(status, error.to_string())
}

fn added(result: Result<(), CatalogueError>) -> Response {
    result.map_or_else(|error| refused(&error), |()| StatusCode::CREATED.into_response())
}

fn told<T: Serialize>(status: StatusCode, result: Result<T, CatalogueError>) -> Response {
    result.map_or_else(|error| refused(&error), |told| (status, Json(told)).into_response())
}

fn removed(count: usize, what: &str) -> Response {
    if count > 0 {
        StatusCode::NO_CONTENT.into_response()
    } else {
        problem(StatusCode::NOT_FOUND, format!("there is no {what}"))
    }
}

async fn audits(State(shared): State<Shared>) -> Json<Value> {
    let state = shared.lock();
    Json(json!(state.catalogue.audits.values().collect::<Vec<_>>()))
}

async fn add_audit(State(shared): State<Shared>, Json(audit): Json<Audit>) -> Response {
    added(change(&shared, |state, now| {
        state.catalogue.add_audit(&state.model, audit, now)
    }))
}

async fn run_audit(State(shared): State<Shared>, Json(audit): Json<Audit>) -> Response {
    let id = change(&shared, |state, now| state.run_audit(now, audit));
    told(StatusCode::CREATED, id.map(|id| json!({ "taskId": id })))
}

async fn remove_audits(State(shared): State<Shared>, Path(glob): Path<String>) -> Response {
    let count = change(&shared, |state, _| state.catalogue.remove_audits(&glob));
    removed(count, &format!("audit {glob}"))
}

/// How an audit ends.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Completion {
    task_status: String,
    #[serde(default)]
    check_results: BTreeMap<String, CheckResult>,
}

async fn complete_audit(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Json(completion): Json<Completion>,
) -> Response {
    let Completion {
        task_status,
        check_results,
    } = completion;
    let completed = change(&shared, |state, now| {
        state.complete_audit(now, &id, &task_status, check_results)
    });
    told(StatusCode::OK, completed.map(|()| json!({ "taskId": id })))
}

/// Whose findings to show.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FindingsQuery {
    audit: String,
}

async fn findings(State(shared): State<Shared>, Query(query): Query<FindingsQuery>) -> Json<Value> {
    let state = shared.lock();
    Json(json!(state.catalogue.of_audit(&query.audit).collect::<Vec<_>>()))
}

async fn add_finding(State(shared): State<Shared>, Json(finding): Json<Finding>) -> Response {
    added(change(&shared, |state, _| {
        state.catalogue.add_finding(&state.model, finding)
    }))
}

async fn suppress(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    suppressed(&shared, &id, true)
}

async fn unsuppress(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    suppressed(&shared, &id, false)
}

fn suppressed(shared: &Shared, glob: &str, suppressed: bool) -> Response {
    let count = change(shared, |state, _| state.catalogue.suppress(glob, suppressed));
    removed(count, &format!("finding {glob}"))
}

async fn problems(State(shared): State<Shared>) -> Json<Value> {
    change(&shared, |state, now| {
        state.mend(now);
        Json(json!(state.catalogue.problems.iter().collect::<Vec<_>>()))
    })
}

async fn add_problem(State(shared): State<Shared>, Json(problem): Json<Problem>) -> Response {
    let ids = change(&shared, |state, _| state.catalogue.add_problem(&state.model, &problem));
    told(StatusCode::CREATED, ids.map(|ids| json!({ "problemIds": ids })))
}

async fn remove_problems(State(shared): State<Shared>, Path(glob): Path<String>) -> Response {
    let count = change(&shared, |state, _| state.catalogue.problems.remove(&glob));
    removed(count, &format!("problem {glob}"))
}

async fn schedules(State(shared): State<Shared>) -> Json<Value> {
    let state = shared.lock();
    let schedules = state.catalogue.schedules.values();
    Json(json!(
        schedules.map(|scheduled| &scheduled.schedule).collect::<Vec<_>>()
    ))
}

async fn add_schedule(State(shared): State<Shared>, Json(schedule): Json<Schedule>) -> Response {
    added(change(&shared, |state, now| {
        state.catalogue.add_schedule(&state.model, schedule, now)
    }))
}

async fn remove_schedule(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    let schedule = change(&shared, |state, _| state.catalogue.schedules.remove(&name));
    removed(usize::from(schedule.is_some()), &format!("schedule {name}"))
}

async fn run_schedule(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    let audit = Audit {
        scheduled_audit_name: Some(name),
        ..Audit::default()
    };
    run_audit(State(shared), Json(audit)).await
}

async fn actions(State(shared): State<Shared>) -> Json<Value> {
    let state = shared.lock();
    Json(json!(state.catalogue.actions.values().collect::<Vec<_>>()))
}

async fn add_action(State(shared): State<Shared>, Json(action): Json<Action>) -> Response {
    added(change(&shared, |state, now| {
        state.catalogue.add_action(&state.model, action, now)
    }))
}

async fn redefine_action(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(redefinition): Json<Redefinition>,
) -> Response {
    let action = change(&shared, |state, now| state.redefine_action(now, &name, redefinition));
    told(StatusCode::OK, action)
}

async fn remove_action(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    let action = change(&shared, |state, _| state.catalogue.actions.remove(&name));
    removed(usize::from(action.is_some()), &format!("action {name}"))
}
