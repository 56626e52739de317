//! The listener: HTTP/1.1 and h2c in, each request to an instance.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::TryAcquireError;
use wasmtime_wasi_http::handler::{InstantiationError, ProxyHandler};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::component::Component;
use crate::headers;

/// How long open connections may take to finish once told to stop.
const DRAIN: Duration = Duration::from_secs(5);
/// How long a request waits for an instance to be free before it is offered again, and how often.
const WAIT: Duration = Duration::from_millis(2);
const MAX_WAITS: usize = 10_000;

pub(crate) async fn serve(
    listener: TcpListener,
    component: Component,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let handler = ProxyHandler::new(component);
    let builder = auto::Builder::new(TokioExecutor::new());
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted?,
        };
        stream.set_nodelay(true)?;
        let handler = handler.clone();
        let service = service_fn(move |request| respond(handler.clone(), request, peer));
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("connection failed: {error}");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("connections still open after {DRAIN:?}");
    }
    Ok(())
}

async fn respond(
    handler: ProxyHandler<Component>,
    mut request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response<WasiBody>, Infallible> {
    if let Err(error) = headers::prepare(&mut request, peer) {
        tracing::debug!("refused: {error:#}");
        return Ok(empty(StatusCode::INTERNAL_SERVER_ERROR));
    }
    let mut request = request.map(|body| body.map_err(Error::from).boxed_unsync());
    for _ in 0..MAX_WAITS {
        let failed = match handler.handle((), request).await {
            Ok(response) => return Ok(response),
            Err(error) => error.downcast::<InstantiationError<()>>(),
        };
        match failed {
            // There are as many instances as there may be, each busy for a moment.
            Ok(full) if full.error.is::<TryAcquireError>() => {
                request = full
                    .request
                    .into_inner()
                    .unwrap_or_else(PoisonError::into_inner);
                tokio::time::sleep(WAIT).await;
            }
            Ok(error) => return Ok(failure(&error)),
            Err(error) => return Ok(failure(&error)),
        }
    }
    Ok(failure(&"no instance is free"))
}

fn failure(error: &impl std::fmt::Debug) -> Response<WasiBody> {
    tracing::error!("request failed: {error:?}");
    empty(StatusCode::INTERNAL_SERVER_ERROR)
}

fn empty(status: StatusCode) -> Response<WasiBody> {
    let mut response = Response::new(Full::<Bytes>::default().map_err(Error::from).boxed_unsync());
    *response.status_mut() = status;
    response
}
