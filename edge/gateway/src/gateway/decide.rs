//! The way of a request: the phases *accept* to *shape*, in their order.

use std::borrow::Cow;
use std::sync::Arc;

use tidegate_shared::problem::Problem;

use super::Gateway;
use super::end::refuse;
use crate::attempt::AttemptPlan;
use crate::decision::{Decision, Exchange, Forward, HeadEdits, Reply};
use crate::head::RequestHead;
use crate::hosts::{Found, Target};
use crate::identity::Identity;
use crate::phase::accept::{Target as RequestTarget, accept, identify};
use crate::phase::authenticate::{Incoming, authenticate};
use crate::phase::authorise::{authorise, meet, watch};
use crate::phase::limit::{Count, Counted, Taken, count};
use crate::phase::request::Request;
use crate::phase::route::{Matched, route, table};
use crate::phase::shape::{caller::tell, credential::Carriers};
use crate::phase::{Phase, plan, screen, shape};
use crate::ports::Ports;
use crate::record::Verdict;
use crate::refusal::Refusal;
use crate::shadow_bundle::Would;
use crate::signing::{self, Outgoing, Signer};
use crate::state::{Memory, State};
use crate::ways::Ways;

/// Where the phases up to *limit* led.
enum Way<'h, 'g> {
    Reply(Cow<'g, Reply>),
    Forward(Passage<'h, 'g>),
}

/// A request on its way to an upstream.
struct Passage<'h, 'g> {
    upstream: u32,
    found: Found<'g>,
    target: RequestTarget<'h>,
    identity: Option<Arc<Identity>>,
}

impl Gateway {
    /// Decides about a request: the phases *accept* to *shape*, in their order.
    pub async fn decide(
        &self,
        state: &State,
        ports: &impl Ports,
        head: &impl RequestHead,
    ) -> Decision {
        let mut exchange = begin(ports, head);
        let ways = Ways::open(ports);
        let way = self.admit(state, &ways, head, &mut exchange).await;
        match way {
            Ok(Way::Reply(reply)) => {
                exchange.verdict = Verdict::Reply;
                Decision::Respond(shape::reply(&reply, &exchange), exchange)
            }
            Ok(Way::Forward(passage)) => self.forward(&passage, state, ports, head, exchange),
            Err(refusal) => Decision::Respond(refuse(refusal, &mut exchange), exchange),
        }
    }

    /// What it would decide, up to *shape*; `None` where that is not the policy's to say. What the
    /// exchange holds of limits goes with it.
    pub(crate) async fn would(
        &self,
        state: &State,
        ways: &Ways<'_, impl Ports>,
        head: &impl RequestHead,
    ) -> (Option<Would>, Exchange) {
        let mut exchange = begin(ways, head);
        let would = match self.admit(state, ways, head, &mut exchange).await {
            Ok(Way::Reply(reply)) => Some(Would::reply(reply.status)),
            Ok(Way::Forward(passage)) => {
                let index = usize::try_from(passage.upstream).ok();
                let upstream = index.and_then(|index| self.upstreams.get(index));
                let Found { route, pattern, .. } = passage.found;
                let path = shape::path(route.rules.rewrite.as_ref(), pattern, &passage.target.path);
                upstream.map(|upstream| Would::forward(&upstream.name, &path))
            }
            Err(Refusal { problem, cause, .. }) => {
                exchange.reason = Some(cause);
                Would::refuse(problem).of_the_policy()
            }
        };
        (would, exchange)
    }

