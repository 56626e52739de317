//! Requests that were made, sent through two policies: whose verdict changes?
//!
//! Each request is decided by the gateway's own core, offline, once with the old policy and once
//! with the new one. A record says neither which credential a request carried, nor its query, nor
//! its fields: `replay/caller.rs` says what is assumed instead. A record whose verdict the old policy does
//! not give under those assumptions is counted apart. Limits start full for each request.

mod caller;
mod read;
mod shadow;
mod show;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::diff::Severity;
use crate::offline::{Offline, OfflineError};
use crate::{Ir, TestCaller, TestRequest};

use caller::Assumed;
use verdict::Verdict;

pub use read::{Call, Made, Malformed, Read, ReadError, Recorded, Requests, Who, read};
pub use shadow::{Watched, watched};
pub use show::{render_human, render_json, render_markdown};

/// A policy on one side of the comparison.
#[derive(Debug)]
pub struct Played<'i> {
    /// The policy.
    pub ir: &'i Ir,
    /// Who makes every request, whatever the records say.
    pub caller: Option<TestCaller>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// Requests that were replayed.
    pub requests: u64,
    /// Those of them whose verdict changes.
    pub changed: u64,
    /// The changes, the worst first, and of those the most frequent.
    pub differences: Vec<Difference>,
    /// Requests to which the old policy says something else than the record does.
    pub unlike: Option<Unlike>,
}

/// Requests whose verdict changes in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it means for callers.
    pub severity: Severity,
    /// The verdict of the old policy.
    pub before: String,
    /// The verdict of the new one.
    pub after: String,
    /// The route that took the requests before.
    pub route_before: Option<String>,
    /// The route that takes them now.
    pub route_after: Option<String>,
    /// How many requests there are.
    pub requests: u64,
    /// One of them.
    pub example: Example,
}

/// A request, and where it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The line of a file of records, or the entry of an archive; the first is 1.
    pub number: u64,
    /// Method and URL.
    pub request: String,
    /// Who is assumed to have called.
    pub caller: String,
}

/// Requests whose record the old policy does not give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unlike {
    /// How many there are.
    pub requests: u64,
    /// One of them.
    pub example: Example,
    /// What its record says.
    pub recorded: String,
    /// What the old policy says.
    pub replayed: String,
}

/// Sends requests through two policies.
///
/// # Errors
/// [`OfflineError`] where a policy cannot be loaded.
pub fn replay(
    old: &Played<'_>,
    new: &Played<'_>,
    requests: &Requests,
) -> Result<Replay, OfflineError> {
    let consumers: BTreeSet<&str> = requests.consumers().collect();
    let offline = |ir| Offline::knowing(ir, caller::holders(ir, &consumers).iter());
    let (before, after) = (offline(old.ir)?, offline(new.ir)?);
    let mut groups: BTreeMap<Key, Difference> = BTreeMap::new();
    let mut replay = Replay::default();
    for (call, made) in requests.calls() {
        let mut request = call.request();
        let assumed = Assumed::of(call, before.route(&request)?, &old.ir.tables);
        let mut decide = |offline: &Offline, side: &Played<'_>| {
            let given = side.caller.clone();
            let caller = given.or_else(|| assumed.on(&side.ir.tables));
            request.callers = caller.into_iter().collect();
            Ok::<_, OfflineError>(Verdict::of(&offline.send(&request, 1)?))
        };
        let verdicts = [decide(&before, old)?, decide(&after, new)?];
        let example = || Example {
            number: made.first,
            request: shown(&request),
            caller: match &old.caller {
                Some(_) => "the caller of `--as`".to_owned(),
                None => assumed.words(),
            },
        };
        replay.requests = replay.requests.saturating_add(made.times);
        if old.caller.is_none() {
            note_unlike(&mut replay, call, made.times, &verdicts[0], example);
        }
        let open = new.caller.is_none() && assumed == Assumed::Nobody;
        let Some(severity) = verdict::severity(&verdicts, open) else {
            continue;
        };
        replay.changed = replay.changed.saturating_add(made.times);
        let [old, new] = verdicts;
        let key = (severity, old.words, new.words, old.route, new.route);
        match groups.get_mut(&key) {
            Some(group) => group.requests = group.requests.saturating_add(made.times),
            None => {
                let (severity, before, after, route_before, route_after) = key.clone();
                let difference = Difference {
                    severity,
                    before,
                    after,
                    route_before,
                    route_after,
                    requests: made.times,
                    example: example(),
                };
                groups.insert(key, difference);
            }
        }
    }
    replay.differences = groups.into_values().collect();
    let order = |group: &Difference| (group.severity, std::cmp::Reverse(group.requests));
    replay.differences.sort_by_key(order);
    Ok(replay)
}

type Key = (Severity, String, String, Option<String>, Option<String>);

fn note_unlike(
    replay: &mut Replay,
    call: &Call,
    times: u64,
    verdict: &Verdict,
    example: impl FnOnce() -> Example,
) {
    let Some(recorded) = call.recorded.as_ref().filter(|told| !verdict.is_as(told)) else {
        return;
    };
    match &mut replay.unlike {
        Some(unlike) => unlike.requests = unlike.requests.saturating_add(times),
        None => {
            replay.unlike = Some(Unlike {
                requests: times,
                example: example(),
                recorded: recorded.words(),
                replayed: verdict.words.clone(),
            });
        }
    }
}

fn shown(request: &TestRequest) -> String {
    let scheme = if request.https { "https" } else { "http" };
    format!(
        "{} {scheme}://{}{}",
        request.method, request.authority, request.path_and_query
    )
}
