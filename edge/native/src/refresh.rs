//! What the gateway asks of others behind the requests.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tracing::{info, warn};

use crate::bundle::Loaded;
use crate::exchange::Shared;
use crate::ports::{NO_REQUEST, Ports};

const INTERVAL: Duration = Duration::from_secs(5);

/// Keeps key sets and lists in use fresh, until it is dropped.
pub(crate) async fn run(current: Arc<ArcSwap<Loaded>>, shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        let loaded = current.load_full();
        let ports = Ports::of(&loaded, &shared, NO_REQUEST);
        for refreshed in loaded.gateway.refresh(&shared.state, &ports).await {
            let what = refreshed.what;
            match refreshed.entries {
                Ok(entries) => info!(what, entries, "fetched"),
                Err(error) => warn!(what, error, "not fetched; the last good one stays"),
            }
        }
    }
}
