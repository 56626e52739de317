//! HTTP/1.1 connections: one request at a time on each, the last one used first.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use super::{Dial, KEEP, PoolError, Unanswered};
use crate::body::RequestBody;

type Sender = SendRequest<RequestBody>;

/// Connections without a request, the one that was used last at the end.
#[derive(Clone, Debug, Default)]
struct Idle(Arc<Mutex<Vec<(Sender, Instant)>>>);

impl Idle {
    /// No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Vec<(Sender, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Sender> {
        let mut idle = self.lock();
        while let Some((sender, since)) = idle.pop() {
            if sender.is_ready() && since.elapsed() < KEEP {
                return Some(sender);
            }
        }
        None
    }

    fn put(&self, sender: Sender) {
        self.lock().push((sender, Instant::now()));
    }
}

#[derive(Debug)]
pub(crate) struct Kept {
    dial: Dial,
    to: SocketAddr,
    idle: Idle,
}

impl Kept {
    pub(super) fn new(dial: Dial, to: SocketAddr) -> Self {
        Self {
            dial,
            to,
            idle: Idle::default(),
        }
    }

    pub(super) async fn send(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Unanswered> {
        // A connection that was closed in the meantime gives the request back untouched.
        while let Some(sender) = self.idle.take() {
            match self.exchange(sender, request).await {
                Err(Unanswered {
                    unsent: Some(unsent),
                    ..
                }) => request = *unsent,
                answer => return answer,
            }
        }
        match self.connect().await {
            Ok(sender) => self.exchange(sender, request).await,
            Err(error) => Err(Unanswered::unsent(error, request)),
        }
    }

    async fn exchange(
        &self,
        mut sender: Sender,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let response = match sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut error) => {
                return Err(match error.take_message() {
                    Some(unsent) => Unanswered::unsent(error.into_error().into(), unsent),
                    None => Unanswered::sent(error.into_error()),
                });
            }
        };
        if sender.is_ready() {
            self.idle.put(sender);
        } else {
            // Once the response has ended; a connection that is closed or switched protocols is
            // never ready again.
            let idle = self.idle.clone();
            tokio::spawn(async move {
                if sender.ready().await.is_ok() {
                    idle.put(sender);
                }
            });
        }
        Ok(response)
    }

    async fn connect(&self) -> Result<Sender, PoolError> {
        let link = self.dial.connect(self.to).await;
        let link = link.map_err(|error| PoolError::Connect(error.into()))?;
        let (sender, connection) = http1::handshake(TokioIo::new(link))
            .await
            .map_err(|error| PoolError::Connect(error.into()))?;
        // Ends when the endpoint closes it or the pool lets go of the sender; the request on it
        // learns of an error by itself.
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "backend connection ended");
            }
        });
        Ok(sender)
    }

    pub(super) fn sweep(&self) {
        let fresh =
            |(sender, since): &(Sender, Instant)| !sender.is_closed() && since.elapsed() < KEEP;
        self.idle.lock().retain(fresh);
    }
}
