//! `/healthz`, `/readyz` and `/metrics`, on loopback unless told otherwise.

use crate::{Status, metrics::Metrics};
use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
struct Shown {
    status: Status,
    metrics: Metrics,
}

/// Serves until `shutdown`. Gives the address that it listens on: port 0 chooses a free one.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(
    listen: SocketAddr,
    status: Status,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        std::io::Error::new(
            error.kind(),
            format!("cannot listen on {listen}: {error}; choose another address with --listen or HEADROOM_LISTEN"),
        )
    })?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics_text))
        .with_state(Shown { status, metrics });
    tokio::spawn(async move {
        let served =
            axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%error, "the health endpoint has ended");
        }
    });
    Ok(address)
}

async fn ready(State(shown): State<Shown>) -> impl IntoResponse {
    let code = if shown.status.ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, Json(shown.status.all()))
}

async fn metrics_text(State(shown): State<Shown>) -> impl IntoResponse {
    (
        [("content-type", "text/plain; version=0.0.4")],
        shown.metrics.text(),
    )
}
