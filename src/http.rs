//! Metrics and probes over HTTP, in a thread of their own: however busy or stuck the work is, they answer.
//!
//! Whoever reaches the port may be hostile, see `connections`.

mod connections;
mod listener;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::runtime::{Builder, Handle};

use crate::health::Health;
use crate::metrics::render;

pub use listener::listen;

/// Serves `/livez`, `/readyz` and `/metrics` until the process ends, on a listener for the address that was `asked` for.
///
/// # Errors
/// When the thread can't be started.
pub fn serve(listener: TcpListener, asked: SocketAddr, health: Health, registry: Registry) -> std::io::Result<()> {
    if listener::fell_back(asked, &listener) {
        tracing::info!("this node has no IPv6: metrics and probes are served on IPv4 alone");
    }
    let router = router(health, registry, Handle::current());
    listener.set_nonblocking(true)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let serve = async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        connections::serve(listener, router).await
    };
    let thread = std::thread::Builder::new().name("http".to_owned());
    // It ends with the process.
    thread.spawn(move || runtime.block_on(serve)).map(|_| ())
}

fn router(health: Health, registry: Registry, work: Handle) -> Router {
    let registry = Arc::new(registry);
    let (ready, live) = (health.clone(), health);
    let was_said = Arc::new(AtomicBool::new(false));
    Router::new()
        .route("/livez", get(async move || liveness(&live, &was_said, &work)))
        .route("/readyz", get(async move || readiness(&ready)))
        .route("/metrics", get(async move || metrics(&registry)))
}

fn liveness(health: &Health, was_said: &AtomicBool, work: &Handle) -> Response {
    let stuck = health.stuck();
    if let Some(what) = stuck.clone()
        && !was_said.swap(true, Ordering::Relaxed)
    {
        // By the threads that work, if they still can: a log that nobody reads must not keep this one from answering.
        work.spawn(async move { tracing::error!("{what}; /livez says so, to have this process replaced") });
    }
    probe(stuck)
}

/// Ready or not, and what somebody should know all the same, a line each.
fn readiness(health: &Health) -> Response {
    let waits = health.waits_for();
    if waits.is_some() {
        return probe(waits);
    }
    let remarks = health.remarks().into_iter().map(|remark| format!("{remark}\n"));
    format!("ok\n{}", remarks.collect::<String>()).into_response()
}

fn probe(problem: Option<String>) -> Response {
    match problem {
        None => "ok\n".into_response(),
        Some(what) => (StatusCode::SERVICE_UNAVAILABLE, format!("{what}\n")).into_response(),
    }
}

fn metrics(registry: &Registry) -> Response {
    // "Exposition formats" of Prometheus.
    let media_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    match render(registry) {
        Ok(text) => (media_type, text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
