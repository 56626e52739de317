//! What is said to the authority of limits behind the requests.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tracing::debug;

use crate::bundle::Loaded;
use crate::exchange::Shared;
use crate::ports::{NO_REQUEST, Ports};
use tidegate_follow::now;

/// Leases are renewed seconds before they end.
const INTERVAL: Duration = Duration::from_secs(1);

/// Sends what has become due, each message beside the others.
pub(crate) fn carry(loaded: &Arc<Loaded>, shared: &Arc<Shared>) {
    while let Some(due) = shared.state.next_renewal() {
        let (loaded, shared) = (Arc::clone(loaded), Arc::clone(shared));
        tokio::spawn(async move {
            let ports = Ports::of(&loaded, &shared, NO_REQUEST);
            if let Err(error) = due.carry(&ports).await {
                debug!(%error, "the authority of a limit");
            }
        });
    }
}

/// Keeps the leases that are in demand, and gives others back, until it is dropped.
pub(crate) async fn run(current: Arc<ArcSwap<Loaded>>, shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        shared.state.tend_leases(now());
        carry(&current.load_full(), &shared);
    }
}
