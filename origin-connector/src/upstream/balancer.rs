//! Which endpoint the next request goes to.
//!
//! Of two endpoints drawn by weight the one with fewer requests in flight is taken: nearly as even
//! as asking all of them, without the herd that runs to the one least loaded (Mitzenmacher, "The
//! Power of Two Choices in Randomized Load Balancing").

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::rank::{Rank, draw};
use super::standing::Standing;
use crate::config::Ejection;

/// One address and the connections to it.
#[derive(Debug)]
pub(crate) struct Endpoint<P> {
    pub(crate) address: SocketAddr,
    pub(crate) pool: P,
    in_flight: AtomicUsize,
}

/// One request at an endpoint; it counts as in flight until this is dropped.
#[derive(Debug)]
pub(crate) struct Lease<P>(Arc<Endpoint<P>>);

impl<P> Lease<P> {
    fn new(endpoint: Arc<Endpoint<P>>) -> Self {
        endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(endpoint)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }

    pub(crate) fn pool(&self) -> &P {
        &self.0.pool
    }
}

impl<P> Drop for Lease<P> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Slot<P> {
    endpoint: Arc<Endpoint<P>>,
    rank: Rank,
    standing: Standing,
}

impl<P> Clone for Slot<P> {
    fn clone(&self) -> Self {
        let Self {
            endpoint,
            rank,
            standing,
        } = self;
        Self {
            endpoint: endpoint.clone(),
            rank: *rank,
            standing: standing.clone(),
        }
    }
}

/// How many endpoints stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) available: usize,
    pub(crate) ejected: usize,
    /// By their health checks, whether ejected or not.
    pub(crate) unwell: usize,
}

/// The endpoints of one backend.
#[derive(Debug)]
pub(crate) struct Balancer<P> {
    policy: Ejection,
    /// Invariant: no address twice; at most half are ejected at the moment of an ejection.
    slots: Mutex<Vec<Slot<P>>>,
}

impl<P> Balancer<P> {
    pub(super) fn new(policy: Ejection) -> Self {
        Self {
            policy,
            slots: Mutex::default(),
        }
    }

    /// No code panics while it holds the lock, and every change is whole at once.
    fn slots(&self) -> MutexGuard<'_, Vec<Slot<P>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the addresses. What stays keeps its connections and its standing; what goes keeps
    /// the requests that are in flight. Tells whether anything changed.
    pub(super) fn replace(
        &self,
        addresses: &BTreeMap<SocketAddr, Rank>,
        open: impl Fn(SocketAddr) -> P,
    ) -> bool {
        let mut slots = self.slots();
        let before = slots.len();
        let mut reranked = false;
        slots.retain_mut(|slot| {
            let rank = addresses.get(&slot.endpoint.address);
            if let Some(rank) = rank {
                reranked |= std::mem::replace(&mut slot.rank, *rank) != *rank;
            }
            rank.is_some()
        });
        let kept: BTreeSet<SocketAddr> = slots.iter().map(|slot| slot.endpoint.address).collect();
        let new = addresses
            .iter()
            .filter(|(address, _)| !kept.contains(address));
        slots.extend(new.map(|(address, rank)| {
            let endpoint = Endpoint {
                address: *address,
                pool: open(*address),
                in_flight: AtomicUsize::new(0),
            };
            Slot {
                endpoint: Arc::new(endpoint),
                rank: *rank,
                standing: Standing::default(),
            }
        }));
        reranked || kept.len() < before || kept.len() < slots.len()
    }

    /// Takes over the connections and the standing of those of its endpoints that are another's, too;
    /// or `all` of the other's endpoints.
    pub(super) fn take_over(&self, other: &Self, all: bool) {
        let theirs = other.slots().clone();
        let mut slots = self.slots();
        if all {
            *slots = theirs;
            return;
        }
        let of = |slot: Slot<P>| (slot.endpoint.address, slot);
        let mut theirs: BTreeMap<SocketAddr, Slot<P>> = theirs.into_iter().map(of).collect();
        for slot in slots.iter_mut() {
            if let Some(known) = theirs.remove(&slot.endpoint.address) {
                slot.endpoint = known.endpoint;
                slot.standing = known.standing;
            }
        }
    }

    /// An endpoint that was not `tried` yet. One that is ejected or unwell is better than none:
    /// the checks may be wrong, and there is nothing to lose.
    pub(crate) fn choose(&self, tried: &[SocketAddr], now: Instant) -> Option<Lease<P>> {
        let slots = self.slots();
        let untried = |slot: &&Slot<P>| !tried.contains(&slot.endpoint.address);
        let untried: Vec<&Slot<P>> = slots.iter().filter(untried).collect();
        let among = |admit: &dyn Fn(&Slot<P>) -> bool| {
            let admitted = untried.iter().filter(|slot| admit(slot));
            let ranked: Vec<_> = admitted.map(|slot| (&slot.endpoint, slot.rank)).collect();
            draw(&ranked, |endpoint| {
                endpoint.in_flight.load(Ordering::Relaxed)
            })
        };
        let endpoint = among(&|slot| slot.standing.is_available(now)).or_else(|| among(&|_| true));
        endpoint.cloned().map(Lease::new)
    }

    /// Notes that the endpoint did its part.
    pub(crate) fn succeeded(&self, address: SocketAddr, now: Instant) {
        let mut slots = self.slots();
        let slot = slots
            .iter_mut()
            .find(|slot| slot.endpoint.address == address);
        if let Some(slot) = slot {
            slot.standing.succeeded(&self.policy, now);
        }
    }

