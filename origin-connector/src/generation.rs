//! What one configuration makes. A connector has one generation in force, and a reload puts the next
//! in its place: what is not different is taken from the one before.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_shared::replay::ReplayGuard;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::dial::{Gateway, OpenTunnels};
use crate::gateway_signature::{InvalidGatewayKey, Verifier, room};
use crate::metrics::Metrics;
use crate::policy::{InvalidTrust, Limiter, Policy, Reading, UnusableBundle, Wanted, read_trust};
use crate::proxy::Proxy;
use crate::tcp::Door;
use crate::tls::reload::Reloader;
use crate::traces::{Exporter, Traces};
use crate::upstream::{Dns, InvalidDestination, Means, Upstream};

/// Everything that works by one configuration.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) config: Config,
    pub(crate) proxy: Proxy,
    /// By the names of their listeners.
    pub(crate) doors: BTreeMap<String, Arc<Door>>,
    pub(crate) gateways: Vec<Arc<Gateway>>,
    pub(crate) dns: Arc<Dns>,
    memory: Memory,
}

/// What must not be forgotten over a reload, once there is any.
#[derive(Clone, Debug, Default)]
struct Memory {
    /// Signatures that were taken.
    signatures: Option<Arc<ReplayGuard>>,
    /// What callers have used of the policy's limits.
    limiter: Option<Arc<Limiter>>,
}

/// What all generations stand on.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    pub(crate) reloader: Arc<Reloader>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) tunnels: Arc<OpenTunnels>,
    pub(crate) tasks: TaskTracker,
    pub(crate) drain: CancellationToken,
    pub(crate) abort: CancellationToken,
}

/// What a new generation has begun, and is to be kept going.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    /// Where the policy is another one than before.
    pub(crate) reading: Option<Reading>,
    /// Where spans go elsewhere than before.
    pub(crate) exporter: Option<Exporter>,
}

/// A generation that is not in force yet.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) generation: Generation,
    wanted: Wanted,
    begun: Begun,
}

