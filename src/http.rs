//! Metrics and probes over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::health::Health;
use crate::metrics::render;

/// Serves `/livez`, `/readyz` and `/metrics` until the process ends.
///
/// # Errors
/// When the socket fails.
pub async fn serve(listener: TcpListener, health: Health, registry: Registry) -> std::io::Result<()> {
    let registry = Arc::new(registry);
    let router = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(async move || readiness(&health)))
        .route("/metrics", get(async move || metrics(&registry)));
    axum::serve(listener, router).await
}

fn readiness(health: &Health) -> Response {
    match health.waits_for() {
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
