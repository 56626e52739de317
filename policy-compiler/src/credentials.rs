//! Credentials to try a policy with: fresh keys in the place of the pinned ones, so that whoever
//! holds the policy can act as any caller of a copy, and of nothing else.

mod certificate;
mod opaque;

use std::collections::HashMap;

use http::Method;
use http::header::{AUTHORIZATION, COOKIE, HeaderName};
use jwt_simple::algorithms::{HS256Key, MACLike};
use jwt_simple::claims::{Claims, JWTClaims};
use jwt_simple::common::HeaderOptions;
use jwt_simple::reexports::coarsetime::Duration;
use serde_json::{Map, Value, json};
use tidegate_edge::{dpop, jwk};
use tidegate_shared::bundle::{
    Algorithm, ApiKeyRing, ApiKeySource, Binding, ClaimTest, ClaimValue, Introspection, Issuer,
    IssuerKeys, Possession, PublicKey, RingKeys, Tables, TokenSource, TokenType,
};
use tidegate_shared::digest::Digest;
use tidegate_shared::message_signature::SignatureAlgorithm;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;

use crate::proof::{self, ProofKey};
use crate::token_key::TokenKey;
use crate::{Bearer, Ir};

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

/// What tokens are bound to that are bound to a certificate. Where no connection is, none is
/// proven: its digest is enough.
const CERTIFICATE: Digest = Digest([7; 32]);