    /// The phases *accept* to *limit*.
    async fn admit<'h, H: RequestHead>(
        &self,
        state: &State,
        ports: &Ways<'_, impl Ports>,
        head: &'h H,
        exchange: &mut Exchange,
    ) -> Result<Way<'h, '_>, Refusal> {
        let target = accept(head)?;
        let host = self.hosts.find(&target.host);
        exchange.host = Some(host.map_or_else(
            || target.host.as_ref().into(),
            |host| host.name(&target.host),
        ));
        exchange.path = Some(target.path.clone().into_owned());

        exchange.phase = Phase::Route;
        let table = table(host, &self.tables)?;
        let Matched { found, preflight } = route(table, &target, head)?;
        let Found { route, index, .. } = found;

        exchange.phase = Phase::Screen;
        exchange.route = Some((Arc::clone(table), index));
        let cors = route
            .rules
            .cors
            .and_then(|index| self.tables.cors.get(usize::try_from(index).ok()?));
        if let Some(cors) = cors {
            screen::grant(cors, head, &mut exchange.response);
            if preflight {
                let reply = screen::preflight(cors, head, &mut exchange.response)?;
                return Ok(Way::Reply(Cow::Owned(reply)));
            }
        }

        exchange.phase = Phase::Authenticate;
        let incoming = Incoming {
            head,
            target: &target,
            cors,
            tables: &self.tables,
            realm: &self.policy,
            memory: Memory {
                state,
                bundle: self.digest,
            },
            ports,
        };
        let caller = authenticate(&route.rules.auth, &incoming, &mut exchange.response).await?;
        let identity = caller.identity.as_deref();
        exchange.consumer = identity.map(|identity| identity.subject.clone());
        exchange.watch(caller.shadow);

        exchange.phase = Phase::Authorise;
        let shadow = authorise(&caller.held, &self.tables, &self.policy)?;
        exchange.watch(shadow);
        let mut shadow = Vec::new();
        let anonymous = route.rules.anonymous_plan.as_deref();
        let plan = plan::plan(&caller.held, anonymous, &self.tables, &mut shadow)?;
        exchange.plan = plan.map(str::to_owned);
        exchange.watch(shadow);
        let counts = {
            let request = Request::new(
                head,
                &target,
                found.pattern,
                identity,
                plan,
                exchange.started,
            );
            meet(&route.rules.conditions, &self.conditions, &request)?;
            let shadow = watch(&route.rules.shadow_conditions, &self.conditions, &request);
            exchange.watch(shadow);

            let of_plan = plan::limits(&route.rules.plans, plan);
            let limits = route.rules.limits.iter().chain(of_plan);
            if route.rules.limits.is_empty() && of_plan.is_empty() {
                None
            } else {
                exchange.phase = Phase::Limit;
                let counted = Counted {
                    request: &request,
                    programs: &self.conditions,
                    calendars: &self.tables.calendars,
                    now: exchange.started,
                };
                Some(count(limits, &self.tables, &counted)?)
            }
        };
        if let Some(counts) = counts {
            let count = Count {
                policy: &self.policy,
                state,
                ports,
            };
            let mut taken = Taken::default();
            let verdict = counts.take(&count, &mut taken).await;
            let Taken {
                response,
                shadow,
                slots,
            } = taken;
            exchange.response.extend(&response);
            exchange.slots = slots;
            verdict?;
            exchange.watch(shadow);
        }

        match &route.target {
            Target::Reply(reply) => {
                exchange.phase = Phase::Reply;
                Ok(Way::Reply(Cow::Borrowed(reply)))
            }
            Target::Upstream(index) => Ok(Way::Forward(Passage {
                upstream: *index,
                found,
                target,
                identity: caller.identity,
            })),
        }
    }

    fn forward<H: RequestHead>(
        &self,
        passage: &Passage<'_, '_>,
        state: &State,
        ports: &impl Ports,
        head: &H,
        mut exchange: Exchange,
    ) -> Decision {
        let Passage {
            upstream: index,
            found,
            target,
            identity,
        } = passage;
        exchange.phase = Phase::Forward;
        let Some(upstream) = usize::try_from(*index)
            .ok()
            .and_then(|index| self.upstreams.get(index))
        else {
            let refusal = Refusal::new(Problem::Internal, "the route refers to a missing upstream");
            return Decision::Respond(refuse(refusal, &mut exchange), exchange);
        };
        let route = found.route;
        let carriers = Carriers::of(&route.rules.auth, &self.tables);
        let mut request = shape::request(head, target, &exchange);
        if upstream.caller.remove_credential {
            carriers.strip_head(head, &mut request);
        }
        let (facts, caller) = (&upstream.caller, identity.as_deref());
        let told = tell(facts, caller, &exchange, &self.policy, ports, &mut request);
        if let Err(refusal) = told {
            return Decision::Respond(refuse(refusal, &mut exchange), exchange);
        }
        let path = shape::path(route.rules.rewrite.as_ref(), found.pattern, &target.path);
        let query = carriers.strip_query(target.query);
        let query = match &upstream.sign {
            None => query,
            Some(_) => query.map(signing::canonical_query),
        };
        let path_and_query = match query {
            Some(query) => format!("{path}?{query}"),
            None => path.into_owned(),
        };
        let signer = upstream.sign.as_ref().map(|signing| {
            signing::strip(&mut request);
            let outgoing = Outgoing {
                head,
                edits: &request,
                path_and_query: &path_and_query,
                exchange: &exchange,
            };
            Signer::prepare(signing, upstream, &outgoing, state, ports)
        });
        let signer = match signer.transpose() {
            Ok(signer) => signer,
            Err(refusal) => return Decision::Respond(refuse(refusal, &mut exchange), exchange),
        };
        exchange.verdict = Verdict::Forward;
        let timeout = route.rules.timeout.unwrap_or(upstream.timeout).0;
        let plan = AttemptPlan::new(
            Arc::clone(upstream),
            *index,
            head.method(),
            timeout,
            state,
            exchange.started,
            signer,
        );
        Decision::Forward(Forward {
            plan,
            path_and_query,
            request,
            upgrade: shape::asks_upgrade(head),
            exchange,
        })
    }
}

fn begin(ports: &impl Ports, head: &impl RequestHead) -> Exchange {
    let (request_id, trace) = identify(ports.entropy(), head);
    Exchange {
        started: ports.now(),
        request_id,
        trace,
        method: head.method().clone(),
        client: head.peer().address,
        host: None,
        path: None,
        route: None,
        consumer: None,
        plan: None,
        phase: Phase::Accept,
        verdict: Verdict::Refuse,
        problem: None,
        reason: None,
        shadow: Vec::new(),
        shadow_bundle: None,
        slots: Vec::new(),
        response: HeadEdits::default(),
    }
}
