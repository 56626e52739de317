//! Callers that sign their requests (RFC 9421).

use std::borrow::Cow;

use http::header::{HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::Map;
use smallvec::SmallVec;
use tidegate_shared::bundle::{SignerKey, SignerMaterial, Signers};
use tidegate_shared::message_signature::{
    Component, InvalidSignature, Message, MissingComponent, Outdated, Signature, SignatureFields,
    Validity,
};
use tidegate_shared::problem::Problem;
use tidegate_shared::replay::NotTaken;

use super::possession::RETRY_GUARD;
use super::{Incoming, definition};
use crate::head::RequestHead;
use crate::identity::Identity;
use crate::jws::MIN_SECRET;
use crate::ports::Ports;
use crate::refusal::Refusal;
use crate::signature;

const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
const ACCEPT_SIGNATURE: HeaderName = HeaderName::from_static("accept-signature");

/// Signatures of a request that are verified at most: each may cost milliseconds.
const MAX_VERIFIED: usize = 2;

/// Why a signature is refused. No text repeats anything of the request.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("malformed signature: {0}")]
    Invalid(#[from] InvalidSignature),
    #[error("the signature is over something else: {0}")]
    Missing(#[from] MissingComponent),
    #[error("the signature does not cover `{0}`")]
    Uncovered(String),
    #[error("the signature: {0}")]
    Outdated(#[from] Outdated),
    #[error("no key of that `keyid`")]
    UnknownKey,
    #[error("the signature's `alg` is not that of its key")]
    Algorithm,
    #[error("the signature does not hold")]
    Signature,
    #[error("more signatures than are verified")]
    TooMany,
    #[error("the signature has no `nonce`")]
    NoNonce,
    #[error("a signature with this `nonce` was used before")]
    Replayed,
    #[error("no room to remember another `nonce`")]
    Full,
    #[error("the platform holds no secret `{0}` of at least {MIN_SECRET} octets")]
    NoSecret(String),
    #[error("the signature could not be checked: {0}")]
    Port(String),
}

pub(super) fn carried<H: RequestHead, P>(signers: u32, incoming: &Incoming<'_, H, P>) -> bool {
    let signers = definition(&incoming.tables.signatures, signers);
    signers.is_ok_and(|signers| match signatures(signers, incoming.head) {
        Ok(signatures) => !signatures.is_empty(),
        Err(_) => true,
    })
}

pub(super) async fn verify<H: RequestHead, P: Ports>(
    signers: u32,
    incoming: &Incoming<'_, H, P>,
) -> Result<Identity, Refusal> {
    let signers = definition(&incoming.tables.signatures, signers)?;
    let refuse = |problem, cause: String| {
        Refusal::new(problem, cause)
            .with(WWW_AUTHENTICATE, challenge(incoming.realm))
            .with(ACCEPT_SIGNATURE, wanted(signers))
    };
    let candidates = signatures(signers, incoming.head)
        .map_err(|error| refuse(Problem::CredentialInvalid, error.to_string()))?;
    let mut cause = None;
    let mut verified = 0;
    for candidate in candidates {
        let key = match candidate {
            Ok(candidate) => one(&candidate, signers, incoming, &mut verified).await,
            Err(error) => Err(error.into()),
        };
        match key {
            Ok(key) => {
                return Ok(Identity {
                    issuer: signers.name.clone(),
                    subject: key.consumer.clone(),
                    scopes: Vec::new(),
                    claims: Map::new(),
                    certificate: Map::new(),
                    plan: key.plan.clone(),
                    key: Some(key.id.clone()),
                });
            }
            Err(error) => {
                cause.get_or_insert(error);
            }
        }
    }
    Err(match cause {
        None => refuse(Problem::CredentialMissing, "no signature".to_owned()),
        Some(error @ (Refused::NoSecret(_) | Refused::Port(_))) => {
            Refusal::new(Problem::Internal, error.to_string())
        }
        Some(error @ Refused::Outdated(Outdated::Expired)) => {
            refuse(Problem::CredentialExpired, error.to_string())
        }
        Some(error @ Refused::Full) => {
            Refusal::new(Problem::ProofsExhausted, error.to_string()).with(RETRY_AFTER, RETRY_GUARD)
        }
        Some(error) => refuse(Problem::CredentialInvalid, error.to_string()),
    })
}

pub(super) fn challenge(realm: &str) -> String {
    format!("Signature realm=\"{realm}\"")
}

type Candidates = SmallVec<[Result<Signature, InvalidSignature>; 1]>;

/// The signatures of the wanted label and tag; those of others are none of the gateway's affair.
fn signatures<H: RequestHead>(signers: &Signers, head: &H) -> Result<Candidates, InvalidSignature> {
    let (input, signature) = (head.header(&SIGNATURE_INPUT), head.header(&SIGNATURE));
    if input.is_none() && signature.is_none() {
        return Ok(Candidates::new());
    }
    let fields = SignatureFields::parse(
        input.as_deref().unwrap_or_default(),
        signature.as_deref().unwrap_or_default(),
    )?;
    let labels = fields.labels();
    let own = labels.filter(|own| signers.label.as_deref().is_none_or(|label| label == *own));
    let signatures = own.filter_map(|label| fields.signature(label));
    let tagged = |signature: &Result<Signature, InvalidSignature>| match signature {
        Ok(signature) => signers.tag.is_none() || signature.parameters.tag == signers.tag,
        Err(_) => true,
    };
    Ok(signatures.filter(tagged).collect())
}

/// Whose signature it is: what it costs nothing to refuse is refused before it is verified.
async fn one<'s, H: RequestHead, P: Ports>(
    signature: &Signature,
    signers: &'s Signers,
    incoming: &Incoming<'_, H, P>,
    verified: &mut usize,
) -> Result<&'s SignerKey, Refused> {
    let parameters = &signature.parameters;
    let mut keys = signers.keys.iter();
    let key = keys.find(|key| Some(&key.id) == parameters.keyid.as_ref());
    let key = key.ok_or(Refused::UnknownKey)?;
    let stated = parameters.alg.as_deref();
    if stated.is_some_and(|stated| stated != key.algorithm.name()) {
        return Err(Refused::Algorithm);
    }
    let covers = |wanted: &Component| signature.components().any(|covered| covered == wanted);
    if let Some(uncovered) = signers.components.iter().find(|wanted| !covers(wanted)) {
        return Err(Refused::Uncovered(uncovered.to_string()));
    }
    let validity = Validity {
        max_age: signers.max_age,
        leeway: signers.leeway,
    };
    let now = incoming.ports.now();
    validity.check(parameters, now)?;
    if signers.once && parameters.nonce.is_none() {
        return Err(Refused::NoNonce);
    }
    let base = signature.base(&Signed(incoming.head))?;
    if *verified == MAX_VERIFIED {
        return Err(Refused::TooMany);
    }
    *verified += 1;
    let holds = match &key.material {
        SignerMaterial::Secret(name) => {
            let secret = incoming.ports.secret(name);
            let secret = secret.filter(|secret| secret.len() >= MIN_SECRET);
            let secret = secret.ok_or_else(|| Refused::NoSecret(name.clone()))?;
            signature::verify_hmac(&secret, base.as_bytes(), &signature.octets)
        }
        SignerMaterial::Public(material) => {
            let algorithm = key.algorithm.jws();
            let ports = incoming.ports;
            ports
                .verify(algorithm, material, base.as_bytes(), &signature.octets)
                .await
                .map_err(|error| Refused::Port(error.0))?
        }
    };
    if !holds {
        return Err(Refused::Signature);
    }
    if let Some(nonce) = &parameters.nonce {
        let proofs = &incoming.memory.state.proofs;
        let of_key = (&signers.name, &key.id);
        let ends = validity.ends(parameters);
        let taken = proofs.take(&of_key, nonce, now.seconds(), ends);
        taken.map_err(|not_taken| match not_taken {
            NotTaken::Replayed => Refused::Replayed,
            NotTaken::Full => Refused::Full,
        })?;
    }
    Ok(key)
}

/// What a client should sign (RFC 9421 §5.1).
fn wanted(signers: &Signers) -> String {
    let components = signers.components.iter().map(ToString::to_string);
    let components = components.collect::<Vec<_>>().join(" ");
    let label = signers.label.as_deref().unwrap_or("sig");
    let tag = signers.tag.as_deref();
    let tag = tag.map_or_else(String::new, |tag| format!(";tag=\"{tag}\""));
    let nonce = if signers.once { ";nonce" } else { "" };
    format!("{label}=({components});created;keyid{nonce}{tag}")
}

/// A request's head as a signature reads it, before the gateway changed anything.
struct Signed<'r, H>(&'r H);

impl<H: RequestHead> Message for Signed<'_, H> {
    fn method(&self) -> Option<&str> {
        Some(self.0.method().as_str())
    }

    fn scheme(&self) -> Option<&str> {
        Some(self.0.peer().scheme.as_str())
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        self.0.authority()
    }

    fn path_and_query(&self) -> Option<&str> {
        Some(self.0.path_and_query())
    }

    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0
            .header(&HeaderName::from_bytes(name.as_bytes()).ok()?)
    }
}
