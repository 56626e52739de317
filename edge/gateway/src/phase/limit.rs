//! *Limit*: how much may they call?

mod announce;
mod measure;
mod remote;
mod settle;

use http::header::RETRY_AFTER;
use smallvec::SmallVec;
use tidegate_shared::bundle::{Limit, Tables};
use tidegate_shared::problem::Problem;

use crate::condition::Program;
use crate::decision::HeadEdits;
use crate::head::RequestHead;
use crate::phase::request::Request;
use crate::ports::Ports;
use crate::refusal::Refusal;
use crate::state::State;
use announce::announce;
use measure::{Measured, measure};
use settle::{Told, settle};

/// Seconds after which to try again where an authority does not answer.
const RETRY: &str = "1";

/// A request that is counted.
pub(crate) struct Counted<'a, H> {
    pub(crate) request: &'a Request<'a, H>,
    /// What limits' expressions refer to.
    pub(crate) programs: &'a [Program],
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

impl Counts<'_> {
    /// Takes what the request costs from every limit, or from none; then from each limit in
    /// shadow, which has no part in that. The answer says how the caller stands with those that
    /// count; what limits in shadow would have refused goes to `shadow`.
    pub(crate) async fn take<P: Ports>(
        self,
        count: &Count<'_, P>,
        response: &mut HeadEdits,
        shadow: &mut Vec<Refusal>,
    ) -> Result<(), Refusal> {
        let told = settle(self.limits, count).await;
        let standings = told.iter().filter_map(|(limit, told)| match told {
            Told::Standing(standing) => Some((*limit, *standing)),
            Told::Failed(_) | Told::Unknown => None,
        });
        announce(&standings.collect::<Vec<_>>(), response);
        verdict(&told)?;
        for measured in self.watched {
            let verdict = match measured {
                Ok(measured) => verdict(&settle(vec![measured], count).await),
                Err(refusal) => Err(refusal),
            };
            shadow.extend(verdict.err());
        }
        Ok(())
    }
}

fn verdict(told: &[(&Limit, Told)]) -> Result<(), Refusal> {
    let refusing = told.iter().filter(|(_, told)| told.refuses());
    // What is never admitted is waited for in vain.
    let last = refusing.max_by_key(|(_, told)| match told {
        Told::Standing(standing) => standing.reset.unwrap_or(u64::MAX),
        Told::Failed(_) | Told::Unknown => 0,
    });
    match last {
        None | Some((_, Told::Unknown)) => Ok(()),
        Some((limit, Told::Standing(standing))) => {
            let cause = format!("limit `{}` is used up", limit.name);
            let refusal = Refusal::new(Problem::RateLimited, cause);
            Err(match standing.reset {
                Some(wait) => refusal.with(RETRY_AFTER, wait.to_string()),
                None => refusal,
            })
        }
        Some((limit, Told::Failed(error))) => {
            let cause = format!("the authority of limit `{}`: {error}", limit.name);
            Err(Refusal::new(Problem::LimitUnavailable, cause).with(RETRY_AFTER, RETRY))
        }
    }
}
