//! Callers that are known by the certificate of their connection. Who issued it, and that its key
//! is the client's, the platform or the listener has verified.

use http::header::WWW_AUTHENTICATE;
use serde_json::{Map, Value, json};
use tidegate_shared::bundle::NobodysCertificate;
use tidegate_shared::certificate::{ClientCertificate, InvalidCertificate};
use tidegate_shared::digest::Digest;
use tidegate_shared::problem::Problem;

use super::{Incoming, cross_site, definition};
use crate::head::RequestHead;
use crate::identity::Identity;
use crate::ports::Ports;
use crate::refusal::Refusal;

/// Why a certificate is refused. No text repeats anything of it.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the connection has no client certificate")]
    Missing,
    #[error(transparent)]
    Unreadable(#[from] InvalidCertificate),
    #[error("what the runtime tells of the certificate is of another one")]
    Mixed,
    #[error(transparent)]
    Nobodys(#[from] NobodysCertificate),
    #[error("the certificate is not valid yet")]
    Early,
    #[error("the certificate has expired")]
    Expired,
}

pub(super) fn carried<H: RequestHead, P>(incoming: &Incoming<'_, H, P>) -> bool {
    incoming.head.client_certificate().is_some()
}

pub(super) fn verify<H: RequestHead, P: Ports>(
    holders: u32,
    incoming: &Incoming<'_, H, P>,
) -> Result<Identity, Refusal> {
    let identity = identify(holders, incoming)?;
    // A browser shows its certificate to whatever a page sends a request to.
    cross_site::check(incoming, "a client certificate")?;
    Ok(identity)
}

fn identify<H: RequestHead, P: Ports>(
    holders: u32,
    incoming: &Incoming<'_, H, P>,
) -> Result<Identity, Refusal> {
    let certificates = definition(&incoming.tables.certificates, holders)?;
    let shown = || -> Result<_, Refused> {
        let digest = incoming.head.client_certificate().ok_or(Refused::Missing)?;
        let details = incoming.head.certificate_details().transpose()?;
        if details.as_ref().is_some_and(|own| own.sha256 != digest) {
            return Err(Refused::Mixed);
        }
        let holder = certificates.holder(&digest, details.as_deref())?;
        if let Some(details) = &details {
            check_dates(details, incoming.ports.now().seconds())?;
        }
        Ok((holder, facts(&digest, details.as_deref()), digest))
    };
    let (holder, facts, digest) = shown().map_err(|error| {
        let problem = match error {
            Refused::Missing => Problem::CredentialMissing,
            Refused::Expired => Problem::CredentialExpired,
            Refused::Unreadable(_) | Refused::Mixed | Refused::Nobodys(_) | Refused::Early => {
                Problem::CredentialInvalid
            }
        };
        let challenge = challenge(incoming.realm);
        Refusal::new(problem, error.to_string()).with(WWW_AUTHENTICATE, challenge)
    })?;
    Ok(Identity {
        issuer: certificates.name.clone(),
        subject: holder.consumer.clone(),
        scopes: Vec::new(),
        claims: Map::new(),
        certificate: facts,
        plan: holder.plan.clone(),
        key: Some(hex::encode(digest.0)),
    })
}

/// A connection may outlive its certificate.
fn check_dates(details: &ClientCertificate, now: u64) -> Result<(), Refused> {
    if now < details.not_before {
        Err(Refused::Early)
    } else if now > details.not_after {
        Err(Refused::Expired)
    } else {
        Ok(())
    }
}

/// What conditions and origins may be told of a certificate.
fn facts(digest: &Digest, details: Option<&ClientCertificate>) -> Map<String, Value> {
    let mut facts = Map::new();
    let mut put = |name: &str, value: Value| facts.insert(name.to_owned(), value);
    put("sha256", hex::encode(digest.0).into());
    if let Some(details) = details {
        let ClientCertificate {
            sha256: _,
            serial,
            issuer,
            subject,
            not_before: _,
            not_after,
            spiffe,
            uris,
            dns,
            emails,
        } = details;
        put("serial", serial.as_str().into());
        put("issuer", issuer.as_str().into());
        put("subject", subject.as_str().into());
        put("not_after", (*not_after).into());
        if let Some(id) = spiffe {
            put("spiffe", id.as_str().into());
        }
        put("uri", json!(uris));
        put("dns", json!(dns));
        put("email", json!(emails));
    }
    facts
}

pub(super) fn challenge(realm: &str) -> String {
    format!("ClientCertificate realm=\"{realm}\"")
}
