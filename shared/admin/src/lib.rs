//! Health and metrics of a native process, in plain HTTP/1.1 on an address of their own: `/livez`,
//! `/readyz` and `/metrics`.

mod semantic;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub use semantic::{Durations, durations, method_label, register_http};

/// Connections at a time: a probe and a scraper need a handful.
const CONNECTIONS: usize = 64;

/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(60);

/// A process that can say how it is.
pub trait Process: Send + Sync + 'static {
    /// Why requests cannot come in, in a few words; `None` where they can.
    fn obstacle(&self) -> Option<&'static str>;

    /// What is amiss where they can come in all the same, one line each.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// The metrics in the text format of OpenMetrics.
    ///
    /// # Errors
    /// Where they cannot be written.
    fn exposition(&self) -> Result<String, fmt::Error>;
}

/// The metrics of a registry in the text format of OpenMetrics.
///
/// # Errors
/// Where they cannot be written.
pub fn exposition(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry)?;
    Ok(text)
}

/// Serves until it is aborted; let it be during a drain, too, so that it can be seen.
pub async fn serve(listener: TcpListener, process: Arc<impl Process>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    // Ends the connections along with this future.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let permit = permits.clone().acquire_owned().await;
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let process = process.clone();
        connections.spawn(async move {
            let answer = service_fn(|request| {
                let response = answer(&request, &*process);
                std::future::ready(Ok::<_, Infallible>(response))
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(IDLE)
                .serve_connection(TokioIo::new(stream), answer);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "admin connection ended");
            }
            drop(permit);
        });
    }
}

fn answer<B>(request: &Request<B>, process: &impl Process) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        let allow = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allow);
        return response;
    }
    match request.uri().path() {
        "/livez" => text(StatusCode::OK, "ok\n"),
        "/readyz" => match process.obstacle() {
            Some(obstacle) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{obstacle}\n")),
            None => {
                let mut lines = vec!["ok".to_owned()];
                lines.extend(process.remarks());
                text(StatusCode::OK, lines.join("\n") + "\n")
            }
        },
        "/metrics" => metrics(process),
        _ => text(StatusCode::NOT_FOUND, "not here\n"),
    }
}

fn metrics(process: &impl Process) -> Response<Full<Bytes>> {
    let Ok(exposition) = process.exposition() else {
        return text(StatusCode::INTERNAL_SERVER_ERROR, "metrics failed\n");
    };
    let mut response = Response::new(Full::from(exposition));
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
