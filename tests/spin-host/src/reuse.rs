//! How long an instance lives and how many requests it takes, as `spin up` has it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, sleep};
use wasmtime::component::GuestTaskId;
use wasmtime::{Store, StoreContextMut};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};

use crate::component::{Component, State};

const REQUESTS_AT_A_TIME: usize = 16;

/// How an instance is reused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    /// Requests after which it takes no more.
    pub(crate) requests: usize,
    /// How long it may be idle.
    pub(crate) idle: Duration,
    /// How many there may be.
    pub(crate) instances: usize,
}

impl HandlerState for Component {
    type StoreData = State;
    type WorkerExpiration = IdleTimeout;
    type WorkerState = Reuse;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, IdleTimeout, Reuse>> {
        let permit = Arc::clone(&self.instances).try_acquire_owned()?;
        let (store, proxy) = self.new_instance().await?;
        Ok(Instance {
            store,
            proxy,
            view: State::http,
            expiration: IdleTimeout(Box::pin(sleep(self.lifetime.idle)), self.lifetime.idle),
            state: Reuse {
                requests: self.lifetime.requests,
                _permit: permit,
            },
        })
    }
}

/// Takes requests up to a number.
pub(crate) struct Reuse {
    requests: usize,
    _permit: OwnedSemaphorePermit,
}

impl WorkerState for Reuse {
    type StoreData = State;
    type RequestData = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= self.requests {
            ShouldAccept::Never
        } else if concurrent >= REQUESTS_AT_A_TIME {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    /// Spin sets no request timeout by default.
    fn on_request_start(
        &self,
        _: StoreContextMut<'_, State>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        Box::pin(std::future::pending())
    }

    fn drop(&self, _: Store<State>, result: wasmtime::Result<()>) {
        if let Err(error) = result {
            tracing::error!("instance failed: {error:?}");
        }
    }
}

/// Ends an instance that has been idle for a time.
pub(crate) struct IdleTimeout(Pin<Box<Sleep>>, Duration);

impl WorkerExpiration for IdleTimeout {
    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        status: WorkerStatus,
        since: Instant,
    ) -> Poll<()> {
        match status {
            WorkerStatus::Requests | WorkerStatus::PostReturn => Poll::Pending,
            WorkerStatus::Idle => {
                let deadline = (since + self.1).into();
                if self.0.deadline() != deadline {
                    self.0.as_mut().reset(deadline);
                }
                self.0.as_mut().poll(context)
            }
        }
    }
}
