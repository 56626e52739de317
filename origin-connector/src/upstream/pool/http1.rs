//! HTTP/1.1 connections: one request at a time on each, the last one used first.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use http::{Request, Response};

use super::carrier::Carrier;
use super::{BackendBody, Dial, KEEP, PoolError, Unanswered};
use crate::body::RequestBody;

type Waiting = Vec<(Box<Carrier>, Instant)>;

/// Connections without a request, the one that was used last at the end.
#[derive(Debug, Default)]
struct Idle(Arc<Mutex<Waiting>>);

/// Where a connection waits between requests, as long as there is such a place.
#[derive(Clone, Debug)]
pub(super) struct Home(Weak<Mutex<Waiting>>);

impl Home {
    /// Keeps a connection of these for the next request; one without a home ends.
    pub(super) fn take_back(carrier: Box<Carrier>) {
        if let Some(idle) = carrier.home().0.upgrade() {
            Idle(idle).lock().push((carrier, Instant::now()));
        }
    }
}

impl Idle {
    fn home(&self) -> Home {
        Home(Arc::downgrade(&self.0))
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Box<Carrier>> {
        let mut idle = self.lock();
        while let Some((mut carrier, since)) = idle.pop() {
            if since.elapsed() < KEEP && carrier.is_open() {
                return Some(carrier);
            }
        }
        None
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
    ) -> Result<Response<BackendBody>, Unanswered> {
        // A connection that was closed in the meantime gives the request back untouched.
        while let Some(carrier) = self.idle.take() {
            match carrier.exchange(request).await {
                Err(Unanswered {
                    unsent: Some(unsent),
                    ..
                }) => request = *unsent,
                answer => return answer,
            }
        }
        // Rare, and bigger than all the rest of a request.
        match Box::pin(self.connect()).await {
            Ok(carrier) => carrier.exchange(request).await,
            Err(error) => Err(Unanswered::unsent(error, request)),
        }
    }

    async fn connect(&self) -> Result<Box<Carrier>, PoolError> {
        let link = self.dial.connect(self.to).await;
        let link = link.map_err(|error| PoolError::Connect(error.into()))?;
        Carrier::new(link, self.idle.home()).await
    }

    pub(super) fn sweep(&self) {
        let fresh = |(carrier, since): &mut (Box<Carrier>, Instant)| {
            since.elapsed() < KEEP && carrier.is_open()
        };
        self.idle.lock().retain_mut(fresh);
    }
}
