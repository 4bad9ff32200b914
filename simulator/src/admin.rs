//! The admin API, on the same port: what a [`Server`](crate::Server) offers to Rust, for everybody else.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use jiff::fmt::serde::unsigned_duration::friendly::compact;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin_catalogue;
use crate::config::Settings;
use crate::fault::Fault;
use crate::outcome::Outcome;
use crate::server::Shared;

/// No path of the service begins like this.
pub(crate) const PREFIX: &str = "/_simulator/";

pub(crate) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/_simulator/health", get(|| async { "ok" }))
        .route("/_simulator/calls", get(calls).delete(clear_calls))
        .route("/_simulator/tasks", get(tasks))
        .route("/_simulator/tasks/{task_id}/finish", post(finish))
        .route("/_simulator/counters", get(counters))
        .route("/_simulator/settings", get(settings).patch(patch_settings))
        .route("/_simulator/faults", get(faults).post(inject).delete(clear_faults))
        .route("/_simulator/faults/{id}", delete(remove_fault))
        .route("/_simulator/outcomes", get(outcomes).delete(clear_outcomes))
        .route("/_simulator/outcomes/{pattern}", put(set_outcome))
        .route("/_simulator/clock", get(clock))
        .route("/_simulator/clock/advance", post(advance))
        .route("/_simulator/clock/skew", post(skew))
        .route("/_simulator/clock/stop", post(stop_clock))
        .route("/_simulator/clock/resume", post(resume_clock))
        .merge(admin_catalogue::router())
        .fallback(|| async {
            problem(
                StatusCode::NOT_FOUND,
                "no such path; REFERENCE.md of the simulator lists them",
            )
        })
        .with_state(shared)
}

pub(crate) fn problem(status: StatusCode, message: impl Into<String>) -> Response {
    (status, Json(json!({"error": message.into()}))).into_response()
}

/// Which calls to show.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallsQuery {
    /// Only those with a greater number.
    #[serde(default)]
    after: u64,
    task_id: Option<String>,
    name: Option<String>,
    operation: Option<String>,
}

async fn calls(State(shared): State<Shared>, Query(query): Query<CallsQuery>) -> Json<Value> {
    let state = shared.lock();
    let wanted = state.calls.iter().filter(|call| {
        call.seq > query.after
            && query
                .task_id
                .as_ref()
                .is_none_or(|task_id| call.task_id.as_ref() == Some(task_id))
            && query.name.as_ref().is_none_or(|name| call.name.as_ref() == Some(name))
            && query
                .operation
                .as_ref()
                .is_none_or(|name| call.operation.is_some_and(|found| found.to_string() == *name))
    });
    Json(json!(wanted.collect::<Vec<_>>()))
}

async fn clear_calls(State(shared): State<Shared>) -> StatusCode {
    shared.lock().calls.clear();
    StatusCode::NO_CONTENT
}

/// Which tasks to show.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TasksQuery {
    audit: Option<String>,
}

async fn tasks(State(shared): State<Shared>, Query(query): Query<TasksQuery>) -> Json<Value> {
    let mut tasks = shared.lock().tasks(Timestamp::now());
    tasks.retain(|task| query.audit.is_none() || task.audit() == query.audit.as_deref());
    Json(json!(tasks))
}

async fn finish(State(shared): State<Shared>, Path(task_id): Path<String>) -> Response {
    match shared.lock().finish(Timestamp::now(), &task_id) {
        0 => problem(StatusCode::NOT_FOUND, format!("no task {task_id} is running")),
        count => Json(json!({ "finished": count })).into_response(),
    }
}

async fn counters(State(shared): State<Shared>) -> Json<Value> {
    Json(json!(shared.lock().counters))
}

async fn settings(State(shared): State<Shared>) -> Json<Settings> {
    Json(shared.lock().config.settings.clone())
}

async fn patch_settings(State(shared): State<Shared>, Json(patch): Json<Value>) -> Response {
    let mut state = shared.lock();
    match state.config.settings.patched(&patch) {
        Ok(settings) => {
            state.config.settings = settings.clone();
            Json(settings).into_response()
        }
        Err(error) => problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("the settings stay as they are: {error}"),
        ),
    }
}

async fn faults(State(shared): State<Shared>) -> Json<Value> {
    let list = shared.lock().faults.list();
    Json(
        list.into_iter()
            .map(|(id, left, fault)| json!({"id": id, "left": left, "fault": fault}))
            .collect(),
    )
}

async fn inject(State(shared): State<Shared>, Json(fault): Json<Fault>) -> Response {
    let id = shared.lock().faults.inject(fault);
    (StatusCode::CREATED, Json(json!({ "id": id }))).into_response()
}

async fn clear_faults(State(shared): State<Shared>) -> StatusCode {
    shared.lock().faults.clear();
    StatusCode::NO_CONTENT
}

async fn remove_fault(State(shared): State<Shared>, Path(id): Path<u64>) -> Response {
    if shared.lock().faults.remove(id) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        problem(StatusCode::NOT_FOUND, format!("fault {id} is not in force"))
    }
}

async fn outcomes(State(shared): State<Shared>) -> Json<Value> {
    let state = shared.lock();
    Json(json!(
        state
            .outcomes
            .list()
            .iter()
            .map(|(pattern, outcome)| (pattern, outcome))
            .collect::<BTreeMap<_, _>>()
    ))
}

async fn set_outcome(
    State(shared): State<Shared>,
    Path(pattern): Path<String>,
    Json(outcome): Json<Outcome>,
) -> StatusCode {
    shared.lock().set_outcome(Timestamp::now(), &pattern, outcome);
    StatusCode::NO_CONTENT
}

async fn clear_outcomes(State(shared): State<Shared>) -> StatusCode {
    shared.lock().outcomes.clear();
    StatusCode::NO_CONTENT
}

async fn clock(State(shared): State<Shared>) -> Json<Value> {
    Json(json!({"now": shared.lock().clock.now(Timestamp::now())}))
}

/// How far to move the clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    #[serde(with = "compact::required")]
    by: Duration,
}

async fn advance(State(shared): State<Shared>, Json(advance): Json<Advance>) -> Json<Value> {
    shared.lock().clock.advance(advance.by);
    clock(State(shared)).await
}

/// How far the clock is to be ahead.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Skew {
    by: SignedDuration,
}

async fn skew(State(shared): State<Shared>, Json(skew): Json<Skew>) -> Json<Value> {
    shared.lock().clock.set_skew(skew.by);
    clock(State(shared)).await
}

async fn stop_clock(State(shared): State<Shared>) -> Json<Value> {
    shared.lock().clock.stop(Timestamp::now());
    clock(State(shared)).await
}

async fn resume_clock(State(shared): State<Shared>) -> Json<Value> {
    shared.lock().clock.resume(Timestamp::now());
    clock(State(shared)).await
}