/// A configuration of which nothing can be made.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// The keys of the policy cannot be used.
    #[error(transparent)]
    Trust(#[from] InvalidTrust),
    /// The policy cannot be read.
    #[error("policy: {0}")]
    Policy(String),
    /// The policy in force asks for what the configuration does not have.
    #[error("policy: {0}")]
    Unsuited(#[from] UnusableBundle),
    /// A key of gateways cannot be used.
    #[error(transparent)]
    GatewayKey(#[from] InvalidGatewayKey),
    /// A backend cannot be connected to, whatever happens.
    #[error(transparent)]
    Backend(#[from] InvalidDestination),
    /// There is no TLS for a collector.
    #[error("traces: {0}")]
    Traces(#[from] rustls::Error),
    /// The system has no random numbers to give.
    #[error("no random numbers: {0}")]
    Entropy(String),
}

impl Generation {
    /// Makes the first one, or the next one; the one before is not touched. Finds the endpoints.
    pub(crate) async fn make(
        config: Config,
        ground: &Ground,
        before: Option<&Self>,
    ) -> Result<Next, GenerationError> {
        let mut memory = before.map(|before| before.memory.clone());
        let memory = memory.get_or_insert_default();
        let dns = match before.filter(|before| before.config.dns == config.dns) {
            Some(before) => before.dns.clone(),
            None => Arc::new(Dns::new(config.dns.clone())),
        };
        let means = Means {
            limits: &config.limits,
            reloader: &ground.reloader,
            dns: &dns,
            metrics: &ground.metrics,
        };
        let upstreams = config.backends.iter().map(|backend| {
            let before = before.and_then(|before| before.proxy.upstream(backend.name()));
            Upstream::http(backend, means, before)
        });
        let upstreams: Vec<_> = upstreams.collect::<Result<_, _>>()?;
        let doors = config.tcp.iter().map(|listener| {
            let before = before.and_then(|before| before.doors.get(&listener.name));
            let door = Door::new(listener, means, &ground.abort, before.map(|door| &**door))?;
            Ok((listener.name.clone(), Arc::new(door)))
        });
        let doors = doors.collect::<Result<BTreeMap<_, _>, InvalidDestination>>()?;
        let mut located = JoinSet::new();
        // All at once: a name that is slow to resolve holds nobody else up.
        for upstream in &upstreams {
            located.spawn(upstream.clone().locate());
        }
        for upstream in doors.values().flat_map(|door| door.upstreams()) {
            located.spawn(upstream.locate());
        }
        let gateways = config.dial.iter().map(|dial| {
            let mut before = before.iter().flat_map(|before| &before.gateways);
            let same = before.find(|gateway| gateway.config == *dial);
            same.cloned().unwrap_or_else(|| {
                let Ground {
                    metrics,
                    tunnels,
                    drain,
                    ..
                } = ground;
                Arc::new(Gateway::new(dial.clone(), metrics, tunnels, drain))
            })
        });
        let gateways = gateways.collect();
        let verifier = verifier(&config, memory)?;
        let wanted = Wanted::new(&config.backends, verifier.is_some());
        let (policy, reading) = policy(&config, ground, &wanted, memory, before).await?;
        let (traces, exporter) = traces(&config, ground, before)?;
        located
            .join_all()
            .await
            .into_iter()
            .collect::<Result<(), _>>()?;
        let proxy = Proxy {
            backends: config.backends.clone(),
            upstreams,
            verifier,
            policy,
            limits: config.limits.clone(),
            traces,
            tasks: ground.tasks.clone(),
            abort: ground.abort.clone(),
        };
        let generation = Self {
            config,
            proxy,
            doors,
            gateways,
            dns,
            memory: memory.clone(),
        };
        Ok(Next {
            generation,
            wanted,
            begun: Begun { reading, exporter },
        })
    }
}

impl Next {
    /// Has what outlives generations go by this one.
    pub(crate) fn settle(self) -> (Arc<Generation>, Begun) {
        let Proxy {
            upstreams,
            verifier,
            policy,
            ..
        } = &self.generation.proxy;
        for upstream in upstreams {
            upstream.settle();
        }
        if let Some(verifier) = verifier {
            verifier.settle();
        }
        if let Some(policy) = policy {
            policy.settle(self.wanted);
        }
        (Arc::new(self.generation), self.begun)
    }
}

fn verifier(
    config: &Config,
    memory: &mut Memory,
) -> Result<Option<Arc<Verifier>>, GenerationError> {
    let Some(rules) = &config.gateway_signature else {
        return Ok(None);
    };
    let seen = match &memory.signatures {
        Some(seen) => seen.clone(),
        None => Arc::new(ReplayGuard::new(seed()?, room(rules))),
    };
    memory.signatures = Some(seen.clone());
    Ok(Some(Arc::new(Verifier::new(rules.clone(), seen)?)))
}

/// The policy in force, or another one; then also how far its reading has come.
async fn policy(
    config: &Config,
    ground: &Ground,
    wanted: &Wanted,
    memory: &mut Memory,
    before: Option<&Generation>,
) -> Result<(Option<Arc<Policy>>, Option<Reading>), GenerationError> {
    let Some(source) = &config.policy else {
        return Ok((None, None));
    };
    let trust = read_trust(&source.trust)?;
    let same = before.filter(|before| before.config.policy.as_ref() == Some(source));
    let same = same.and_then(|before| before.proxy.policy.as_ref());
    if let Some(policy) = same.filter(|policy| policy.trusts(&trust)) {
        policy.suits(wanted)?;
        return Ok((Some(policy.clone()), None));
    }
    let limiter = match &memory.limiter {
        Some(limiter) => limiter.clone(),
        None => Arc::new(Limiter::new(seed()?)),
    };
    memory.limiter = Some(limiter.clone());
    let (wanted, metrics) = (wanted.clone(), ground.metrics.clone());
    let policy = Arc::new(Policy::new(trust, wanted, limiter, metrics));
    let reading = match before {
        None => policy.begin(source.clone()).await,
        Some(_) => {
            let unread =
                |error: tidegate_follow::FollowError| GenerationError::Policy(error.to_string());
            policy.replace(source).await.map_err(unread)?
        }
    };
    Ok((Some(policy), Some(reading)))
}

fn traces(
    config: &Config,
    ground: &Ground,
    before: Option<&Generation>,
) -> Result<(Option<Arc<Traces>>, Option<Exporter>), rustls::Error> {
    let Some(config) = &config.traces else {
        return Ok((None, None));
    };
    let same = before.and_then(|before| before.proxy.traces.as_ref());
    if let Some(traces) = same.filter(|traces| traces.is_of(config)) {
        return Ok((Some(traces.clone()), None));
    }
    let (traces, exporter) = Traces::new(config.clone(), &ground.metrics)?;
    Ok((Some(traces), Some(exporter)))
}

fn seed() -> Result<[u8; 16], GenerationError> {
    let mut seed = [0; 16];
    getrandom::fill(&mut seed).map_err(|error| GenerationError::Entropy(error.to_string()))?;
    Ok(seed)
}
