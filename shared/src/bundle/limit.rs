//! How much may be called.

use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use crate::units::Rate;

/// A limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Limit {
    /// The name in the policy. Together with the scope and the key's value it names the bucket.
    pub name: String,
    /// What it allows.
    pub allows: Allowance,
    /// What is counted apart; empty for one bucket altogether.
    pub key: Vec<KeyPart>,
    /// What a request takes from the bucket.
    pub cost: Cost,
    /// Which requests share a bucket.
    pub scope: Scope,
    /// How exactly it holds over many isolates and processes.
    pub accuracy: Accuracy,
    /// Whether it is counted and recorded, and refuses nobody.
    pub shadow: bool,
}

impl Limit {
    /// A limit whose full bucket holds what the rate admits in a period, for all callers together
    /// and one for each request; each isolate or process counts for itself.
    pub fn new(name: impl Into<String>, rate: Rate) -> Self {
        Self::bursting(name, rate, rate.count)
    }

    /// The same with another burst.
    pub fn bursting(name: impl Into<String>, rate: Rate, burst: u32) -> Self {
        Self {
            name: name.into(),
            allows: Allowance::Rate { rate, burst },
            key: Vec::new(),
            cost: Cost::Fixed(1),
            scope: Scope::Gateway,
            accuracy: Accuracy::Local,
            shadow: false,
        }
    }

    /// The expressions that it refers to.
    pub fn expressions(&self) -> impl Iterator<Item = u32> {
        let cost = match self.cost {
            Cost::Fixed(_) => None,
            Cost::Value(index) => Some(index),
        };
        let key = self.key.iter().filter_map(|part| match part {
            KeyPart::Value(index) => Some(*index),
            KeyPart::Subject
            | KeyPart::Issuer
            | KeyPart::Address
            | KeyPart::Header(_)
            | KeyPart::PathParameter(_) => None,
        });
        key.chain(cost)
    }

    pub(super) fn refers_within(&self, expressions: usize, calendars: usize) -> bool {
        let within = |index, of| usize::try_from(index).is_ok_and(|index| index < of);
        let calendar = match self.allows {
            Allowance::Quota { calendar, .. } => within(calendar, calendars),
            Allowance::Rate { .. } | Allowance::AtOnce(_) => true,
        };
        calendar && self.expressions().all(|index| within(index, expressions))
    }
}

/// What a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Allowance {
    /// A bucket that drains.
    Rate {
        /// The steady rate.
        rate: Rate,
        /// What a full bucket holds; at least 1.
        burst: u32,
    },
    /// So much in each period of a calendar. It is leased or strict.
    Quota {
        /// Units; at least 1.
        units: u32,
        /// The index of the calendar.
        calendar: u32,
    },
    /// So much under way at once, in each isolate or process by itself; at least 1.
    AtOnce(u32),
}

impl Allowance {
    /// The most that one request can take.
    pub fn most(self) -> u32 {
        match self {
            Self::Rate { burst, .. } => burst,
            Self::Quota { units, .. } => units,
            Self::AtOnce(units) => units,
        }
    }
}

/// A part of a limit's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyPart {
    /// The caller: a token's issuer and subject, or a consumer; of an anonymous one, the client's
    /// address.
    Subject,
    /// The token's issuer, or the ring of API keys; anonymous callers are one more.
    Issuer,
    /// The client's address.
    Address,
    /// A request header, in lower case.
    Header(String),
    /// A path parameter.
    PathParameter(String),
    /// The value of the expression of this index among the conditions: a text, a number or a
    /// boolean.
    Value(u32),
}

impl KeyPart {
    /// Whether only an authenticated caller has it.
    pub fn needs_identity(&self) -> bool {
        matches!(self, Self::Subject | Self::Issuer)
    }
}

/// What a request takes from a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cost {
    /// So much; at least 1.
    Fixed(u32),
    /// The value of the expression of this index among the conditions, an integer from 0. Nothing
    /// is taken for 0.
    Value(u32),
}

/// How exactly a limit holds over many isolates and processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Accuracy {
    /// Each counts for itself, and admits as much as the limit says.
    #[default]
    Local,
    /// Altogether they admit what the limit says, with tokens that each leases ahead of need from
    /// the bucket's authority.
    Leased(Unreachable),
    /// The same, and the authority is asked at each request.
    Strict(Unreachable),
}

/// What happens to requests that need tokens while the authority does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unreachable {
    /// They are refused; the contract holds.
    #[default]
    Refuse,
    /// A holder of leases goes on with the part of the rate that it had, and with half of that
    /// after each further lifetime of a lease. Altogether, holders admit at most a third of the
    /// burst and what the rate gives in two lifetimes above the contract. Who holds no leases has
    /// no part.
    Local,
    /// They are admitted, all of them.
    Allow,
}

/// Which requests share a bucket, given the same key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// All that the limit stands on.
    #[default]
    Gateway,
    /// Those of the API of this name.
    Api(String),
    /// Those of the route of this name.
    Route(String),
}
