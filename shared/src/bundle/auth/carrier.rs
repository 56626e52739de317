//! Where a request carries its credentials.

use super::super::{ApiKeySource, Tables, TokenSource};
use super::{Auth, at};

/// A part of a request that carries a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carrier<'t> {
    /// `Authorization` with this scheme (RFC 9110 §11.1).
    Authorization(&'static str),
    /// The header field of this name, in lower case.
    Header(&'t str),
    /// The cookie of this name.
    Cookie(&'t str),
    /// The query parameter of this name.
    Query(&'t str),
    /// The connection.
    Connection,
}

impl Auth {
    /// Where requests carry the credentials.
    pub fn carriers<'t>(&self, tables: &'t Tables) -> Vec<Carrier<'t>> {
        let of = |credential: &Self| match credential {
            Self::Jwt(jwt) => {
                let issuers = jwt.issuers.iter();
                let issuers = issuers.filter_map(|index| at(&tables.issuers, *index));
                issuers
                    .map(|issuer| Carrier::of_token(&issuer.source))
                    .collect()
            }
            Self::ApiKey(key) => {
                let ring = at(&tables.api_keys, key.ring);
                ring.map(|ring| Carrier::of_key(&ring.source))
                    .into_iter()
                    .collect()
            }
            Self::Introspect(asked) => {
                let by = at(&tables.introspections, asked.introspection);
                by.map(|by| Carrier::of_token(&by.source))
                    .into_iter()
                    .collect()
            }
            Self::Signature(_) => ["signature", "signature-input"]
                .map(Carrier::Header)
                .to_vec(),
            Self::Certificate(_) => vec![Carrier::Connection],
            Self::Public | Self::Anonymous | Self::Any(_) | Self::All(_) | Self::Shadow(_) => {
                Vec::new()
            }
        };
        self.credentials().flat_map(of).collect()
    }
}

impl<'t> Carrier<'t> {
    fn of_token(source: &'t TokenSource) -> Self {
        match source {
            TokenSource::Authorization => Self::Authorization("Bearer"),
            TokenSource::Header(name) => Self::Header(name),
            TokenSource::Cookie(name) => Self::Cookie(name),
            TokenSource::Query(name) => Self::Query(name),
        }
    }

    fn of_key(source: &'t ApiKeySource) -> Self {
        match source {
            ApiKeySource::Header(name) => Self::Header(name),
            ApiKeySource::ApiKey => Self::Authorization("ApiKey"),
            ApiKeySource::Bearer => Self::Authorization("Bearer"),
        }
    }

    /// Whether a request cannot carry two credentials by both: they are one, or are the one field
    /// `Authorization`.
    pub fn excludes(&self, other: &Self) -> bool {
        let authorization = |carrier: &Self| matches!(carrier, Self::Authorization(_));
        self == other || authorization(self) && authorization(other)
    }
}
