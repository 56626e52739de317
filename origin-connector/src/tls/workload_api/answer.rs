//! What an agent's answer says, once all of it holds.

use std::collections::BTreeMap;

use prost::Message as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivatePkcs8KeyDer};
use tidegate_shared::spiffe::{InvalidTrustDomain, TrustDomain};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::revocation_list::CertificateRevocationList;

use super::message::{X509Svid, X509SvidResponse};
use crate::identity::{Identity, InvalidIdentity, InvalidSpiffeId, SpiffeId};

/// All that the agent knows at one moment (SPIFFE Workload API §4.3): what is not in it is not any more
/// (§4.4).
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    /// Invariant: not empty; the first is the default (§5.3).
    pub(crate) svids: Vec<Svid>,
    /// Authorities by the trust domain that they vouch for, and for no other (§4.6).
    ///
    /// Invariant: none is empty.
    pub(crate) bundles: BTreeMap<TrustDomain, Vec<CertificateDer<'static>>>,
    /// Revocation lists. Invariant: each can be read.
    pub(crate) lists: Vec<CertificateRevocationListDer<'static>>,
}

/// An identity.
#[derive(Debug, PartialEq)]
pub(crate) struct Svid {
    pub(crate) id: SpiffeId,
    /// Invariant: not empty; the leaf comes first.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivatePkcs8KeyDer<'static>,
}

/// An answer that does not hold; it is discarded as a whole (SPIFFE Workload API §4.5).
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidAnswer {
    #[error("it is no message: {0}")]
    Message(#[from] prost::DecodeError),
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("{0}")]
    Id(#[from] InvalidSpiffeId),
    #[error("{0}")]
    TrustDomain(#[from] InvalidTrustDomain),
    #[error("the certificates of `{0}` cannot be read")]
    Certificates(String),
    #[error("`{0}`: {1}")]
    Leaf(SpiffeId, InvalidIdentity),
    #[error("the certificate of `{0}` is another's")]
    OtherId(SpiffeId),
    /// X.509-SVID §3.1.
    #[error("`{0}` is a trust domain's, not a workload's")]
    Pathless(SpiffeId),
    #[error("a revocation list cannot be read")]
    RevocationList,
}

impl Answer {
    pub(super) fn read(octets: &[u8]) -> Result<Self, InvalidAnswer> {
        let X509SvidResponse {
            svids,
            crl,
            federated_bundles,
        } = X509SvidResponse::decode(octets)?;
        if svids.is_empty() {
            return Err(InvalidAnswer::Missing("svids"));
        }
        let mut bundles = BTreeMap::new();
        for (trust_domain, bundle) in federated_bundles {
            let trust_domain: TrustDomain = trust_domain.parse()?;
            let authorities = certificates(&bundle, &trust_domain)?;
            if !authorities.is_empty() {
                bundles.insert(trust_domain, authorities);
            }
        }
        let mut read = Vec::new();
        for svid in svids {
            let (svid, authorities) = identity(svid)?;
            // What the agent says of its own trust domain goes before what another says of it.
            bundles.insert(svid.id.trust_domain(), authorities);
            read.push(svid);
        }
        let lists = crl
            .into_iter()
            .map(|list| match CertificateRevocationList::from_der(&list) {
                Ok(([], _)) => Ok(list.into()),
                Ok(_) | Err(_) => Err(InvalidAnswer::RevocationList),
            });
        Ok(Self {
            svids: read,
            bundles,
            lists: lists.collect::<Result<_, _>>()?,
        })
    }
}

fn identity(svid: X509Svid) -> Result<(Svid, Vec<CertificateDer<'static>>), InvalidAnswer> {
    let X509Svid {
        spiffe_id,
        x509_svid,
        x509_svid_key,
        bundle,
    } = svid;
    for (name, is_empty) in [
        ("spiffe_id", spiffe_id.is_empty()),
        ("x509_svid", x509_svid.is_empty()),
        ("x509_svid_key", x509_svid_key.is_empty()),
        ("bundle", bundle.is_empty()),
    ] {
        if is_empty {
            return Err(InvalidAnswer::Missing(name));
        }
    }
    let id: SpiffeId = spiffe_id.parse()?;
    if !id.has_path() {
        return Err(InvalidAnswer::Pathless(id));
    }
    let chain = certificates(&x509_svid, &id)?;
    let leaf = chain.first().ok_or(InvalidAnswer::Missing("x509_svid"))?;
    match Identity::of_certificate(leaf) {
        Ok(identity) if identity.spiffe() == Some(&id) => {}
        Ok(_) => return Err(InvalidAnswer::OtherId(id)),
        Err(error) => return Err(InvalidAnswer::Leaf(id, error)),
    }
    let authorities = certificates(&bundle, &id)?;
    let key = x509_svid_key.into();
    Ok((Svid { id, chain, key }, authorities))
}

/// Certificates one after the other, without anything in between.
fn certificates(
    mut octets: &[u8],
    of: &impl ToString,
) -> Result<Vec<CertificateDer<'static>>, InvalidAnswer> {
    let mut certificates = Vec::new();
    while !octets.is_empty() {
        let unreadable = |_| InvalidAnswer::Certificates(of.to_string());
        let (rest, _) = X509Certificate::from_der(octets).map_err(unreadable)?;
        let (certificate, _) = octets.split_at(octets.len().saturating_sub(rest.len()));
        certificates.push(certificate.to_owned().into());
        octets = rest;
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests;
