//! Connections to one backend, kept for the next request.

use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Mutex;

use super::dial::Dial;
use crate::body::RequestBody;
use crate::config::{Backend, Limits, Protocol};

/// How long an unused connection is kept: shorter than what origins usually allow, so that a
/// request seldom meets a connection that is being closed.
const KEEP: Duration = Duration::from_secs(30);

/// The connections.
#[derive(Debug)]
pub(crate) enum Pool {
    /// One request at a time on each.
    Http1(legacy::Client<Dial, RequestBody>),
    /// One for all requests.
    Http2(Multiplexed),
}

/// The backend did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PoolError {
    #[error("cannot connect")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Http1(#[from] legacy::Error),
    #[error(transparent)]
    Http2(#[from] hyper::Error),
}

impl Pool {
    pub(crate) fn new(backend: &Backend, dial: Dial, limits: &Limits) -> Self {
        match backend.protocol {
            Protocol::Http1 => Self::Http1(
                legacy::Client::builder(TokioExecutor::new())
                    .pool_idle_timeout(KEEP)
                    .pool_timer(TokioTimer::new())
                    .build(dial),
            ),
            Protocol::Http2 => Self::Http2(Multiplexed {
                dial,
                limits: limits.clone(),
                current: Mutex::new(None),
            }),
        }
    }

    pub(crate) async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, PoolError> {
        match self {
            Self::Http1(client) => client.request(request).await.map_err(|error| {
                if error.is_connect() {
                    PoolError::Connect(Box::new(error))
                } else {
                    PoolError::Http1(error)
                }
            }),
            Self::Http2(multiplexed) => multiplexed.send(request).await,
        }
    }
}

/// An HTTP/2 connection, made anew when it is gone. The authority of a request is the
/// caller's and not the address, so a pool that goes by authority cannot hold it.
#[derive(Debug)]
pub(crate) struct Multiplexed {
    dial: Dial,
    limits: Limits,
    current: Mutex<Option<http2::SendRequest<RequestBody>>>,
}

impl Multiplexed {
    async fn send(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, PoolError> {
        // A connection that was closed in the meantime gives the request back untouched, once.
        let mut sender = self.sender().await?;
        if sender.ready().await.is_ok() {
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(response),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(error.into_error().into()),
                },
            }
        }
        let mut sender = self.sender().await?;
        sender.ready().await?;
        Ok(sender.send_request(request).await?)
    }

    async fn sender(&self) -> Result<http2::SendRequest<RequestBody>, PoolError> {
        // The bound is on the wait for others that are connecting, too.
        tokio::time::timeout(self.limits.connect, async {
            let mut current = self.current.lock().await;
            if let Some(sender) = current.as_ref().filter(|sender| !sender.is_closed()) {
                return Ok(sender.clone());
            }
            let sender = self.connect().await?;
            *current = Some(sender.clone());
            Ok(sender)
        })
        .await
        .map_err(|elapsed| PoolError::Connect(elapsed.into()))?
    }

    async fn connect(&self) -> Result<http2::SendRequest<RequestBody>, PoolError> {
        let link = self.dial.clone().connect().await;
        let link = link.map_err(|error| PoolError::Connect(error.into()))?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP)
            .max_header_list_size(self.limits.header_bytes)
            .handshake(link)
            .await
            .map_err(|error| PoolError::Connect(error.into()))?;
        // Ends when the backend closes it or the pool lets go of the sender; requests on it learn
        // of an error by themselves.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "backend connection ended");
            }
        });
        Ok(sender)
    }
}
