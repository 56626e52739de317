//! The gateway: a verified bundle, ready to decide.

use std::borrow::Cow;
use std::sync::Arc;

use tidegate_shared::bundle::{Bundle, Tables, Upstream};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope::Verified;
use tidegate_shared::problem::Problem;
use tidegate_shared::time::UnixMillis;

use crate::attempt::AttemptPlan;
use crate::condition::{InvalidProgram, Program};
use crate::decision::{Decision, Exchange, Forward, HeadEdits, Reply};
use crate::head::{RequestHead, ResponseHead};
use crate::hosts::{Found, Hosts, Routing, Target};
use crate::identity::Identity;
use crate::key_sets::Refreshed;
use crate::phase::accept::{Target as RequestTarget, accept, identify};
use crate::phase::authenticate::{Incoming, authenticate};
use crate::phase::authorise::{Request, authorise, meet};
use crate::phase::limit::{Caller, limit};
use crate::phase::route::{Matched, candidates, route, table};
use crate::phase::shape::{caller::tell, credential::Carriers};
use crate::phase::{Phase, screen, shape};
use crate::ports::Ports;
use crate::record::{AccessRecord, Outcome, Verdict};
use crate::refusal::{Refusal, problem_reply};
use crate::signature;
use crate::state::{Memory, State};

/// A bundle, ready to decide. Immutable: share it between requests, and replace it whole.
#[derive(Debug)]
pub struct Gateway {
    policy: String,
    sequence: u64,
    digest: Digest,
    tables: Tables,
    upstreams: Vec<Arc<Upstream>>,
    conditions: Vec<Program>,
    hosts: Hosts,
}

