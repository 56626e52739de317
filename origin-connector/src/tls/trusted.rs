//! Whom the other side's certificates must chain to.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ParsedCertificate, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{CertificateError, DistinguishedName, Error, RootCertStore};
use tidegate_shared::spiffe::TrustDomain;
use tidegate_tls::refusal;

use super::revocation::Revocations;
use crate::identity::Identity;

/// Authorities, and what they have revoked.
#[derive(Debug)]
pub(crate) struct Trusted {
    by: By,
    names: Vec<DistinguishedName>,
}

#[derive(Debug)]
enum By {
    /// Each authority may vouch for any name, as those of a file may.
    Anything(Vouching),
    /// Each may vouch for the names of its trust domain alone (SPIFFE Workload API §4.6): one that is
    /// trusted for a partner's names cannot make up one of ours.
    TrustDomain(BTreeMap<TrustDomain, Vouching>),
}

#[derive(Debug)]
struct Vouching {
    roots: Arc<RootCertStore>,
    /// For chains of clients, with the revocation lists.
    clients: Arc<dyn ClientCertVerifier>,
    /// Whether there are any lists.
    revokes: bool,
}

/// A certificate that is no workload's of a trust domain.
#[derive(Debug, thiserror::Error)]
enum Stranger {
    #[error("the certificate has no SPIFFE ID")]
    NoSpiffeId,
    /// X.509-SVID §5.2.
    #[error("the SPIFFE ID `{0}` is a trust domain's, not a workload's")]
    Pathless(crate::identity::SpiffeId),
}

impl Trusted {
    pub(super) fn by_roots(
        roots: RootCertStore,
        revocations: &Revocations,
    ) -> Result<Self, VerifierBuilderError> {
        let vouching = Vouching::new(roots, revocations, &[])?;
        Ok(Self {
            names: vouching.clients.root_hint_subjects().to_vec(),
            by: By::Anything(vouching),
        })
    }

    /// A trust domain that is not there has nobody who is let in. Of `lists`, which an agent gave, not
    /// each authority needs one.
    pub(super) fn by_trust_domains(
        domains: BTreeMap<TrustDomain, RootCertStore>,
        revocations: &Revocations,
        lists: &[CertificateRevocationListDer<'static>],
    ) -> Result<Self, VerifierBuilderError> {
        let mut by = BTreeMap::new();
        for (domain, roots) in domains {
            by.insert(domain, Vouching::new(roots, revocations, lists)?);
        }
        let names = by.values();
        Ok(Self {
            names: names
                .flat_map(|one| one.clients.root_hint_subjects().to_vec())
                .collect(),
            by: By::TrustDomain(by),
        })
    }

    /// The authorities' names.
    pub(super) fn names(&self) -> &[DistinguishedName] {
        &self.names
    }

    /// Whether the chain is a client's that is let in.
    pub(super) fn verify_client(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let clients = &self.vouching(leaf)?.clients;
        clients.verify_client_cert(leaf, intermediates, now)?;
        Ok(())
    }

    /// Whether the chain is a server's, whatever its name.
    pub(super) fn verify_server(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let vouching = self.vouching(leaf)?;
        if vouching.revokes {
            // What knows the lists knows clients alone; a workload's certificate is for both (X.509-SVID
            // §4.4).
            let clients = &vouching.clients;
            clients.verify_client_cert(leaf, intermediates, now)?;
        }
        let leaf = ParsedCertificate::try_from(leaf)?;
        let algorithms = ring::default_provider()
            .signature_verification_algorithms
            .all;
        let roots = &vouching.roots;
        verify_server_cert_signed_by_trust_anchor(&leaf, roots, intermediates, now, algorithms)
    }

    /// Who may vouch for this certificate.
    fn vouching(&self, leaf: &CertificateDer<'_>) -> Result<&Vouching, Error> {
        let domains = match &self.by {
            By::Anything(vouching) => return Ok(vouching),
            By::TrustDomain(domains) => domains,
        };
        let identity = Identity::of_certificate(leaf).map_err(refusal)?;
        let id = identity
            .spiffe()
            .ok_or_else(|| refusal(Stranger::NoSpiffeId))?;
        if !id.has_path() {
            return Err(refusal(Stranger::Pathless(id.clone())));
        }
        let vouching = domains.get(&id.trust_domain());
        vouching.ok_or_else(|| CertificateError::UnknownIssuer.into())
    }
}

impl Vouching {
    fn new(
        roots: RootCertStore,
        revocations: &Revocations,
        lists: &[CertificateRevocationListDer<'static>],
    ) -> Result<Self, VerifierBuilderError> {
        let roots = Arc::new(roots);
        let provider = Arc::new(ring::default_provider());
        let both = revocations.lists.iter().chain(lists).cloned();
        let mut clients =
            WebPkiClientVerifier::builder_with_provider(roots.clone(), provider).with_crls(both);
        if revocations.lists.is_empty() {
            clients = clients.allow_unknown_revocation_status();
        }
        Ok(Self {
            roots,
            clients: clients.build()?,
            revokes: !(revocations.lists.is_empty() && lists.is_empty()),
        })
    }
}
