//! Health and metrics for the mesh, in plain HTTP/1.1 on an address of their own.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::dial::OpenTunnels;
use crate::metrics::Metrics;
use crate::policy::Policy;

/// Connections at a time: a probe and a scraper need a handful.
const CONNECTIONS: usize = 64;

/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(60);

/// Whether requests can come in.
#[derive(Clone, Debug)]
pub(crate) struct Readiness {
    pub(crate) draining: CancellationToken,
    /// What says who may come in, where something must.
    pub(crate) policy: Option<Arc<Policy>>,
    /// What requests come in by, where they come by nothing else.
    pub(crate) tunnels: Option<Arc<OpenTunnels>>,
}

impl Readiness {
    /// Why they cannot.
    fn obstacle(&self) -> Option<&'static str> {
        if self.draining.is_cancelled() {
            return Some("draining\n");
        }
        if self
            .policy
            .as_ref()
            .is_some_and(|policy| !policy.is_ready())
        {
            return Some("no policy yet\n");
        }
        let tunnels = self.tunnels.as_ref();
        tunnels.filter(|open| !open.any()).map(|_| "no tunnel\n")
    }
}

/// Serves until it is aborted; during the drain, too, so that the mesh can see it.
pub(crate) async fn serve(listener: TcpListener, metrics: Arc<Metrics>, readiness: Readiness) {
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
        let metrics = metrics.clone();
        let readiness = readiness.clone();
        connections.spawn(async move {
            let answer = service_fn(|request| {
                let response = answer(&request, &metrics, &readiness);
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

fn answer<B>(
    request: &Request<B>,
    metrics: &Metrics,
    readiness: &Readiness,
) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        let allow = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allow);
        return response;
    }
    match request.uri().path() {
        "/livez" => text(StatusCode::OK, "ok\n"),
        "/readyz" => match readiness.obstacle() {
            Some(obstacle) => text(StatusCode::SERVICE_UNAVAILABLE, obstacle),
            None => text(StatusCode::OK, "ok\n"),
        },
        "/metrics" => exposition(metrics),
        _ => text(StatusCode::NOT_FOUND, "not here\n"),
    }
}

fn exposition(metrics: &Metrics) -> Response<Full<Bytes>> {
    let Ok(exposition) = metrics.exposition() else {
        return text(StatusCode::INTERNAL_SERVER_ERROR, "metrics failed\n");
    };
    let mut response = Response::new(Full::from(exposition));
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
