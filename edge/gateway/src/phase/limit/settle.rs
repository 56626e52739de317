//! Takes what a request costs from every limit, or from none.

use tidegate_limits::BucketId;
use tidegate_shared::bundle::{Accuracy, Limit};
use tidegate_shared::digest::Digest;

use super::Count;
use super::measure::{Measured, push};
use super::remote::{Remote, Taking};
use crate::ports::Ports;
use crate::state::{Standing, Take};

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

/// Where a limit's bucket is.
enum Place {
    /// Among those of this isolate or process: which of the takes.
    Local(usize),
    /// With an authority.
    Remote(Remote),
}

/// Takes from each bucket, or from none of them: all were admitted, or what is told of some limit
/// refuses.
///
/// What is here is looked at first, and an authority is asked only where all of it admits the
/// request. What was taken before another limit refuses is given back.
pub(super) async fn settle<'l, P: Ports>(
    measured: Vec<Measured<'l>>,
    count: &Count<'_, P>,
) -> Vec<(&'l Limit, Told)> {
    let Count {
        policy,
        state,
        ports,
    } = count;
    let now = ports.now();
    let mut takes: Vec<Take> = Vec::with_capacity(measured.len());
    let mut places = Vec::with_capacity(measured.len());
    let mut limits = Vec::with_capacity(measured.len());
    for Measured { limit, take } in measured {
        limits.push(limit);
        let (leases, rule) = match limit.accuracy {
            Accuracy::Local => {
                places.push(Place::Local(takes.len()));
                takes.push(take);
                continue;
            }
            Accuracy::Leased(rule) => (true, rule),
            Accuracy::Strict(rule) => (false, rule),
        };
        let held = state.holdings.find(bucket(policy, &take), limit, now);
        places.push(Place::Remote(Remote::begin(
            held, take.cost, leases, rule, now,
        )));
    }

    let asking = remotes(&mut places).filter(|remote| remote.is_asking());
    let mut asking = asking.count();
    let possible = !remotes(&mut places).any(|remote| remote.refuses());
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
    let complete = remotes(&mut places).all(|remote| !remote.is_asking() && !remote.refuses());
    let standings = if complete {
        state.buckets.take(&takes, now)
    } else {
        state.buckets.stand(&takes, now)
    };
    let goes_on = complete && admits(&standings);
    let told = places.into_iter().map(|place| match place {
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
    limits.into_iter().zip(told).collect()
}

fn remotes(places: &mut [Place]) -> impl Iterator<Item = &mut Remote> {
    places.iter_mut().filter_map(|place| match place {
        Place::Local(_) => None,
        Place::Remote(remote) => Some(remote),
    })
}

fn admits(standings: &[Standing]) -> bool {
    standings.iter().all(|standing| standing.admitted)
}

/// Several policies may share an authority.
fn bucket(policy: &str, take: &Take) -> BucketId {
    let mut name = Vec::with_capacity(
        policy
            .len()
            .saturating_add(take.key.len())
            .saturating_add(8),
    );
    push(&mut name, policy);
    name.extend_from_slice(&take.key);
    Digest::of(&name).0
}
