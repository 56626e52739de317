//! Takes what a request costs from every limit, or from none.

use tidegate_limits::{BucketId, NoSlot, Slot, Standing, Take};
use tidegate_shared::bundle::{Accuracy, Limit};
use tidegate_shared::digest::Digest;
use tidegate_shared::time::UnixMillis;

use super::Count;
use super::measure::{Kind, Measured, push};
use super::remote::{Remote, Taking};
use crate::ports::Ports;
use crate::state::State;

/// What is known of a limit, once a request was counted.
#[derive(Debug)]
pub(super) enum Told {
    /// How the bucket stands.
    Standing(Standing),
    /// Its authority does not answer, and the request must not pass.
    Failed(String),
    /// It refuses nothing, and more is not known: its authority does not answer, or another limit
    /// refused before it was asked.
    Unknown,
}

impl Told {
    pub(super) fn refuses(&self) -> bool {
        match self {
            Self::Standing(standing) => !standing.admitted,
            Self::Failed(_) => true,
            Self::Unknown => false,
        }
    }
}

/// Where a limit is counted.
enum Place {
    /// In a bucket of this isolate or process: which of the takes.
    Local(usize),
    /// By an authority.
    Remote(Remote),
    /// Among the requests under way here.
    AtOnce(Told),
}

/// What came of a request, limit by limit.
pub(super) struct Settled<'l> {
    pub(super) told: Vec<(&'l Limit, Kind, Told)>,
    /// What the request holds, where it goes on.
    pub(super) slots: Vec<Slot>,
}

/// Takes from each limit, or from none of them: all have admitted the request, or what is told of
/// some limit refuses.
///
/// What is here is looked at first, and an authority is asked only where all of it admits the
/// request. What was taken before another limit refuses is given back.
pub(super) async fn settle<'l, P: Ports>(
    measured: Vec<Measured<'l>>,
    count: &Count<'_, P>,
) -> Settled<'l> {
    let Count {
        policy,
        state,
        ports,
    } = count;
    let now = ports.now();
    let mut takes: Vec<Take> = Vec::with_capacity(measured.len());
    let mut places = Vec::with_capacity(measured.len());
    let mut limits = Vec::with_capacity(measured.len());
    let mut slots = Vec::new();
    for Measured {
        limit,
        kind,
        key,
        cost,
    } in measured
    {
        limits.push((limit, kind));
        let terms = match kind {
            Kind::Rate(terms) | Kind::Quota(terms, _) => terms,
            Kind::AtOnce(most) => {
                places.push(Place::AtOnce(enter(&key, cost, most, state, &mut slots)));
                continue;
            }
        };
        let (leases, rule) = match limit.accuracy {
            Accuracy::Local => {
                places.push(Place::Local(takes.len()));
                takes.push(Take {
                    contract: terms.contract(),
                    key,
                    cost,
                });
                continue;
            }
            Accuracy::Leased(rule) => (true, rule),
            Accuracy::Strict(rule) => (false, rule),
        };
        let held = state.holdings.find(bucket(policy, &key), terms, now);
        places.push(Place::Remote(Remote::begin(held, cost, leases, rule, now)));
    }

    let asking = remotes(&mut places).filter(|remote| remote.is_asking());
    let mut asking = asking.count();
    let entered = places.iter().all(|place| match place {
        Place::AtOnce(told) => !told.refuses(),
        Place::Local(_) | Place::Remote(_) => true,
    });
    let possible = entered && !remotes(&mut places).any(|remote| remote.refuses());
    if asking > 0 && possible && admits(&state.buckets.stand(&takes, now)) {
        for remote in remotes(&mut places).filter(|remote| remote.is_asking()) {
            let alone = asking == 1 && takes.is_empty();
            remote.ask(alone, &state.holdings, *ports).await;
            if remote.refuses() {
                break;
            }
            asking = asking.saturating_sub(1);
        }
    }

    let now = ports.now();
    let complete =
        entered && remotes(&mut places).all(|remote| !remote.is_asking() && !remote.refuses());
    let standings = if complete {
        state.buckets.take(&takes, now)
    } else {
        state.buckets.stand(&takes, now)
    };
    let goes_on = complete && admits(&standings);
    if !goes_on {
        slots.clear();
    }
    let told = places.into_iter().map(|place| match place {
        Place::AtOnce(told) => told,
        Place::Local(index) => {
            (standings.get(index).copied()).map_or(Told::Unknown, Told::Standing)
        }
        Place::Remote(remote) => {
            remote.end(goes_on, &state.holdings, now);
            let standing = remote.standing(now);
            match remote.state {
                Taking::Failed(cause) => Told::Failed(cause),
                Taking::Asking
                | Taking::Spent(_)
                | Taking::Reserved(_)
                | Taking::Debited
                | Taking::Passed
                | Taking::Denied(_)
                | Taking::Impossible => standing.map_or(Told::Unknown, Told::Standing),
            }
        }
    });
    let told = limits.into_iter().zip(told);
    let told =
        told.map(|((limit, kind), told)| (limit, kind, until_the_period_ends(told, kind, now)));
    Settled {
        told: told.collect(),
        slots,
    }
}

/// Counts a request among those under way.
fn enter(key: &[u8], cost: u64, most: u32, state: &State, slots: &mut Vec<Slot>) -> Told {
    let (admitted, remaining, reset) = match state.in_flight.enter(key, cost, most) {
        Ok((slot, left)) => {
            slots.push(slot);
            (true, left, None)
        }
        Err(NoSlot::Taken(free)) => {
            // Another request may end at any moment; for what is more than all there is none.
            let possible = cost <= u64::from(most);
            (false, free, possible.then_some(1))
        }
        Err(NoSlot::Full) => return Told::Failed("too many keys are counted".to_owned()),
    };
    Told::Standing(Standing {
        admitted,
        remaining: remaining.into(),
        reset,
    })
}

/// Nothing of a quota comes back before its period ends.
fn until_the_period_ends(told: Told, kind: Kind, now: UnixMillis) -> Told {
    match (told, kind) {
        (Told::Standing(standing), Kind::Quota(_, period)) => {
            let left = period.ends().since(now).div_ceil(1_000).max(1);
            Told::Standing(Standing {
                reset: standing.reset.map(|_| left),
                ..standing
            })
        }
        (told, Kind::Rate(_) | Kind::Quota(..) | Kind::AtOnce(_)) => told,
    }
}

fn remotes(places: &mut [Place]) -> impl Iterator<Item = &mut Remote> {
    places.iter_mut().filter_map(|place| match place {
        Place::Local(_) | Place::AtOnce(_) => None,
        Place::Remote(remote) => Some(remote),
    })
}

fn admits(standings: &[Standing]) -> bool {
    standings.iter().all(|standing| standing.admitted)
}

/// Several policies may share an authority.
fn bucket(policy: &str, key: &[u8]) -> BucketId {
    let mut name = Vec::with_capacity(policy.len().saturating_add(key.len()).saturating_add(8));
    push(&mut name, policy);
    name.extend_from_slice(key);
    Digest::of(&name).0
}
