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

use crate::dial::OpenTunnels;
use crate::metrics::Metrics;
use crate::server::Server;

/// Connections at a time: a probe and a scraper need a handful.
const CONNECTIONS: usize = 64;

/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(60);

/// Whether requests can come in.
#[derive(Clone, Debug)]
pub(crate) struct Readiness {
    pub(crate) server: Arc<Server>,
    pub(crate) tunnels: Arc<OpenTunnels>,
}

impl Readiness {
    /// Why they cannot.
    fn obstacle(&self) -> Option<&'static str> {
        if self.server.drain.is_cancelled() {
            return Some("draining\n");
        }
        let generation = self.server.generation();
        let policy = &generation.proxy.policy;
        if policy.as_ref().is_some_and(|policy| !policy.is_ready()) {
            return Some("no policy yet\n");
        }
        // Who listens is ready for whoever can connect.
        let reachable = generation.config.listen.is_some() || self.tunnels.any();
        (!reachable).then_some("no tunnel\n")
    }
}

/// Serves until it is aborted; during the drain, too, so that the mesh can see it.
pub(crate) async fn serve(listener: TcpListener, readiness: Readiness) {
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
        let readiness = readiness.clone();
        connections.spawn(async move {
            let answer = service_fn(|request| {
                let response = answer(&request, &readiness);
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

fn answer<B>(request: &Request<B>, readiness: &Readiness) -> Response<Full<Bytes>> {
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
        "/metrics" => exposition(&readiness.server.metrics),
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
