//! The end of an exchange: the answer on its way back, a refusal, the record.

use tidegate_shared::problem::Problem;

use super::Gateway;
use crate::attempt::AttemptPlan;
use crate::decision::{Exchange, HeadEdits, Reply};
use crate::head::ResponseHead;
use crate::hosts::Target;
use crate::phase::shape;
use crate::record::{AccessRecord, Outcome, Verdict};
use crate::refusal::{Refusal, problem_reply};
impl Gateway {
    /// *Shape back*: changes to the head of an origin's answer.
    pub fn respond(&self, exchange: &Exchange, response: &impl ResponseHead) -> HeadEdits {
        shape::response(exchange, response)
    }

    /// The reply where an origin gave none: what [`Attempt::GiveUp`](crate::Attempt::GiveUp)
    /// named, or what the runtime cannot do. The cause is for the record.
    pub fn refuse(
        &self,
        exchange: &mut Exchange,
        problem: Problem,
        cause: impl Into<String>,
    ) -> Reply {
        refuse(Refusal::new(problem, cause), exchange)
    }

    /// *Record*: what became of the request. Call it exactly once for each.
    pub fn finish(&self, exchange: Exchange, outcome: &Outcome<'_>) -> AccessRecord {
        let route = exchange.route();
        let upstream = route.and_then(|route| match route.target {
            Target::Reply(_) => None,
            Target::Upstream(index) => self.upstreams.get(usize::try_from(index).ok()?),
        });
        let route_name = route.map(|route| route.name.to_string());
        AccessRecord {
            time: exchange.started.0,
            request_id: exchange.request_id(),
            trace_id: hex::encode(exchange.trace.trace_id),
            policy: self.policy.clone(),
            bundle: self.digest.to_string(),
            method: exchange.method.to_string(),
            host: exchange.host.as_deref().map(str::to_owned),
            path: exchange.path,
            route: route_name,
            consumer: exchange.consumer,
            plan: exchange.plan,
            client: exchange.client,
            decision: exchange.verdict,
            phase: exchange.phase.name(),
            problem: exchange.problem.map(Problem::name),
            reason: exchange.reason,
            shadow: exchange.shadow,
            shadow_bundle: exchange.shadow_bundle,
            status: outcome.status,
            upstream: outcome
                .plan
                .and(upstream)
                .map(|upstream| upstream.name.clone()),
            origin: outcome
                .plan
                .and_then(|plan| plan.origin().map(str::to_owned)),
            attempts: outcome.plan.map_or(0, AttemptPlan::attempts),
            duration_ms: outcome.now.since(exchange.started),
            end: outcome.end,
        }
    }
}

pub(super) fn refuse(refusal: Refusal, exchange: &mut Exchange) -> Reply {
    let Refusal {
        problem,
        cause,
        headers,
    } = refusal;
    exchange.verdict = Verdict::Refuse;
    exchange.problem = Some(problem);
    exchange.reason = Some(cause);
    let mut reply = problem_reply(problem, Some(&exchange.request_id()));
    reply.headers.extend(headers);
    shape::reply(&reply, exchange)
}
