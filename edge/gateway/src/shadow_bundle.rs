//! A bundle in shadow: it decides about the same requests as the one in force, and nothing comes of
//! that but a note in the access record where the two differ.
//!
//! It has a memory of its own, so that its limits count beside the others, and a proof that it
//! takes is taken in its own memory alone. It asks nobody: what issuers, stores and lists say it
//! takes from what the bundle in force has learned, and where that does not do, nothing is compared.
//!
//! It may decide behind the answer: then the record waits for it ([`LateRecord`]), and not the
//! request.

mod late;

use std::sync::Mutex;

use serde::Serialize;
use tidegate_limits::{Authority, Slot};
use tidegate_shared::digest::Digest;
use tidegate_shared::problem::Problem;
use tidegate_shared::units::Percent;

use crate::decision::{Decision, Exchange};
use crate::gateway::Gateway;
use crate::head::RequestHead;
use crate::phase::Phase;
use crate::ports::Ports;
use crate::record::Verdict;
use crate::state::State;
use crate::ways::Ways;
pub use late::LateRecord;

/// Buckets of limits that an authority would have: the shadow counts them for itself.
const MAX_BUCKETS: usize = 4_096;

/// A bundle that decides in shadow. Replace it whole, as a [`Gateway`].
#[derive(Debug)]
pub struct ShadowBundle {
    gateway: Gateway,
    state: State,
    authority: Mutex<Authority>,
    share: Percent,
}

/// What a bundle in shadow would have done, where that is something else. Absent facts are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShadowVerdict {
    /// The digest of the bundle in shadow.
    pub bundle: String,
    /// What it decided.
    #[serde(flatten)]
    pub would: Would,
    /// The route's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The cause of a refusal, for the operator alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What came of asking a bundle in shadow about a request. To be kept as long as the request lasts:
/// a limit on requests at once counts it that long.
#[derive(Debug, Default)]
pub struct Watched {
    verdict: Option<Box<ShadowVerdict>>,
    slots: Vec<Slot>,
}

/// A decision, as far as two bundles are compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Would {
    /// What is decided.
    pub decision: Verdict,
    /// The status of the gateway's own answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The name of the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<&'static str>,
    /// The upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// The path that its origin gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl Would {
    pub(crate) fn refuse(problem: Problem) -> Self {
        Self {
            decision: Verdict::Refuse,
            status: Some(problem.status()),
            problem: Some(problem.name()),
            upstream: None,
            path: None,
        }
    }

    pub(crate) fn reply(status: u16) -> Self {
        Self {
            decision: Verdict::Reply,
            status: Some(status),
            problem: None,
            upstream: None,
            path: None,
        }
    }

    pub(crate) fn forward(upstream: &str, path: &str) -> Self {
        Self {
            decision: Verdict::Forward,
            status: None,
            problem: None,
            upstream: Some(upstream.to_owned()),
            path: Some(path.to_owned()),
        }
    }

    /// What was decided about a request, where that is one of the share that a bundle in shadow is
    /// asked about, and there is something to compare with.
    pub fn drawn(decision: &Decision, share: Percent, ports: &impl Ports) -> Option<Self> {
        let [drawn, ..] = ports.entropy();
        // Of 256 values; the share is no promise.
        if u32::from(drawn) * 100 >= u32::from(share.0) * 256 {
            return None;
        }
        Self::of(decision)
    }

    /// What was decided; `None` where the gateway failed, and not the policy refused.
    fn of(decision: &Decision) -> Option<Self> {
        match decision {
            Decision::Respond(reply, exchange) => match exchange.problem {
                Some(_) if exchange.phase == Phase::Forward => None,
                Some(problem) => Self::refuse(problem).of_the_policy(),
                None => Some(Self::reply(reply.status)),
            },
            Decision::Forward(forward) => {
                let path = forward.path_and_query.split('?').next();
                let upstream = &forward.plan.upstream().name;
                Some(Self::forward(upstream, path.unwrap_or_default()))
            }
        }
    }

    /// Not what was refused because something could not be had.
    pub(crate) fn of_the_policy(self) -> Option<Self> {
        Some(self).filter(|would| {
            would.decision != Verdict::Refuse || would.status.is_some_and(|status| status < 500)
        })
    }
}

impl ShadowBundle {
    /// Lets a bundle decide in shadow about this share of requests. The seed must be
    /// unpredictable, as that of a [`State`].
    pub fn new(gateway: Gateway, seed: [u8; 16], share: Percent) -> Self {
        Self {
            gateway,
            state: State::new(seed),
            authority: Mutex::new(Authority::new(MAX_BUCKETS)),
            share,
        }
    }

    /// The digest of the bundle.
    pub fn digest(&self) -> Digest {
        self.gateway.digest()
    }

    /// About which share of requests it decides.
    pub fn share(&self) -> Percent {
        self.share
    }

    /// Decides about a request in shadow, after it was decided about, and notes what would be
    /// different. `state` is the memory of the gateway in force; `ports` have the secrets of the
    /// bundle in shadow.
    pub async fn watch(
        &self,
        decision: &mut Decision,
        state: &State,
        ports: &impl Ports,
        head: &impl RequestHead,
    ) {
        if let Some(decided) = Would::drawn(decision, self.share, ports) {
            let watched = self.compare(&decided, state, ports, head).await;
            watched.note(decision.exchange_mut());
        }
    }

    /// The same, where the decision is acted upon meanwhile: given what was decided.
    pub async fn compare(
        &self,
        decided: &Would,
        state: &State,
        ports: &impl Ports,
        head: &impl RequestHead,
    ) -> Watched {
        self.state.key_sets.adopt(&state.key_sets);
        self.state.revocations.adopt(&state.revocations);
        let ways = Ways::closed(ports, state, &self.authority);
        let (would, other) = self.gateway.would(&self.state, &ways, head).await;
        let would = would.filter(|would| would != decided && ways.knew());
        let route = other.route().map(|route| route.name.to_string());
        let Exchange { slots, reason, .. } = other;
        let verdict = would.map(|would| ShadowVerdict {
            bundle: self.digest().to_string(),
            would,
            route,
            reason,
        });
        Watched {
            verdict: verdict.map(Box::new),
            slots,
        }
    }
}

impl Watched {
    fn note(mut self, exchange: &mut Exchange) {
        exchange.slots.append(&mut self.slots);
        exchange.shadow_bundle = self.verdict;
    }
}
