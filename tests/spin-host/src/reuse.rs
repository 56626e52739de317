//! How long an instance lives and how many requests it takes: Spin's defaults
//! for WASI 0.3 (`spin up --help`).

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep};
use wasmtime::component::GuestTaskId;
use wasmtime::{Store, StoreContextMut};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};

use crate::component::{Component, State};

const REQUESTS: usize = 128;
const REQUESTS_AT_A_TIME: usize = 16;
const IDLE: Duration = Duration::from_secs(1);

impl HandlerState for Component {
    type StoreData = State;
    type WorkerExpiration = IdleTimeout;
    type WorkerState = Reuse;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, IdleTimeout, Reuse>> {
        let (store, proxy) = self.new_instance().await?;
        Ok(Instance {
            store,
            proxy,
            view: State::http,
            expiration: IdleTimeout(Box::pin(sleep(IDLE))),
            state: Reuse,
        })
    }
}

pub(crate) struct Reuse;

impl WorkerState for Reuse {
    type StoreData = State;
    type RequestData = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= REQUESTS {
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

/// Ends an instance that has been idle for a second.
pub(crate) struct IdleTimeout(Pin<Box<Sleep>>);

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
                let deadline = (since + IDLE).into();
                if self.0.deadline() != deadline {
                    self.0.as_mut().reset(deadline);
                }
                self.0.as_mut().poll(context)
            }
        }
    }
}
