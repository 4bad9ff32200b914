//! The probes over HTTP.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::health::Health;

/// Serves `/livez` and `/readyz` until the process ends.
///
/// # Errors
/// When the socket fails.
pub async fn serve(listener: TcpListener, health: Health) -> std::io::Result<()> {
    let router = Router::new().route("/livez", get(async || "ok\n")).route(
        "/readyz",
        get(async move || match health.waits_for() {
            None => (StatusCode::OK, "ok\n".to_owned()),
            Some(what) => (StatusCode::SERVICE_UNAVAILABLE, format!("{what}\n")),
        }),
    );
    axum::serve(listener, router).await
}
