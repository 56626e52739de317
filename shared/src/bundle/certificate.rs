//! Who is known by a client certificate.

use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use crate::certificate::{ClientCertificate, DistinguishedName, NameKind, NamePattern};
use crate::digest::Digest;

/// Consumers that are known by certificates, which the platform or the listener has verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Certificates {
    /// The name in the policy.
    pub name: String,
    /// Who must have issued a certificate: one of these, or whomever the platform trusts where
    /// there is none.
    pub issuers: Vec<DistinguishedName>,
    /// The consumers. Never empty.
    pub holders: Vec<CertificateHolder>,
}

/// A consumer, and what its certificates are like: of each kind of rule that there is, one must
/// hold. Never without any.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize_tuple, Deserialize_tuple)]
pub struct CertificateHolder {
    /// The consumer.
    pub consumer: String,
    /// The name of the plan that it is on.
    pub plan: Option<String>,
    /// The digests of its certificates, where they are pinned.
    pub pins: Vec<Digest>,
    /// Whose a certificate is.
    pub subjects: Vec<DistinguishedName>,
    /// Its alternative names.
    pub names: Vec<NamePattern>,
}

/// Why a certificate is nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NobodysCertificate {
    /// None of the issuers.
    #[error("the certificate is of another issuer")]
    Issuer,
    /// No consumer has such a certificate.
    #[error("the certificate is no consumer's")]
    Unknown,
    /// It is for no one to guess which of two consumers calls.
    #[error("the certificate fits several consumers")]
    Several,
    /// What the policy asks for is not known here.
    #[error("the runtime does not tell what the certificate says")]
    Untold,
}

impl Certificates {
    /// Whose a certificate is. Where its digest is pinned, it is judged by that consumer's rules
    /// alone; else exactly one consumer's must fit. `details` is `None` where the runtime tells
    /// its digest and no more.
    ///
    /// # Errors
    /// [`NobodysCertificate`].
    pub fn holder(
        &self,
        digest: &Digest,
        details: Option<&ClientCertificate>,
    ) -> Result<&CertificateHolder, NobodysCertificate> {
        let issued = match details {
            _ if self.issuers.is_empty() => true,
            Some(details) => self.issuers.contains(&details.issuer),
            None => return Err(NobodysCertificate::Untold),
        };
        if !issued {
            return Err(NobodysCertificate::Issuer);
        }
        let pinned = self.holders.iter().find(|one| one.pins.contains(digest));
        if let Some(holder) = pinned {
            let fits = holder.fits(details).ok_or(NobodysCertificate::Untold)?;
            return fits.then_some(holder).ok_or(NobodysCertificate::Unknown);
        }
        let mut found = None;
        let ruled = |one: &&CertificateHolder| one.pins.is_empty() && !one.is_bare();
        for holder in self.holders.iter().filter(ruled) {
            if holder.fits(details).ok_or(NobodysCertificate::Untold)? {
                let earlier = found.replace(holder);
                if earlier.is_some_and(|earlier| earlier.consumer != holder.consumer) {
                    return Err(NobodysCertificate::Several);
                }
            }
        }
        found.ok_or(NobodysCertificate::Unknown)
    }
}

impl CertificateHolder {
    /// Whether all of its rules but the pins hold; `None` where that cannot be told.
    fn fits(&self, details: Option<&ClientCertificate>) -> Option<bool> {
        if self.is_bare() {
            return Some(true);
        }
        let details = details?;
        let subject = self.subjects.is_empty() || self.subjects.contains(&details.subject);
        let of_kind = |kind: NameKind| {
            let mut patterns = self.patterns(kind).peekable();
            let names = details.names(kind);
            patterns.peek().is_none()
                || patterns.any(|pattern| names.iter().any(|name| pattern.has(name)))
        };
        Some(subject && NameKind::ALL.into_iter().all(of_kind))
    }

    /// Whether it has no rules but the pins.
    fn is_bare(&self) -> bool {
        self.subjects.is_empty() && self.names.is_empty()
    }

    /// The patterns of a kind of names.
    pub fn patterns(&self, kind: NameKind) -> impl Iterator<Item = &NamePattern> {
        self.names
            .iter()
            .filter(move |pattern| pattern.kind() == kind)
    }
}