/// A bundle cannot be loaded, although its signature holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// A public key that is none.
    #[error("issuer `{0}` has an unusable key")]
    Key(String),
    /// A condition that cannot be evaluated.
    #[error(transparent)]
    Condition(#[from] InvalidProgram),
    /// Routes of a host that cannot be used.
    #[error("{0}")]
    Host(String),
}

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
    /// Makes a bundle ready. Hosts' routes stay encoded until they are first asked for.
    ///
    /// # Errors
    /// [`LoadError`]; the caller keeps the gateway it has.
    pub fn load(bundle: Verified<Bundle>) -> Result<Self, LoadError> {
        let digest = bundle.digest();
        let Bundle {
            header,
            tables,
            hosts,
        } = bundle.into_content();
        let unusable = tables
            .issuers
            .iter()
            .find(|issuer| !signature::usable(&issuer.keys));
        if let Some(issuer) = unusable {
            return Err(LoadError::Key(issuer.name.clone()));
        }
        let conditions = tables.conditions.iter().map(Program::prepare);
        let conditions = conditions.collect::<Result<_, _>>()?;
        let upstreams = tables.upstreams.iter().cloned().map(Arc::new).collect();
        Ok(Self {
            policy: header.name,
            sequence: header.sequence,
            digest,
            tables,
            upstreams,
            conditions,
            hosts: Hosts::new(hosts),
        })
    }

    /// Decodes the routes of every host now, and not when each is first asked for: where loading
    /// happens once, ahead of all requests.
    ///
    /// # Errors
    /// [`LoadError::Host`]; without this call, requests to that host would be refused.
    pub fn prepare(&self) -> Result<(), LoadError> {
        self.hosts.prepare(&self.tables).map_err(LoadError::Host)
    }

    /// The digest of the bundle.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The policy's name.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// The bundle's sequence number.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The upstreams, for adapters that prepare connections.
    pub fn upstreams(&self) -> &[Arc<Upstream>] {
        &self.upstreams
    }

    /// How [`decide`](Self::decide) routes a request, for people who ask why; `None` where it
    /// refuses it before, or serves no such host.
    pub fn routing(&self, head: &impl RequestHead) -> Option<Routing> {
        let target = accept(head).ok()?;
        let host = self.hosts.find(&target.host)?;
        let table = table(Some(host), &self.tables).ok()?;
        Some(Routing {
            host: host.pattern().clone(),
            candidates: candidates(table, &target, head),
        })
    }

    /// Whether [`refresh`](Self::refresh) has something to do.
    pub fn refresh_due(&self, state: &State, now: UnixMillis) -> bool {
        let mut issuers = self.tables.issuers.iter();
        issuers.any(|issuer| state.key_sets.due(issuer, now))
    }

    /// Asks issuers for key sets that are in use and will soon be too old. For the adapter to call
    /// every few seconds, behind the requests; without it, requests wait for the issuers. What
    /// came of it is for the operator's log.
    pub async fn refresh(&self, state: &State, ports: &impl Ports) -> Vec<Refreshed> {
        state.key_sets.retain(&self.tables.issuers);
        let mut refreshed = Vec::new();
        for issuer in &self.tables.issuers {
            refreshed.extend(state.key_sets.refresh(issuer, ports).await);
        }
        refreshed
    }

    /// Decides about a request: the phases *accept* to *shape*, in their order.
    pub async fn decide(
        &self,
        state: &State,
        ports: &impl Ports,
        head: &impl RequestHead,
    ) -> Decision {
        let mut exchange = begin(ports, head);
        let way = self.admit(state, ports, head, &mut exchange).await;
        match way {
            Ok(Way::Reply(reply)) => {
                exchange.verdict = Verdict::Reply;
                Decision::Respond(shape::reply(&reply, &exchange), exchange)
            }
            Ok(Way::Forward(passage)) => self.forward(&passage, state, ports, head, exchange),
            Err(refusal) => Decision::Respond(refuse(refusal, &mut exchange), exchange),
        }
    }

    /// The phases *accept* to *limit*.
    async fn admit<'h, H: RequestHead>(
        &self,
        state: &State,
        ports: &impl Ports,
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
            query: target.query,
            cors,
        };
        let identity = authenticate(
            &route.auth,
            &self.tables,
            &self.policy,
            &Memory {
                state,
                bundle: self.digest,
            },
            ports,
            &incoming,
            &mut exchange.response,
        )
        .await?;
        exchange.consumer = identity.as_ref().map(|identity| identity.subject.clone());

        exchange.phase = Phase::Authorise;
        authorise(&route.auth, identity.as_deref(), &self.policy)?;
        if !route.conditions.is_empty() {
            let request = Request::new(
                head,
                &target,
                found.pattern,
                identity.as_deref(),
                exchange.started,
            );
            meet(&route.conditions, &self.conditions, &request)?;
        }

        if !route.limits.is_empty() {
            exchange.phase = Phase::Limit;
            let captures = found.pattern.captures(&target.path);
            let caller = Caller {
                identity: identity.as_deref(),
                head,
                captures,
            };
            limit(
                &route.limits,
                &self.tables,
                &caller,
                state,
                ports.now(),
                &mut exchange.response,
            )?;
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
                identity,
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
        let carriers = Carriers::of(&route.auth, &self.tables);
        let mut request = shape::request(head, target, &exchange);
        if upstream.caller.remove_credential {
            carriers.strip_head(head, &mut request);
        }
        let (facts, caller) = (&upstream.caller, identity.as_deref());
        let told = tell(facts, caller, &exchange, &self.policy, ports, &mut request);
        if let Err(refusal) = told {
            return Decision::Respond(refuse(refusal, &mut exchange), exchange);
        }
        exchange.verdict = Verdict::Forward;
        let timeout = route.timeout.unwrap_or(upstream.timeout).0;
        let plan = AttemptPlan::new(
            Arc::clone(upstream),
            *index,
            head.method(),
            timeout,
            state,
            exchange.started,
        );
        let query = carriers.strip_query(target.query);
        let path = shape::path(route.rewrite.as_deref(), found.pattern, &target.path);
        Decision::Forward(Forward {
            plan,
            path_and_query: match query {
                Some(query) => format!("{path}?{query}"),
                None => path.into_owned(),
            },
            request,
            upgrade: shape::asks_upgrade(head),
            exchange,
        })
    }

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
            client: exchange.client,
            decision: exchange.verdict,
            phase: exchange.phase.name(),
            problem: exchange.problem.map(Problem::name),
            reason: exchange.reason,
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
        phase: Phase::Accept,
        verdict: Verdict::Refuse,
        problem: None,
        reason: None,
        response: HeadEdits::default(),
    }
}

fn refuse(refusal: Refusal, exchange: &mut Exchange) -> Reply {
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
