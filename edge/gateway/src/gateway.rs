//! The gateway: a verified bundle, ready to decide.

mod decide;
mod end;

use std::sync::Arc;

use tidegate_shared::bundle::{Bundle, Tables, Upstream};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope::Verified;
use tidegate_shared::spiffe::SpiffeId;
use tidegate_shared::time::UnixMillis;

use crate::condition::{InvalidProgram, Program};
use crate::head::RequestHead;
use crate::hosts::{Hosts, Routing};
use crate::phase::accept::accept;
use crate::phase::route::{candidates, table};
use crate::ports::Ports;
use crate::signature;
use crate::state::State;
use crate::ways::Ways;

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

/// What came of asking for something ahead of its age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// What was asked for, as `the keys of issuer …`.
    pub what: String,
    /// How many entries it has; else why what was there stays in force.
    pub entries: Result<usize, String>,
}

/// A bundle cannot be loaded, although its signature holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// A public key that is none.
    #[error("issuer `{0}` has an unusable key")]
    Key(String),
    /// A signer's key that is none.
    #[error("signatures `{0}` have an unusable key")]
    SignerKey(String),
    /// A condition that cannot be evaluated.
    #[error(transparent)]
    Condition(#[from] InvalidProgram),
    /// Routes of a host that cannot be used.
    #[error("{0}")]
    Host(String),
    /// An origin that this runtime cannot reach.
    #[error(
        "the origin `{origin}` of the upstream `{upstream}` is reached by a tunnel, and this runtime \
         takes none"
    )]
    Tunnel {
        /// The upstream's name.
        upstream: String,
        /// The origin's name.
        origin: String,
    },
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
        let mut signers = tables.signatures.iter();
        if let Some(signers) = signers.find(|signers| !signature::verifiable(signers)) {
            return Err(LoadError::SignerKey(signers.name.clone()));
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

    /// The same for a runtime that takes no tunnels.
    ///
    /// # Errors
    /// [`LoadError::Tunnel`] where an origin is reached by one.
    pub fn without_tunnels(self) -> Result<Self, LoadError> {
        let mut tunnels = self.tables.tunnels();
        if let Some((upstream, origin, _)) = tunnels.next() {
            return Err(LoadError::Tunnel {
                upstream: upstream.to_owned(),
                origin: origin.to_owned(),
            });
        }
        drop(tunnels);
        Ok(self)
    }

    /// Whether an origin is reached by tunnels that this connector opens.
    pub fn takes_tunnels_of(&self, connector: &SpiffeId) -> bool {
        let mut tunnels = self.tables.tunnels();
        tunnels.any(|(_, _, opener)| opener == connector)
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
        let revocations = self.tables.revocations.as_ref();
        issuers.any(|issuer| state.key_sets.due(issuer, now))
            || revocations.is_some_and(|rules| state.revocations.due(rules, now))
    }

    /// Asks for key sets, and for a list of revocations, that are in use and will soon be too old.
    /// For the adapter to call every few seconds, behind the requests; without it, requests wait
    /// for the answers. What came of it is for the operator's log.
    pub async fn refresh(&self, state: &State, ports: &impl Ports) -> Vec<Refreshed> {
        state.key_sets.retain(&self.tables.issuers);
        let ports = &Ways::open(ports);
        let mut refreshed = Vec::new();
        for issuer in &self.tables.issuers {
            let entries = state.key_sets.refresh(issuer, ports).await;
            refreshed.extend(entries.map(|entries| Refreshed {
                what: format!("the keys of issuer `{}`", issuer.name),
                entries,
            }));
        }
        if let Some(rules) = &self.tables.revocations {
            let entries = state.revocations.refresh(rules, ports).await;
            refreshed.extend(entries.map(|entries| Refreshed {
                what: "the list of revocations".to_owned(),
                entries,
            }));
        }
        refreshed
    }
}
