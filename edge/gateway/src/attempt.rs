//! Which origin next, with which deadline, or give up: pure, given state and time.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use tidegate_shared::bundle::{RetryOn, Upstream};
use tidegate_shared::problem::Problem;
use tidegate_shared::spiffe::SpiffeId;
use tidegate_shared::time::UnixMillis;

use crate::signing::Signer;
use crate::state::State;

/// Where to send an attempt.
#[derive(Clone, Debug)]
pub struct Destination {
    upstream: Arc<Upstream>,
    origin: usize,
    signature: Option<[(HeaderName, HeaderValue); 2]>,
}

impl Destination {
    /// Scheme, authority and base path; the request's path and query follow.
    pub fn url(&self) -> &str {
        self.upstream
            .origins
            .get(self.origin)
            .map_or("", |origin| &origin.url)
    }

    /// The connector on whose connections the origin is reached, where the gateway opens none.
    pub fn tunnel(&self) -> Option<&SpiffeId> {
        self.upstream.origins.get(self.origin)?.tunnel.as_ref()
    }

    /// The origin's name in the policy.
    pub fn origin(&self) -> &str {
        self.upstream
            .origins
            .get(self.origin)
            .map_or("", |origin| &origin.name)
    }

    /// Fields of this attempt alone, to set after all other changes: its signature, where the
    /// policy says that requests are signed.
    pub fn fields(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.signature.iter().flatten()
    }

    /// The upstream, with its TLS identity and trust.
    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }
}

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// No connection was made (or no TLS session); the origin saw nothing.
    ConnectFailed,
    /// The deadline passed before the response head.
    TimedOut,
    /// The connection broke before the response head.
    Failed,
    /// The origin answered with this status.
    Answered(u16),
}

/// What to do next.
#[derive(Clone, Debug)]
pub enum Attempt {
    /// Send the request there; the response head must have come by the deadline.
    Send(Destination, UnixMillis),
    /// Pass the last answer on to the client.
    Deliver,
    /// Answer with this problem.
    GiveUp(Problem),
}

/// The attempts of one request.
#[derive(Debug)]
pub struct AttemptPlan {
    upstream: Arc<Upstream>,
    upstream_index: u32,
    /// Origins in the order to try: those that failed lately come last.
    order: Vec<usize>,
    deadline: UnixMillis,
    /// RFC 9110 §9.2.2: only such a request may be repeated once an origin may have seen it.
    idempotent: bool,
    made: u8,
    /// Where attempts are signed.
    signer: Option<Box<Signer>>,
}

impl AttemptPlan {
    pub(crate) fn new(
        upstream: Arc<Upstream>,
        upstream_index: u32,
        method: &Method,
        timeout: u64,
        state: &State,
        now: UnixMillis,
        signer: Option<Signer>,
    ) -> Self {
        let mut order: Vec<usize> = (0..upstream.origins.len()).collect();
        order.sort_by_key(|origin| state.health.is_failing(upstream_index, *origin, now));
        let idempotent = method.is_idempotent();
        Self {
            upstream,
            upstream_index,
            order,
            deadline: now.plus(timeout),
            idempotent,
            made: 0,
            signer: signer.map(Box::new),
        }
    }

    /// What to do next. `last` is what the attempt before came to, and whether the request can
    /// still be sent again (its body was not touched).
    pub fn next(
        &mut self,
        state: &State,
        last: Option<(AttemptOutcome, bool)>,
        now: UnixMillis,
    ) -> Attempt {
        let Some((outcome, replayable)) = last else {
            state
                .retries
                .deposit(self.upstream_index, self.upstream.retry.budget);
            return self.send(now);
        };
        if let Some(origin) = self.last_origin() {
            let failed = !matches!(outcome, AttemptOutcome::Answered(_));
            state
                .health
                .report(self.upstream_index, origin, failed, now);
        }
        if replayable
            && self.wants_another(outcome, now)
            && state.retries.withdraw(self.upstream_index)
        {
            return self.send(now);
        }
        match outcome {
            AttemptOutcome::ConnectFailed => Attempt::GiveUp(Problem::OriginUnreachable),
            AttemptOutcome::TimedOut => Attempt::GiveUp(Problem::OriginTimeout),
            AttemptOutcome::Failed => Attempt::GiveUp(Problem::OriginFailed),
            AttemptOutcome::Answered(_) => Attempt::Deliver,
        }
    }

    fn wants_another(&self, outcome: AttemptOutcome, now: UnixMillis) -> bool {
        let retry = &self.upstream.retry;
        let wanted = match outcome {
            AttemptOutcome::ConnectFailed => retry.on.contains(&RetryOn::Connect),
            AttemptOutcome::TimedOut => self.idempotent && retry.on.contains(&RetryOn::Timeout),
            AttemptOutcome::Failed => false,
            AttemptOutcome::Answered(status) => {
                self.idempotent && retry.on.contains(&RetryOn::Status(status))
            }
        };
        wanted && self.made < retry.attempts && now < self.deadline
    }

    fn send(&mut self, now: UnixMillis) -> Attempt {
        let Some(origin) = self.origin_of(self.made) else {
            return Attempt::GiveUp(Problem::OriginUnreachable);
        };
        self.made = self.made.saturating_add(1);
        let deadline = self.attempt_deadline(now);
        let mut destination = Destination {
            upstream: Arc::clone(&self.upstream),
            origin,
            signature: None,
        };
        if let Some(signer) = &self.signer {
            destination.signature = signer.sign(destination.url(), self.made, now);
            if destination.signature.is_none() {
                return Attempt::GiveUp(Problem::Internal);
            }
        }
        Attempt::Send(destination, deadline)
    }

    /// Where a timeout is retried, each remaining attempt gets an equal share of the time left;
    /// else an attempt may use all of it.
    fn attempt_deadline(&self, now: UnixMillis) -> UnixMillis {
        let retry = &self.upstream.retry;
        let remaining = retry.attempts.saturating_sub(self.made);
        if remaining == 0 || !self.idempotent || !retry.on.contains(&RetryOn::Timeout) {
            return self.deadline;
        }
        let shares = u64::from(remaining).saturating_add(1);
        now.plus(self.deadline.since(now) / shares)
    }

    fn origin_of(&self, attempt: u8) -> Option<usize> {
        let index = usize::from(attempt).checked_rem(self.order.len())?;
        self.order.get(index).copied()
    }

    fn last_origin(&self) -> Option<usize> {
        self.origin_of(self.made.checked_sub(1)?)
    }

    /// Where the request goes.
    pub(crate) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// The name of the origin that was tried last.
    pub fn origin(&self) -> Option<&str> {
        let origin = self.upstream.origins.get(self.last_origin()?)?;
        Some(&origin.name)
    }

    /// Attempts made so far.
    pub fn attempts(&self) -> u8 {
        self.made
    }
}
