//! How many requests a backend has at a time, and how many wait.

use std::sync::Arc;

use crate::config;
use crate::room::{Place, Room};

/// The places of a backend.
#[derive(Debug)]
pub(super) struct Admission {
    rooms: Arc<Rooms>,
    config: config::Admission,
}

/// They stay, however many places there are to be.
#[derive(Debug)]
struct Rooms {
    places: Room,
    queue: Room,
}

/// There is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Overload {
    #[error("as many requests are under way and waiting as the backend's limits allow")]
    Full,
    #[error("no request of the backend ended within its `pending_timeout`")]
    Patience,
}

impl Overload {
    /// A stable label.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Patience => "pending-timeout",
        }
    }
}

impl Admission {
    pub(super) fn new(config: config::Admission) -> Self {
        let rooms = Rooms {
            places: Room::new(config.requests),
            queue: Room::new(config.pending),
        };
        Self {
            rooms: Arc::new(rooms),
            config,
        }
    }

    /// Other limits for the same requests. They are in force once they have [settled](Self::settle).
    pub(super) fn after(before: &Self, config: config::Admission) -> Self {
        Self {
            rooms: before.rooms.clone(),
            config,
        }
    }

    /// Makes as many places as the limits say. What is under way counts, whenever it began.
    pub(super) fn settle(&self) {
        self.rooms.places.resize(self.config.requests);
        self.rooms.queue.resize(self.config.pending);
    }

    /// A place, in the order in which requests came. Who cannot even wait learns so at once.
    pub(super) async fn admit(&self) -> Result<Place, Overload> {
        let Rooms { places, queue } = &*self.rooms;
        if let Some(place) = places.try_take() {
            return Ok(place);
        }
        let _waiting = queue.try_take().ok_or(Overload::Full)?;
        let place = tokio::time::timeout(self.config.pending_timeout, places.take()).await;
        place.map_err(|_| Overload::Patience)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ONE: config::Admission = config::Admission {
        requests: 1,
        pending: 1,
        pending_timeout: Duration::from_secs(1),
    };

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_the_next_place_or_gives_up() {
        let admission = Admission::new(ONE);
        let first = admission.admit().await.unwrap();
        let second = admission.admit();
        tokio::pin!(second);
        tokio::select! {
            biased;
            _ = &mut second => panic!("there is no place"),
            third = admission.admit() => assert_eq!(third.unwrap_err(), Overload::Full),
        }
        drop(first);
        let second = second.await.unwrap();
        assert_eq!(admission.admit().await.unwrap_err(), Overload::Patience);
        drop(second);
        assert!(admission.admit().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn other_limits_are_for_what_is_under_way_too() {
        let before = Admission::new(ONE);
        let first = before.admit().await.unwrap();
        let two = config::Admission { requests: 2, ..ONE };
        let after = Admission::after(&before, two);
        assert_eq!(after.admit().await.unwrap_err(), Overload::Patience);
        after.settle();
        let second = after.admit().await.unwrap();
        assert_eq!(after.admit().await.unwrap_err(), Overload::Patience);
        drop((first, second));
    }
}
