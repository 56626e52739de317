//! An HTTP/2 connection for all requests, made anew when it is gone.

use std::net::SocketAddr;

use http::{Request, Response};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::Mutex;

use super::{BackendBody, Dial, KEEP, PoolError, Unanswered};
use crate::body::RequestBody;
use crate::config::Limits;

#[derive(Debug)]
pub(crate) struct Multiplexed {
    dial: Dial,
    to: SocketAddr,
    limits: Limits,
    current: Mutex<Option<SendRequest<RequestBody>>>,
}

impl Multiplexed {
    pub(super) fn new(dial: Dial, limits: &Limits, to: SocketAddr) -> Self {
        Self {
            dial,
            to,
            limits: limits.clone(),
            current: Mutex::new(None),
        }
    }

    pub(super) async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<BackendBody>, Unanswered> {
        // A connection that was closed in the meantime gives the request back untouched, once.
        match self.exchange(request).await {
            Err(Unanswered {
                error: PoolError::Exchange(_),
                unsent: Some(unsent),
            }) => self.exchange(*unsent).await,
            answer => answer,
        }
    }

    async fn exchange(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<BackendBody>, Unanswered> {
        let mut sender = match self.sender().await {
            Ok(sender) => sender,
            Err(error) => return Err(Unanswered::unsent(error, request)),
        };
        if let Err(error) = sender.ready().await {
            return Err(Unanswered::unsent(error.into(), request));
        }
        let sent = sender.try_send_request(request).await;
        let sent = sent.map(|response| response.map(BackendBody::carried));
        sent.map_err(|mut error| match error.take_message() {
            Some(unsent) => Unanswered::unsent(error.into_error().into(), unsent),
            None => Unanswered::sent(error.into_error()),
        })
    }

    async fn sender(&self) -> Result<SendRequest<RequestBody>, PoolError> {
        // The bound is on the wait for others that are connecting, too.
        tokio::time::timeout(self.limits.connect, async {
            let mut current = self.current.lock().await;
            if let Some(sender) = current.as_ref().filter(|sender| !sender.is_closed()) {
                return Ok(sender.clone());
            }
            // Rare, and bigger than all the rest of a request.
            let sender = Box::pin(self.connect()).await?;
            *current = Some(sender.clone());
            Ok(sender)
        })
        .await
        .map_err(|elapsed| PoolError::Connect(elapsed.into()))?
    }

    async fn connect(&self) -> Result<SendRequest<RequestBody>, PoolError> {
        let link = self.dial.connect(self.to).await;
        let link = link.map_err(|error| PoolError::Connect(error.into()))?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP)
            .max_header_list_size(self.limits.header_bytes)
            .handshake(TokioIo::new(link))
            .await
            .map_err(|error| PoolError::Connect(error.into()))?;
        // Ends when the endpoint closes it or the pool lets go of the sender; requests on it
        // learn of an error by themselves.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "backend connection ended");
            }
        });
        Ok(sender)
    }
}
