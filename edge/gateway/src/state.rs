//! What an isolate or process remembers between requests. All of it is bounded and may vanish at
//! any time without harm.

mod api_keys;
mod health;
mod holdings;
mod retries;
mod signing_keys;
mod tokens;

use tidegate_limits::{Buckets, InFlight};
use tidegate_shared::digest::Digest;
use tidegate_shared::replay::{ReplayGuard, Room};

use crate::introspection::Introspections;
use crate::key_sets::KeySets;
use crate::revocations::Lists;

pub(crate) use api_keys::Recalled;
pub use holdings::DueRenewal;
pub(crate) use holdings::{Held, Holdings, Terms};
pub(crate) use tokens::{Known, Lifetime, MAX_TOKEN, Tokens, Verifier};

/// Octets of tokens that were verified, and of their claims.
const MAX_VERIFIED: usize = 8 * 1024 * 1024;

/// Proofs of possession and nonces of signatures: 20 MiB at most.
const PROOFS: Room = Room {
    proofs: 262_144,
    of_key: 16_384,
};

/// The memory of a gateway. Survives a change of bundle where the adapter keeps it; then limits
/// of the same definition stay in force.
#[derive(Debug)]
pub struct State {
    pub(crate) api_keys: api_keys::ApiKeys,
    pub(crate) buckets: Buckets,
    pub(crate) health: health::OriginHealth,
    pub(crate) holdings: Holdings,
    pub(crate) in_flight: InFlight,
    pub(crate) key_sets: KeySets,
    pub(crate) proofs: ReplayGuard,
    pub(crate) retries: retries::RetryBudgets,
    pub(crate) revocations: Lists,
    pub(crate) introspections: Introspections,
    pub(crate) signing_keys: signing_keys::SigningKeys,
    pub(crate) tokens: Tokens<Known>,
}

impl State {
    /// An empty memory. The seed must be unpredictable: it keeps a client from choosing limit
    /// keys, or tokens, that collide.
    pub fn new(seed: [u8; 16]) -> Self {
        Self {
            api_keys: api_keys::ApiKeys::new(seed),
            buckets: Buckets::new(seed),
            health: health::OriginHealth::default(),
            holdings: Holdings::new(seed),
            in_flight: InFlight::new(seed),
            key_sets: KeySets::default(),
            proofs: ReplayGuard::new(seed, PROOFS),
            retries: retries::RetryBudgets::default(),
            revocations: Lists::default(),
            introspections: Introspections::new(seed),
            signing_keys: signing_keys::SigningKeys::default(),
            tokens: Tokens::new(seed, MAX_VERIFIED),
        }
    }

    /// Leases no more than so many tokens of a limit ahead of need: where the memory vanishes
    /// after few requests, and what it has of a limit is lost each time.
    #[must_use]
    pub fn leasing_at_most(mut self, tokens: u32) -> Self {
        self.holdings.most = tokens;
        self
    }
}

/// The memory, as a gateway with one bundle looks at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory<'m> {
    pub(crate) state: &'m State,
    pub(crate) bundle: Digest,
}
