//! What the connector is to one side of it, and whom it trusts there: from files or from an agent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tidegate_shared::spiffe::TrustDomain;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::TlsError;
use super::revocation::Revocations;
use super::trusted::Trusted;
use super::workload_api::{Answer, Answers};
use crate::config::{Files, Source, WorkloadApi};
use crate::identity::{Identity, SpiffeId};

/// Credentials for one side.
#[derive(Debug)]
pub(crate) struct Side {
    pub(super) key: Arc<CertifiedKey>,
    /// When the certificate expires, in seconds since the Unix epoch.
    pub(super) not_after: i64,
    /// The longest time before that in which a renewal is overdue.
    pub(super) late: Duration,
    /// The connector's own SPIFFE ID there.
    pub(super) own_id: Option<SpiffeId>,
    pub(super) trusted: Arc<Trusted>,
    /// Trust domains that are to be trusted and are not known.
    pub(super) unknown: Vec<TrustDomain>,
}

impl Side {
    pub(super) fn load(
        source: &Source,
        answers: &Answers,
        revocations: &Revocations,
    ) -> Result<Self, TlsError> {
        match source {
            Source::Files(files) => Self::of_files(files, revocations),
            Source::WorkloadApi(section) => {
                let answer = answers.get(&section.endpoint);
                let answer = answer.ok_or_else(|| unserved(section, "there is no answer yet"))?;
                let side = Self::of_answer(section, answer, revocations);
                side.map_err(|error| of_agent(section, error))
            }
        }
    }

    fn of_files(files: &Files, revocations: &Revocations) -> Result<Self, TlsError> {
        let Files {
            certificate,
            private_key,
            authority,
        } = files;
        let pem = |source| TlsError::Pem {
            path: private_key.to_owned(),
            source,
        };
        let chain = certificates(certificate)?;
        let key = PrivateKeyDer::from_pem_file(private_key).map_err(pem)?;
        let trusted = Trusted::by_roots(authorities(authority)?, revocations)?;
        let side = Self::new(certificate, chain, key, trusted)?;
        Ok(Self {
            // Who renews it when is not known.
            late: Duration::MAX,
            ..side
        })
    }

    fn of_answer(
        section: &WorkloadApi,
        answer: &Answer,
        revocations: &Revocations,
    ) -> Result<Self, TlsError> {
        let place = PathBuf::from(section.endpoint.to_string());
        let mut svids = answer.svids.iter();
        let svid = match &section.spiffe_id {
            None => svids.next(),
            Some(id) => svids.find(|svid| svid.id == *id),
        };
        let svid = svid.ok_or_else(|| {
            let ids: Vec<String> = answer
                .svids
                .iter()
                .map(|svid| svid.id.to_string())
                .collect();
            let reason = format!(
                "`spiffe_id` is none of those that there are: `{}`",
                ids.join("`, `")
            );
            unserved(section, &reason)
        })?;
        let own = [svid.id.trust_domain()];
        let domains = match section.trust_domains.as_slice() {
            [] => &own,
            domains => domains,
        };
        let mut known = BTreeMap::new();
        let mut unknown = Vec::new();
        for domain in domains {
            match answer.bundles.get(domain) {
                Some(bundle) => {
                    known.insert(domain.clone(), roots(bundle.clone(), &place)?);
                }
                None => unknown.push(domain.clone()),
            }
        }
        let trusted = Trusted::by_trust_domains(known, revocations, &answer.lists)?;
        let key = svid.key.clone_key().into();
        let side = Self::new(&place, svid.chain.clone(), key, trusted)?;
        Ok(Self {
            // An agent renews what lasts an hour after half of it.
            late: side.late / 4,
            unknown,
            ..side
        })
    }

    /// Checks that certificate and key belong together. `late` is the whole time that it lasts.
    fn new(
        place: &Path,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        trusted: Trusted,
    ) -> Result<Self, TlsError> {
        let unusable = |source| TlsError::Server {
            certificate: place.to_owned(),
            source,
        };
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider());
        let key = key.map_err(unusable)?;
        key.keys_match().map_err(unusable)?;
        let unreadable = || TlsError::Unreadable(place.to_owned());
        let leaf = key.end_entity_cert().map_err(|_| unreadable())?;
        let identity = Identity::of_certificate(leaf).ok();
        let (not_before, not_after) = validity(leaf).ok_or_else(unreadable)?;
        let life = u64::try_from(not_after.saturating_sub(not_before));
        Ok(Self {
            not_after,
            late: Duration::from_secs(life.unwrap_or_default()),
            own_id: identity.and_then(|identity| identity.spiffe().cloned()),
            key: Arc::new(key),
            trusted: Arc::new(trusted),
            unknown: Vec::new(),
        })
    }
}

/// What is wrong, without where that is: the agent is said beside it.
fn of_agent(section: &WorkloadApi, error: TlsError) -> TlsError {
    if let TlsError::Server { source, .. } | TlsError::Authority { source, .. } = &error {
        return unserved(section, &source.to_string());
    }
    if matches!(error, TlsError::WorkloadApi { .. }) {
        return error;
    }
    unserved(section, &error.to_string())
}

fn unserved(section: &WorkloadApi, reason: &str) -> TlsError {
    TlsError::WorkloadApi {
        endpoint: section.endpoint.to_string(),
        reason: reason.to_owned(),
    }
}

/// From when to when, in seconds since the Unix epoch.
pub(super) fn validity(certificate: &[u8]) -> Option<(i64, i64)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let validity = parsed.validity();
    Some((
        validity.not_before.timestamp(),
        validity.not_after.timestamp(),
    ))
}

/// The authorities of a file.
pub(crate) fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    roots(certificates(path)?, path)
}

fn roots(
    authorities: Vec<CertificateDer<'static>>,
    place: &Path,
) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in authorities {
        roots
            .add(certificate)
            .map_err(|source| TlsError::Authority {
                path: place.to_owned(),
                source,
            })?;
    }
    Ok(roots)
}

/// Invariant: the list is not empty.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = |source| TlsError::Pem {
        path: path.to_owned(),
        source,
    };
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(pem)?
        .collect::<Result<_, _>>()
        .map_err(pem)?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    Ok(certificates)
}
