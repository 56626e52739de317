//! Who may call: credentials, each alone or several of them combined.

mod carrier;

use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use super::{Tables, bounds};

pub use carrier::Carrier;

/// Who may call.
///
/// Invariant: at most an [`Any`](Self::Any) of [`All`](Self::All)s of single credentials, none of
/// them empty or longer than [`bounds::COMBINED`]; in [`Shadow`](Self::Shadow) is the whole, or
/// what an [`All`](Self::All) has beside its first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Auth {
    /// Everyone; credentials are not looked at.
    Public,
    /// Whoever holds a token of one of some issuers.
    Jwt(JwtAuth),
    /// Whoever holds an API key of a ring.
    ApiKey(ApiKeyAuth),
    /// Whoever holds a token that a server vouches for.
    Introspect(IntrospectAuth),
    /// Whoever signs the request, of the signers of this index.
    Signature(u32),
    /// Whoever has shown a client certificate, of those of this index.
    Certificate(u32),
    /// Whoever holds one of these. The first that a request carries decides.
    Any(Vec<Self>),
    /// Whoever holds all of these. The first says who calls.
    All(Vec<Self>),
    /// Whoever carries none of the other credentials. Only inside [`Any`](Self::Any).
    Anonymous,
    /// What this asks for is looked at and recorded, and refuses nobody.
    Shadow(Box<Self>),
}

/// Which tokens are accepted.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize_tuple, Deserialize_tuple,
)]
pub struct JwtAuth {
    /// The issuers, by index. Never empty; where there are several, a token's `iss` picks one.
    pub issuers: Vec<u32>,
    /// Scopes that the token must all have.
    pub scopes: Vec<String>,
}

/// Which API keys are accepted.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize_tuple, Deserialize_tuple,
)]
pub struct ApiKeyAuth {
    /// The ring, by index.
    pub ring: u32,
    /// Scopes that the key must all have.
    pub scopes: Vec<String>,
}

/// Which server is asked, and what its tokens must be good for.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize_tuple, Deserialize_tuple,
)]
pub struct IntrospectAuth {
    /// The server, by index.
    pub introspection: u32,
    /// Scopes that the token must all have.
    pub scopes: Vec<String>,
}

impl Auth {
    /// Tokens of one issuer.
    pub fn jwt(issuer: u32) -> Self {
        Self::Jwt(JwtAuth {
            issuers: vec![issuer],
            scopes: Vec::new(),
        })
    }

    /// API keys of one ring.
    pub fn api_key(ring: u32) -> Self {
        Self::ApiKey(ApiKeyAuth {
            ring,
            scopes: Vec::new(),
        })
    }

    /// What a request may bring: the alternatives of [`Any`](Self::Any), or the whole; also in
    /// shadow.
    pub fn alternatives(&self) -> &[Self] {
        match self {
            Self::Any(alternatives) => alternatives,
            Self::Shadow(rule) => rule.alternatives(),
            Self::Public
            | Self::Jwt(_)
            | Self::ApiKey(_)
            | Self::Introspect(_)
            | Self::Signature(_)
            | Self::Certificate(_)
            | Self::All(_)
            | Self::Anonymous => std::slice::from_ref(self),
        }
    }

    /// What must hold together: the members of [`All`](Self::All), or the whole.
    pub fn members(&self) -> &[Self] {
        match self {
            Self::All(members) => members,
            Self::Public
            | Self::Jwt(_)
            | Self::ApiKey(_)
            | Self::Introspect(_)
            | Self::Signature(_)
            | Self::Certificate(_)
            | Self::Any(_)
            | Self::Anonymous
            | Self::Shadow(_) => std::slice::from_ref(self),
        }
    }

    /// Every single credential of the combination, also in shadow.
    pub fn credentials(&self) -> impl Iterator<Item = &Self> {
        let members = self.alternatives().iter().flat_map(Self::members);
        members.map(Self::rule)
    }