#[derive(Debug)]
enum Signer {
    Secret(HS256Key),
    Pair(TokenKey),
}

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
    fn token(source: &TokenSource, token: &str) -> Result<Self, CredentialError> {
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

/// A key or token could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a credential: {0}")]
pub struct CredentialError(String);

fn failed(error: impl std::fmt::Display) -> CredentialError {
    CredentialError(error.to_string())
}

impl Credentials {
    /// Puts a fresh key into each issuer, and a fresh API key into each consumer.
    ///
    /// # Errors
    /// [`CredentialError`] where no key can be made.
    pub fn install(ir: &mut Ir) -> Result<Self, CredentialError> {
        let mut issuers = Vec::new();
        for issuer in &mut ir.tables.issuers {
            let (signer, keys) = signer(issuer)?;
            if let Some(keys) = keys {
                issuer.keys = IssuerKeys::Pinned(vec![keys]);
                issuer.remote = None;
            }
            issuers.push((issuer.clone(), signer));
        }
        share_secrets(&mut issuers);
        let mut api_keys = HashMap::new();
        for (ring, index) in ir.tables.api_keys.iter().zip(0..) {
            let prefix = ring.prefix.clone().unwrap_or_default();
            for consumer in ring.consumers() {
                let mut entropy = [0; 32];
                getrandom::fill(&mut entropy).map_err(failed)?;
                api_keys.insert((index, consumer.to_owned()), prefix.mint(entropy));
            }
        }
        pin(&api_keys, ir);
        let verifies = |name: &str| {
            let mut keys = ir.tables.issuers.iter().map(|issuer| &issuer.keys);
            keys.any(|keys| matches!(keys, IssuerKeys::Secret(own) if own == name))
        };
        let mut own = HashMap::new();
        for (name, _) in ir.tables.secrets().filter(|(name, _)| !verifies(name)) {
            let secret = if signs_with_a_pair(name, &ir.tables) {
                signing_key()?
            } else {
                random()?
            };
            own.insert(name.to_owned(), secret);
        }
        Ok(Self {
            issuers,
            api_keys,
            own,
            holder: ProofKey::default(),
        })
    }

    /// As [`install`](Self::install), but issuers and consumers that were there before keep
    /// their keys, so that credentials given out stay good, and so do the platform's other secrets.
    ///
    /// # Errors
    /// [`CredentialError`] where no key can be made.
    pub fn renew(&mut self, ir: &mut Ir) -> Result<(), CredentialError> {
        let before = std::mem::replace(self, Self::install(ir)?);
        for (issuer, signer) in before.issuers {
            let kept = self
                .issuers
                .iter_mut()
                .zip(&mut ir.tables.issuers)
                .find(|((new, _), _)| {
                    new.name == issuer.name && new.algorithms == issuer.algorithms
                });
            if let Some(((own, own_signer), definition)) = kept {
                definition.keys = issuer.keys.clone();
                own.keys = issuer.keys;
                *own_signer = signer;
            }
        }
        share_secrets(&mut self.issuers);
        for ((ring, consumer), key) in before.api_keys {
            let prefix = usize::try_from(ring)
                .ok()
                .and_then(|ring| ir.tables.api_keys.get(ring)?.prefix.as_ref());
            if prefix.is_none_or(|prefix| prefix.check(&key).is_ok()) {
                let own = self.api_keys.entry((ring, consumer));
                own.and_modify(|own| *own = key);
            }
        }
        pin(&self.api_keys, ir);
        for (name, secret) in before.own {
            let pair = |secret: &str| secret.parse::<SigningKey>().is_ok();
            if let Some(own) = self.own.get_mut(&name)
                && pair(own) == pair(&secret)
            {
                *own = secret;
            }
        }
        Ok(())
    }

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

    /// A token, with a proof where it needs one.
    fn prove(
        &self,
        source: &TokenSource,
        possession: &Possession,
        token: &str,
        purpose: &Purpose<'_>,
    ) -> Result<Carried, CredentialError> {
        if *source == TokenSource::Authorization && is_proven(possession) {
            let claims = self.proof_claims(possession, token, purpose)?;
            return Ok(Carried::Proven {
                token: token.to_owned(),
                proof: self.holder.sign(&self.holder.header(), &claims),
            });
        }
        Carried::token(source, token)
    }

    /// What a token says that it is bound to, where it must be.
    fn bound_to(&self, possession: &Possession) -> Option<Value> {
        Some(match possession.binding? {
            Binding::Dpop | Binding::Any => json!({ "jkt": self.holder.thumbprint() }),
            Binding::Certificate => json!({ "x5t#S256": proof::base64url(&CERTIFICATE) }),
        })
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

    /// What a proof for one request says (RFC 9449 §4.2).
    ///
    /// # Errors
    /// [`CredentialError`] where the system has no entropy.
    pub fn proof_claims(
        &self,
        possession: &Possession,
        token: &str,
        purpose: &Purpose<'_>,
    ) -> Result<Value, CredentialError> {
        let mut claims = json!({
            "jti": random()?,
            "htm": purpose.method.as_str(),
            "htu": purpose.address,
            "iat": purpose.now.seconds(),
            "ath": proof::token_hash(token),
        });
        let secret = possession.nonce.as_ref();
        let secret = secret.and_then(|name| self.own.get(name));
        if let (Some(secret), Some(members)) = (secret, claims.as_object_mut()) {
            let nonce = dpop::nonce(secret.as_bytes(), purpose.now);
            members.insert("nonce".to_owned(), nonce.into());
        }
        Ok(claims)
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

/// Gives each consumer its one key.
fn pin(keys: &HashMap<(u32, String), String>, ir: &mut Ir) {
    for (ring, index) in ir.tables.api_keys.iter_mut().zip(0..) {
        let RingKeys::Pinned(pinned) = &mut ring.keys else {
            continue;
        };
        *pinned = pinned.with_keys(|consumer| {
            let key = keys.get(&(index, consumer.to_owned()));
            key.map(|key| Digest::of(key.as_bytes()))
        });
    }
}

/// The client certificate of a connection that brings such tokens; `None` where they need none.
pub fn certificate_for(possession: &Possession) -> Option<Digest> {
    (possession.binding == Some(Binding::Certificate)).then_some(CERTIFICATE)
}

/// Whether tokens that are made here are bound to a key.
fn is_proven(possession: &Possession) -> bool {
    matches!(possession.binding, Some(Binding::Dpop | Binding::Any))
}

/// Issuers that name one secret have one.
fn share_secrets(issuers: &mut [(Issuer, Signer)]) {
    let mut secrets: HashMap<String, HS256Key> = HashMap::new();
    for (issuer, signer) in issuers {
        if let (IssuerKeys::Secret(name), Signer::Secret(key)) = (&issuer.keys, signer) {
            let first = secrets.entry(name.clone()).or_insert_with(|| key.clone());
            *key = first.clone();
        }
    }
}

/// Whether requests to an upstream are signed with the secret as one half of a pair.
fn signs_with_a_pair(name: &str, tables: &Tables) -> bool {
    let mut signing = tables.upstreams.iter().filter_map(|one| one.sign.as_ref());
    signing.any(|sign| sign.key == name && sign.algorithm == SignatureAlgorithm::Ed25519)
}

fn signing_key() -> Result<String, CredentialError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(failed)?;
    Ok(SigningKey::from_seed(seed).to_secret_text())
}

/// 24 octets that nobody can foresee, in hexadecimal digits.
fn random() -> Result<String, CredentialError> {
    let mut octets = [0; 24];
    getrandom::fill(&mut octets).map_err(failed)?;
    Ok(hex::encode(octets))
}

/// A signer for an issuer, by the cheapest of its algorithms to make a key for, and the public
/// half, where there is one.
fn signer(issuer: &Issuer) -> Result<(Signer, Option<PublicKey>), CredentialError> {
    if matches!(issuer.keys, IssuerKeys::Secret(_)) {
        // As text: some secret stores hold nothing else.
        let key = HS256Key::from_bytes(random()?.as_bytes());
        return Ok((Signer::Secret(key), None));
    }
    let order = [
        Algorithm::EdDSA,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ];
    let chosen = order
        .into_iter()
        .find(|algorithm| issuer.algorithms.contains(algorithm))
        .ok_or_else(|| failed("the issuer has no algorithm of public keys"))?;
    let key = TokenKey::generate(chosen, "test").map_err(failed)?;
    let public = serde_json::from_str(&key.public_jwk()).map_err(failed)?;
    let public = jwk::parse(public).map_err(failed)?;
    Ok((Signer::Pair(key), public))
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

impl Signer {
    fn sign(
        &self,
        claims: JWTClaims<Value>,
        token_type: TokenType,
    ) -> Result<String, CredentialError> {
        let options = HeaderOptions {
            content_type: None,
            signature_type: match token_type {
                TokenType::Any | TokenType::Jwt => None,
                TokenType::AccessToken => Some("at+jwt".to_owned()),
            },
        };
        match self {
            Self::Secret(key) => key
                .authenticate_with_options(claims, &options)
                .map_err(failed),
            Self::Pair(key) => key.sign(claims, &options).map_err(failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    #[test]
    fn tokens_are_bound_as_their_issuer_asks() {
        let text = r#"
tidegate: v1
name: p
hosts: [api.example]
issuers:
  key: { issuer: "https://a.example", audiences: [x], algorithms: [HS256], secret: one, binding: dpop, dpop: { nonce: n } }
  certificate: { issuer: "https://b.example", audiences: [x], algorithms: [HS256], secret: one, binding: certificate }
  either: { issuer: "https://c.example", audiences: [x], algorithms: [HS256], secret: one, binding: any }
apis:
  a:
    auth: { jwt: [key, certificate, either] }
    routes: [ { get: /, reply: { status: 204 } } ]
tests:
  - { send: "GET https://api.example/", as: { jwt: key }, expect: { status: 204 }, repeat: 2 }
  - { send: "GET https://api.example/", as: { jwt: certificate }, expect: { status: 204 } }
  - { send: "GET https://api.example/", as: { jwt: either }, expect: { status: 204 } }
"#;
        let source = Source {
            path: "policy.yaml".into(),
            text: text.to_owned(),
        };
        let ir = crate::compile(&[source]).ir.unwrap();
        for result in crate::offline::run(&ir).unwrap() {
            assert!(result.failures.is_empty(), "{result:?}");
        }
    }

    #[test]
    fn issuers_that_name_one_secret_have_one() {
        let text = r#"
tidegate: v1
name: p
hosts: [api.example]
issuers:
  a: { issuer: "https://a.example", audiences: [x], algorithms: [HS256], secret: one }
  b: { issuer: "https://b.example", audiences: [x], algorithms: [HS256], secret: one }
  c: { issuer: "https://c.example", audiences: [x], algorithms: [HS256], secret: other }
apis:
  a:
    auth: { jwt: [a, b, c] }
    routes: [ { get: /, reply: { status: 204 } } ]
tests:
  - { send: "GET https://api.example/", as: { jwt: a }, expect: { status: 204 } }
  - { send: "GET https://api.example/", as: { jwt: b }, expect: { status: 204 } }
  - { send: "GET https://api.example/", as: { jwt: c }, expect: { status: 204 } }
"#;
        let source = Source {
            path: "policy.yaml".into(),
            text: text.to_owned(),
        };
        let mut ir = crate::compile(&[source]).ir.unwrap();
        for result in crate::offline::run(&ir).unwrap() {
            assert!(result.failures.is_empty(), "{result:?}");
        }
        let mut credentials = Credentials::install(&mut ir).unwrap();
        let secrets = |credentials: &Credentials| {
            let all = credentials.secrets();
            let all = all.map(|(name, secret)| (name.to_owned(), secret));
            all.collect::<Vec<_>>()
        };
        let before = secrets(&credentials);
        assert_eq!(before[0], before[1]);
        assert_ne!(before[0].1, before[2].1);
        credentials.renew(&mut ir).unwrap();
        assert_eq!(secrets(&credentials), before);
    }
}