    /// Notes that the endpoint failed. Where it is ejected for that, tells for how long.
    pub(crate) fn failed(&self, address: SocketAddr, now: Instant) -> Option<Duration> {
        let mut slots = self.slots();
        let ejected = slots.iter().filter(|slot| slot.standing.is_ejected(now));
        let may_eject = (ejected.count() + 1) * 2 <= slots.len();
        slots
            .iter_mut()
            .find(|slot| slot.endpoint.address == address)?
            .standing
            .failed(&self.policy, now, may_eject)
    }

    /// Notes the outcome of a health check. Tells whether that makes the endpoint well or unwell.
    pub(super) fn checked(&self, address: SocketAddr, well: bool) -> bool {
        let mut slots = self.slots();
        let slot = slots
            .iter_mut()
            .find(|slot| slot.endpoint.address == address);
        slot.is_some_and(|slot| slot.standing.checked(well))
    }

    pub(super) fn endpoints(&self) -> Vec<Arc<Endpoint<P>>> {
        let slots = self.slots();
        slots.iter().map(|slot| slot.endpoint.clone()).collect()
    }

    pub(super) fn census(&self, now: Instant) -> Census {
        let mut census = Census::default();
        for Slot { standing, .. } in self.slots().iter() {
            census.available += usize::from(standing.is_available(now));
            census.ejected += usize::from(standing.is_ejected(now));
            census.unwell += usize::from(standing.is_unwell());
        }
        census
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Ejection = Ejection {
        failures: 1,
        time: Duration::from_secs(10),
        max_time: Duration::from_secs(60),
    };

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn balancer(ports: &[u16]) -> Balancer<()> {
        let balancer = Balancer::new(POLICY);
        replace(&balancer, ports);
        balancer
    }

    fn replace(balancer: &Balancer<()>, ports: &[u16]) -> bool {
        let addresses = ports.iter().map(|port| (address(*port), Rank::default()));
        let addresses = addresses.collect();
        balancer.replace(&addresses, |_| ())
    }

    #[test]
    fn requests_that_last_are_spread_evenly() {
        let balancer = balancer(&[1, 2]);
        let leases: Vec<_> = (0..100)
            .map(|_| balancer.choose(&[], Instant::now()).unwrap())
            .collect();
        let at = |port| {
            let here = leases
                .iter()
                .filter(|lease| lease.address() == address(port));
            here.count()
        };
        assert_eq!((at(1), at(2)), (50, 50));
        // What has ended weighs nothing.
        let keep = address(1);
        let leases: Vec<_> = leases
            .into_iter()
            .filter(|lease| lease.address() == keep)
            .collect();
        let next = balancer.choose(&[], Instant::now()).unwrap();
        assert_eq!(next.address(), address(2));
        drop(leases);
    }

    #[test]
    fn never_more_than_half_are_ejected() {
        for (count, most) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)] {
            let ports: Vec<u16> = (1..=count).collect();
            let balancer = balancer(&ports);
            let now = Instant::now();
            for port in &ports {
                balancer.failed(address(*port), now);
            }
            let census = balancer.census(now);
            assert_eq!(census.ejected, most, "of {count}");
            assert_eq!(census.available, usize::from(count) - most);
            let later = balancer.census(now + POLICY.time);
            assert_eq!(later.available, usize::from(count));
        }
    }

    #[test]
    fn an_ejected_endpoint_gets_nothing_unless_all_others_were_tried() {
        let balancer = balancer(&[1, 2]);
        let now = Instant::now();
        assert_eq!(balancer.failed(address(1), now), Some(POLICY.time));
        for _ in 0..50 {
            let lease = balancer.choose(&[], now).unwrap();
            assert_eq!(lease.address(), address(2));
        }
        let last = balancer.choose(&[address(2)], now).unwrap();
        assert_eq!(last.address(), address(1));
        assert!(balancer.choose(&[address(1), address(2)], now).is_none());
    }

    #[test]
    fn where_all_are_unwell_all_are_used() {
        let balancer = balancer(&[1, 2]);
        for port in [1, 2, 1, 2] {
            balancer.checked(address(port), false);
        }
        let now = Instant::now();
        assert_eq!(balancer.census(now).unwell, 2);
        assert!(balancer.choose(&[], now).is_some());
        assert!(balancer.checked(address(2), true));
        let lease = balancer.choose(&[], now).unwrap();
        assert_eq!(lease.address(), address(2));
    }

    #[test]
    fn what_takes_the_place_of_another_keeps_what_both_have() {
        let before = balancer(&[1, 2]);
        let now = Instant::now();
        before.failed(address(1), now);
        let lease = before.choose(&[], now).unwrap();
        assert_eq!(lease.address(), address(2));
        let after = balancer(&[1, 2, 3]);
        after.take_over(&before, false);
        assert_eq!(after.census(now).ejected, 1);
        // What is in flight weighs here, too.
        for _ in 0..20 {
            assert_eq!(after.choose(&[], now).unwrap().address(), address(3));
        }
        let nowhere = balancer(&[]);
        nowhere.take_over(&before, true);
        assert_eq!(nowhere.endpoints().len(), 2);
        assert_eq!(nowhere.census(now).ejected, 1);
    }

    #[test]
    fn what_stays_keeps_its_standing() {
        let balancer = balancer(&[1, 2]);
        let now = Instant::now();
        balancer.failed(address(1), now);
        assert!(!replace(&balancer, &[1, 2]));
        assert!(replace(&balancer, &[1, 3]));
        assert_eq!(balancer.census(now).ejected, 1);
        assert!(replace(&balancer, &[3]));
        assert_eq!(balancer.choose(&[], now).unwrap().address(), address(3));
        assert_eq!(balancer.failed(address(1), now), None);
    }
}