    /// What is asked for, whether in shadow or not.
    pub fn rule(&self) -> &Self {
        match self {
            Self::Shadow(rule) => rule,
            Self::Public
            | Self::Jwt(_)
            | Self::ApiKey(_)
            | Self::Introspect(_)
            | Self::Signature(_)
            | Self::Certificate(_)
            | Self::Any(_)
            | Self::All(_)
            | Self::Anonymous => self,
        }
    }

    /// Whether a request that carries no credential is let in.
    pub fn is_open(&self) -> bool {
        let mut alternatives = self.alternatives().iter();
        matches!(self, Self::Shadow(_))
            || alternatives.any(|auth| matches!(auth, Self::Public | Self::Anonymous))
    }

    /// The scopes that a single credential must have.
    pub fn scopes(&self) -> &[String] {
        match self {
            Self::Jwt(jwt) => &jwt.scopes,
            Self::Introspect(asked) => &asked.scopes,
            Self::ApiKey(key) => &key.scopes,
            Self::Public
            | Self::Signature(_)
            | Self::Certificate(_)
            | Self::Any(_)
            | Self::All(_)
            | Self::Anonymous
            | Self::Shadow(_) => &[],
        }
    }

    /// Visits the scopes of every single credential, in the order of
    /// [`credentials`](Self::credentials); those of one that has none are an empty list.
    pub(super) fn each_scopes(&mut self, visit: &mut impl FnMut(&mut Vec<String>)) {
        match self {
            Self::Jwt(jwt) => visit(&mut jwt.scopes),
            Self::Introspect(asked) => visit(&mut asked.scopes),
            Self::ApiKey(key) => visit(&mut key.scopes),
            Self::Public | Self::Signature(_) | Self::Certificate(_) | Self::Anonymous => {
                visit(&mut Vec::new());
            }
            Self::Any(several) | Self::All(several) => {
                several.iter_mut().for_each(|one| one.each_scopes(visit));
            }
            Self::Shadow(rule) => rule.each_scopes(visit),
        }
    }

    /// Whether the combination is well formed, and every index refers to something.
    pub(super) fn refers_within(&self, tables: &Tables) -> bool {
        let bounded = |count: usize| (1..=bounds::COMBINED).contains(&count);
        let single = |auth: &Self| match auth {
            Self::Jwt(jwt) => {
                let mut issuers = jwt.issuers.iter();
                !jwt.issuers.is_empty()
                    && issuers.all(|issuer| at(&tables.issuers, *issuer).is_some())
            }
            Self::ApiKey(key) => at(&tables.api_keys, key.ring).is_some(),
            Self::Introspect(asked) => at(&tables.introspections, asked.introspection).is_some(),
            Self::Signature(signers) => at(&tables.signatures, *signers).is_some(),
            Self::Certificate(holders) => at(&tables.certificates, *holders).is_some(),
            Self::Public | Self::Anonymous | Self::Any(_) | Self::All(_) | Self::Shadow(_) => false,
        };
        let together = |auth: &Self| {
            let members = auth.members();
            let first = members.first().is_some_and(single);
            first && bounded(members.len()) && members.iter().all(|member| single(member.rule()))
        };
        let alternative = |auth: &Self| matches!(auth, Self::Anonymous) || together(auth);
        match self {
            Self::Public => true,
            Self::Shadow(rule) => {
                !matches!(**rule, Self::Public | Self::Shadow(_)) && rule.refers_within(tables)
            }
            Self::Any(alternatives) => {
                bounded(alternatives.len()) && alternatives.iter().all(alternative)
            }
            Self::Jwt(_)
            | Self::ApiKey(_)
            | Self::Introspect(_)
            | Self::Signature(_)
            | Self::Certificate(_)
            | Self::All(_)
            | Self::Anonymous => together(self),
        }
    }
}

fn at<T>(table: &[T], index: u32) -> Option<&T> {
    table.get(usize::try_from(index).ok()?)
}

#[cfg(test)]
mod tests;
