//! What the connectors of an upstream enforce: the other half of one policy.

use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use crate::peer_name::PeerName;
use crate::units::Rate;

/// Callers that an upstream's connectors may let in.
pub const MAX_CALLERS: usize = 64;
/// Limits of one upstream's connectors.
pub const MAX_LIMITS: usize = 8;

/// What connectors hold callers of an upstream to. An upstream without it has nothing that a
/// connector could follow: one that is told to follow it refuses everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct ConnectorRules {
    /// Who may come in. Invariant: 1 to [`MAX_CALLERS`], sorted, without repetition.
    pub allow: Vec<PeerName>,
    /// Whether requests must be signed by a gateway.
    pub signature: SignatureDemand,
    /// What the origin bears. Invariant: at most [`MAX_LIMITS`], of different names.
    pub limits: Vec<ConnectorLimit>,
}

/// Whether requests must be signed by a gateway; the later ask for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureDemand {
    /// Signatures are not looked at.
    Off,
    /// One that is there must hold.
    Optional,
    /// There must be one, and it must hold.
    Required,
}

/// A limit that each process of a connector counts for itself, a request for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct ConnectorLimit {
    /// The name in the policy; with the upstream's name it names the bucket.
    pub name: String,
    /// What it allows.
    pub allows: ConnectorAllowance,
    /// Whether each caller is counted apart, by the certificate; else everybody together.
    pub per_caller: bool,
}

/// What a limit of connectors allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectorAllowance {
    /// A bucket that drains.
    Rate {
        /// The steady rate.
        rate: Rate,
        /// What a full bucket holds; at least 1.
        burst: u32,
    },
    /// So many requests under way at once; at least 1.
    AtOnce(u32),
}

impl ConnectorAllowance {
    /// The most that can be taken at once.
    fn most(self) -> u32 {
        match self {
            Self::Rate { burst, .. } => burst,
            Self::AtOnce(requests) => requests,
        }
    }
}

impl ConnectorRules {
    pub(super) fn is_sound(&self) -> bool {
        let mut names: Vec<&str> = self.limits.iter().map(|own| own.name.as_str()).collect();
        names.sort_unstable();
        (1..=MAX_CALLERS).contains(&self.allow.len())
            && self.allow.is_sorted_by(|one, two| one < two)
            && self.limits.len() <= MAX_LIMITS
            && names.is_sorted_by(|one, two| one < two)
            && self.limits.iter().all(|own| own.allows.most() > 0)
    }
}
