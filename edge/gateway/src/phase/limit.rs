//! *Limit*: how much may they call?

mod announce;
mod measure;
mod remote;
mod settle;

use http::header::RETRY_AFTER;
use smallvec::SmallVec;
use tidegate_limits::Slot;
use tidegate_shared::bundle::{Calendar, Limit, Tables};
use tidegate_shared::problem::Problem;
use tidegate_shared::time::UnixMillis;

use crate::condition::Program;
use crate::decision::HeadEdits;
use crate::head::RequestHead;
use crate::phase::request::Request;
use crate::ports::Ports;
use crate::refusal::Refusal;
use crate::state::State;
use announce::announce;
use measure::{Kind, Measured, measure};
use settle::{Told, settle};

/// Seconds after which to try again where an authority does not answer.
const RETRY: &str = "1";

/// A request that is counted.
pub(crate) struct Counted<'a, H> {
    pub(crate) request: &'a Request<'a, H>,
    /// What limits' expressions refer to.
    pub(crate) programs: &'a [Program],
    /// What quotas count by.
    pub(crate) calendars: &'a [Calendar],
    pub(crate) now: UnixMillis,
}

/// What a request takes from the limits that stand on it.
#[derive(Debug)]
pub(crate) struct Counts<'l> {
    limits: Vec<Measured<'l>>,
    /// Those in shadow, each with why it cannot be told.
    watched: Vec<Result<Measured<'l>, Refusal>>,
}

/// Where and for whom limits are counted.
pub(crate) struct Count<'a, P> {
    pub(crate) policy: &'a str,
    pub(crate) state: &'a State,
    pub(crate) ports: &'a P,
}

/// Works out what a request takes from every limit of the route and of the caller's plan.
pub(crate) fn count<'l, H: RequestHead>(
    limits: impl Iterator<Item = &'l u32>,
    tables: &'l Tables,
    counted: &Counted<'_, H>,
) -> Result<Counts<'l>, Refusal> {
    let mut indices: SmallVec<[u32; 4]> = SmallVec::new();
    let mut counts = Counts {
        limits: Vec::new(),
        watched: Vec::new(),
    };
    for index in limits {
        // A limit of the route that the caller's plan has, too, counts once.
        if indices.contains(index) {
            continue;
        }
        indices.push(*index);
        let limit = usize::try_from(*index).ok();
        let Some(limit) = limit.and_then(|index| tables.limits.get(index)) else {
            continue;
        };
        let measured = measure(limit, counted);
        if limit.shadow {
            counts.watched.push(measured);
        } else {
            counts.limits.push(measured?);
        }
    }
    Ok(counts)
}

/// What came of a request's counting, beside whether it goes on.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// How the caller stands with the limits that count.
    pub(crate) response: HeadEdits,
    /// What limits in shadow would have refused.
    pub(crate) shadow: Vec<Refusal>,
    /// What the request holds until it is over.
    pub(crate) slots: Vec<Slot>,
}

impl Counts<'_> {
    /// Takes what the request costs from every limit, or from none; then from each limit in
    /// shadow, which has no part in that.
    pub(crate) async fn take<P: Ports>(
        self,
        count: &Count<'_, P>,
        taken: &mut Taken,
    ) -> Result<(), Refusal> {
        let settled = settle(self.limits, count).await;
        announce(&settled.told, &mut taken.response);
        verdict(&settled.told)?;
        taken.slots = settled.slots;
        for measured in self.watched {
            let verdict = match measured {
                Ok(measured) => {
                    let settled = settle(vec![measured], count).await;
                    taken.slots.extend(settled.slots);
                    verdict(&settled.told)
                }
                Err(refusal) => Err(refusal),
            };
            taken.shadow.extend(verdict.err());
        }
        Ok(())
    }
}

fn verdict(told: &[(&Limit, Kind, Told)]) -> Result<(), Refusal> {
    let refusing = told.iter().filter(|(.., told)| told.refuses());
    // What is never admitted is waited for in vain.
    let last = refusing.max_by_key(|(.., told)| match told {
        Told::Standing(standing) => standing.reset.unwrap_or(u64::MAX),
        Told::Failed(_) | Told::Unknown => 0,
    });
    match last {
        None | Some((.., Told::Unknown)) => Ok(()),
        Some((limit, kind, Told::Standing(standing))) => {
            let problem = match kind {
                Kind::Rate(_) => Problem::RateLimited,
                Kind::Quota(..) => Problem::QuotaExceeded,
                Kind::AtOnce(_) => Problem::ConcurrencyLimited,
            };
            let refusal = Refusal::new(problem, format!("limit `{}` is used up", limit.name));
            Err(match standing.reset {
                Some(wait) => refusal.with(RETRY_AFTER, wait.to_string()),
                None => refusal,
            })
        }
        Some((limit, _, Told::Failed(error))) => {
            let cause = format!("the authority of limit `{}`: {error}", limit.name);
            Err(Refusal::new(Problem::LimitUnavailable, cause).with(RETRY_AFTER, RETRY))
        }
    }
}
