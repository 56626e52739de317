//! Credentials to try a policy with: fresh keys in the place of the pinned ones, so that whoever
//! holds the policy can act as any caller of a copy, and of nothing else.

mod bound;
mod carried;
mod certificate;
mod install;
mod opaque;
mod signer;

use std::collections::HashMap;

use http::header::AUTHORIZATION;
use jwt_simple::claims::Claims;
use jwt_simple::reexports::coarsetime::Duration;
use serde_json::{Map, Value};
use tidegate_shared::bundle::{
    ApiKeyRing, ApiKeySource, ClaimTest, ClaimValue, Introspection, Issuer, IssuerKeys,
};

use crate::Bearer;
use crate::proof::ProofKey;
use signer::Signer;

pub use bound::certificate_for;
pub use carried::{Carried, Purpose};
pub use certificate::like;
pub use opaque::answer;

/// The secret halves of the keys that were put into a policy.
#[derive(Debug, Default)]
pub struct Credentials {
    issuers: Vec<(Issuer, Signer)>,
    api_keys: HashMap<(u32, String), String>,
    /// The other secrets that the policy names.
    own: HashMap<String, String>,
    /// What bound tokens are bound to.
    holder: ProofKey,
}

/// A key or token could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a credential: {0}")]
pub struct CredentialError(String);

fn failed(error: impl std::fmt::Display) -> CredentialError {
    CredentialError(error.to_string())
}

impl Credentials {
    /// A token of an issuer, by its index, that is good for an hour, or has been until an hour
    /// ago.
    ///
    /// # Errors
    /// [`CredentialError`] where there is no such issuer.
    pub fn token(
        &self,
        issuer: u32,
        subject: &str,
        scopes: &[String],
        claims: Map<String, Value>,
        expired: bool,
    ) -> Result<String, CredentialError> {
        let found = usize::try_from(issuer)
            .ok()
            .and_then(|index| self.issuers.get(index));
        let (issuer, signer) = found.ok_or_else(|| failed("there is no such issuer"))?;
        let mut custom = claims;
        if let Some(bound_to) = self.bound_to(&issuer.possession) {
            custom.entry("cnf").or_insert(bound_to);
        }
        if !scopes.is_empty() {
            custom.insert("scope".to_owned(), scopes.join(" ").into());
        }
        for rule in &issuer.rules.claims {
            // The claims below are the library's to write, each once.
            if !REGISTERED.contains(&rule.name.as_str()) {
                let value = || acceptable(&rule.test);
                custom.entry(rule.name.clone()).or_insert_with(value);
            }
        }
        let mut claims = Claims::with_custom_claims(Value::Object(custom), Duration::from_hours(1))
            .with_issuer(&issuer.issuer)
            .with_audience(issuer.audiences.first().cloned().unwrap_or_default())
            .with_subject(subject);
        if expired {
            let hours = Duration::from_hours(2);
            for date in [
                &mut claims.issued_at,
                &mut claims.invalid_before,
                &mut claims.expires_at,
            ] {
                *date = date.map(|date| date - hours);
            }
        }
        signer.sign(claims, issuer.rules.token_type)
    }

    /// How a request carries a token of an issuer, by its index.
    ///
    /// # Errors
    /// [`CredentialError`] where there is no such issuer.
    pub fn carry(
        &self,
        issuer: u32,
        token: &str,
        purpose: &Purpose<'_>,
    ) -> Result<Carried, CredentialError> {
        let found = usize::try_from(issuer)
            .ok()
            .and_then(|index| self.issuers.get(index));
        let (issuer, _) = found.ok_or_else(|| failed("there is no such issuer"))?;
        self.prove(&issuer.source, &issuer.possession, token, purpose)
    }

    /// A token that a server vouches for, as a request carries it. Where it must be bound, it is
    /// bound as the tokens of issuers are.
    ///
    /// # Errors
    /// [`CredentialError`] where no request can carry it.
    pub fn carry_opaque(
        &self,
        by: &Introspection,
        bearer: &Bearer,
        purpose: &Purpose<'_>,
    ) -> Result<Carried, CredentialError> {
        let mut bearer = bearer.clone();
        if let Some(bound_to) = self.bound_to(&by.possession) {
            bearer.claims.entry("cnf").or_insert(bound_to);
        }
        let token = opaque::token(by, &bearer);
        self.prove(&by.source, &by.possession, &token, purpose)
    }

    /// How a request carries the API key of a consumer; `None` where the ring, the one of this
    /// index, has no such consumer.
    pub fn carry_api_key(&self, index: u32, ring: &ApiKeyRing, consumer: &str) -> Option<Carried> {
        let key = self.api_keys.get(&(index, consumer.to_owned()))?;
        Some(match &ring.source {
            ApiKeySource::Header(name) => Carried::Field(name.parse().ok()?, key.clone()),
            ApiKeySource::ApiKey => Carried::Field(AUTHORIZATION, format!("ApiKey {key}")),
            ApiKeySource::Bearer => Carried::Field(AUTHORIZATION, format!("Bearer {key}")),
        })
    }

    /// The API key of a consumer of the ring of this index.
    pub(crate) fn api_key(&self, index: u32, consumer: &str) -> Option<&str> {
        let key = self.api_keys.get(&(index, consumer.to_owned()));
        key.map(String::as_str)
    }

    /// The key that bound tokens are bound to.
    pub fn holder(&self) -> &ProofKey {
        &self.holder
    }

    /// The secrets that the platform's store must hold, by their names.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, Vec<u8>)> {
        let verifying =
            self.issuers
                .iter()
                .filter_map(|(issuer, signer)| match (&issuer.keys, signer) {
                    (IssuerKeys::Secret(name), Signer::Secret(key)) => {
                        Some((name.as_str(), key.to_bytes()))
                    }
                    (IssuerKeys::Secret(_) | IssuerKeys::Pinned(_), _) => None,
                });
        let own = self.own.iter();
        verifying.chain(own.map(|(name, secret)| (name.as_str(), secret.clone().into_bytes())))
    }
}

/// 24 octets that nobody can foresee, in hexadecimal digits.
fn random() -> Result<String, CredentialError> {
    let mut octets = [0; 24];
    getrandom::fill(&mut octets).map_err(failed)?;
    Ok(hex::encode(octets))
}

/// Claims that every token has.
const REGISTERED: [&str; 6] = ["iss", "aud", "sub", "exp", "nbf", "iat"];

/// A value that a test accepts.
fn acceptable(test: &ClaimTest) -> Value {
    let first = match test {
        ClaimTest::Present => None,
        ClaimTest::OneOf(values) => values.first(),
    };
    match first {
        None => "test".into(),
        Some(ClaimValue::Text(text)) => text.as_str().into(),
        Some(ClaimValue::Integer(number)) => (*number).into(),
        Some(ClaimValue::Bool(value)) => (*value).into(),
    }
}

#[cfg(test)]
mod tests;
