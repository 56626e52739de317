//! How a request carries a credential.

use http::Method;
use http::header::{AUTHORIZATION, COOKIE, HeaderName};
use tidegate_shared::bundle::TokenSource;
use tidegate_shared::time::UnixMillis;

use super::{CredentialError, failed};

/// A request that is to carry a credential.
#[derive(Clone, Copy, Debug)]
pub struct Purpose<'p> {
    /// The method.
    pub method: &'p Method,
    /// The address.
    pub address: &'p str,
    /// When it is sent.
    pub now: UnixMillis,
}

/// How a request carries a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// In a header field.
    Field(HeaderName, String),
    /// In `Authorization`, with a proof of its key (RFC 9449 §7.1).
    Proven {
        /// The token.
        token: String,
        /// The proof.
        proof: String,
    },
    /// In a query parameter.
    Parameter(String, String),
}

impl Carried {
    pub(super) fn token(source: &TokenSource, token: &str) -> Result<Self, CredentialError> {
        Ok(match source {
            TokenSource::Authorization => Self::Field(AUTHORIZATION, format!("Bearer {token}")),
            TokenSource::Header(name) => {
                Self::Field(name.parse().map_err(failed)?, token.to_owned())
            }
            TokenSource::Cookie(name) => Self::Field(COOKIE, format!("{name}={token}")),
            TokenSource::Query(name) => Self::Parameter(name.clone(), token.to_owned()),
        })
    }

    /// Path and query with the parameter, where there is one.
    pub fn address(&self, path_and_query: &str) -> String {
        match self {
            Self::Field(..) | Self::Proven { .. } => path_and_query.to_owned(),
            Self::Parameter(name, value) => {
                let separator = if path_and_query.contains('?') {
                    '&'
                } else {
                    '?'
                };
                let pair = form_urlencoded::Serializer::new(String::new())
                    .append_pair(name, value)
                    .finish();
                format!("{path_and_query}{separator}{pair}")
            }
        }
    }

    /// The header fields.
    pub fn fields(self) -> Vec<(HeaderName, String)> {
        match self {
            Self::Field(name, value) => vec![(name, value)],
            Self::Parameter(..) => Vec::new(),
            Self::Proven { token, proof } => vec![
                (AUTHORIZATION, format!("DPoP {token}")),
                (HeaderName::from_static("dpop"), proof),
            ],
        }
    }
}
