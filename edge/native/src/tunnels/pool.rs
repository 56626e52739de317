//! The tunnels that are open, by the connectors that opened them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::client::conn::http2::SendRequest;
use tidegate_shared::spiffe::SpiffeId;
use tokio::time::sleep;

use crate::body::RequestBody;

/// Tunnels of one connector, however many programs run under its name.
const MOST_OF_ONE: usize = 64;

/// Requests at once over one tunnel; fewer where its connector says so.
pub(super) const MAX_STREAMS: usize = 256;

/// How often a tunnel that is to end is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Bounded: `most` tunnels, those included that are about to be opened.
#[derive(Debug)]
pub(crate) struct Pool {
    most: usize,
    places: Mutex<Places>,
    /// Where equals are counted from, so that each has its turn.
    turn: AtomicUsize,
}

#[derive(Debug, Default)]
struct Places {
    taken: usize,
    connectors: HashMap<SpiffeId, Connector>,
}

#[derive(Debug, Default)]
struct Connector {
    taken: usize,
    lanes: Vec<Arc<Lane>>,
}

/// One open tunnel.
#[derive(Debug)]
pub(super) struct Lane {
    sender: SendRequest<RequestBody>,
    peer: SocketAddr,
    in_flight: AtomicUsize,
    /// What the connector takes at once.
    room: AtomicUsize,
    /// Set once it takes no more.
    draining: Arc<AtomicBool>,
}

/// A place for one tunnel, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    pool: Arc<Pool>,
    connector: SpiffeId,
    lane: Option<Arc<Lane>>,
}

/// There is no place for a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    #[error("there are as many tunnels as there may be")]
    All,
    #[error("this connector has as many tunnels as one may have")]
    Connector,
}

/// A tunnel with one more request under way.
#[derive(Debug)]
pub(crate) struct Lease(Arc<Lane>);

impl Pool {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            places: Mutex::default(),
            turn: AtomicUsize::new(0),
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a tunnel of this connector.
    pub(super) fn reserve(self: &Arc<Self>, connector: &SpiffeId) -> Result<Place, Full> {
        let mut places = self.places();
        if places.taken >= self.most {
            return Err(Full::All);
        }
        let own = places.connectors.entry(connector.clone()).or_default();
        if own.taken >= MOST_OF_ONE {
            return Err(Full::Connector);
        }
        own.taken = own.taken.saturating_add(1);
        places.taken = places.taken.saturating_add(1);
        Ok(Place {
            pool: Arc::clone(self),
            connector: connector.clone(),
            lane: None,
        })
    }

    /// Of the connector's tunnels that take requests, but for those that were `tried`, the one with
    /// the fewest under way.
    pub(super) fn take(&self, connector: &SpiffeId, tried: &[SocketAddr]) -> Option<Lease> {
        let places = self.places();
        let lanes = &places.connectors.get(connector)?.lanes;
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let first = first.checked_rem(lanes.len())?;
        let (before, after) = lanes.split_at_checked(first)?;
        let open = after
            .iter()
            .chain(before)
            .filter(|lane| lane.takes_more() && !tried.contains(&lane.peer));
        open.min_by_key(|lane| lane.load()).map(Lease::new)
    }

    /// Whether any tunnel of a connector is open, be it full.
    pub(super) fn has(&self, connector: &SpiffeId) -> bool {
        let places = self.places();
        let own = places.connectors.get(connector);
        own.is_some_and(|own| !own.lanes.is_empty())
    }

    /// How many tunnels of each connector are open.
    pub(crate) fn open(&self) -> Vec<(SpiffeId, usize)> {
        let places = self.places();
        let connectors = places.connectors.iter();
        let open = connectors.map(|(connector, own)| (connector.clone(), own.lanes.len()));
        open.collect()
    }
}

impl Place {
    /// Gives requests to the tunnel from now on.
    pub(super) fn open(
        &mut self,
        sender: SendRequest<RequestBody>,
        peer: SocketAddr,
        room: usize,
        draining: Arc<AtomicBool>,
    ) {
        let lane = Arc::new(Lane {
            sender,
            peer,
            in_flight: AtomicUsize::new(0),
            room: AtomicUsize::new(room),
            draining,
        });
        let mut places = self.pool.places();
        if let Some(own) = places.connectors.get_mut(&self.connector) {
            own.lanes.push(Arc::clone(&lane));
        }
        drop(places);
        self.lane = Some(lane);
    }

    /// The connector takes so many requests at once from now on.
    pub(super) fn resize(&self, room: usize) {
        if let Some(lane) = &self.lane {
            lane.room.store(room, Ordering::Relaxed);
        }
    }

    /// Gives it no more. What is under way goes on.
    pub(super) fn retire(&mut self) {
        let Some(lane) = &self.lane else {
            return;
        };
        let mut places = self.pool.places();
        if let Some(own) = places.connectors.get_mut(&self.connector) {
            own.lanes.retain(|other| !Arc::ptr_eq(other, lane));
        }
    }

    /// Ready once nothing is under way on the tunnel, and lets go of it then.
    pub(super) async fn idle(&mut self) {
        if let Some(lane) = self.lane.take() {
            while lane.load() > 0 {
                sleep(LOOK).await;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.retire();
        let mut places = self.pool.places();
        places.taken = places.taken.saturating_sub(1);
        if let Some(own) = places.connectors.get_mut(&self.connector) {
            own.taken = own.taken.saturating_sub(1);
            if own.taken == 0 {
                places.connectors.remove(&self.connector);
            }
        }
    }
}

impl Lane {
    fn load(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    fn takes_more(&self) -> bool {
        let room = MAX_STREAMS.min(self.room.load(Ordering::Relaxed));
        let gone = self.draining.load(Ordering::Acquire) || self.sender.is_closed();
        self.load() < room && !gone
    }
}

impl Lease {
    fn new(lane: &Arc<Lane>) -> Self {
        lane.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(lane))
    }

    pub(super) fn sender(&self) -> SendRequest<RequestBody> {
        self.0.sender.clone()
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.0.peer
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
