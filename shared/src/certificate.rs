//! What the certificate of a client says of it (RFC 5280), once somebody else has verified it.
//!
//! Nothing here verifies a chain: that is for the platform or the listener. Only what a policy can
//! ask of a certificate is read.

mod dn;
mod pattern;
#[cfg(test)]
mod tests;

use x509_cert::Certificate;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{self, Decode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, SubjectAltName};
use x509_cert::spki::ObjectIdentifier;

pub use dn::{DistinguishedName, InvalidDistinguishedName};
pub use pattern::{InvalidPattern, NameKind, NamePattern};

use crate::digest::Digest;
use crate::spiffe::SpiffeId;

/// The largest certificate that is read, in octets.
pub const MAX_CERTIFICATE: usize = 16 * 1024;
/// The most alternative names, and extensions, of a certificate.
const MAX_ENTRIES: usize = 256;

/// A certificate of a client, as far as a policy can ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The digest of the whole certificate.
    pub sha256: Digest,
    /// The serial number, in hexadecimal digits.
    pub serial: String,
    /// Who issued it.
    pub issuer: DistinguishedName,
    /// Whose it is.
    pub subject: DistinguishedName,
    /// The first second at which it is valid, since the Unix epoch.
    pub not_before: u64,
    /// The last one.
    pub not_after: u64,
    /// The SPIFFE ID, where it is a workload's certificate (X.509-SVID §2, §4): one URI name and no
    /// other, of a leaf whose key signs and issues nothing.
    pub spiffe: Option<SpiffeId>,
    /// URI names, in its order.
    pub uris: Vec<String>,
    /// DNS names of one host, in lower case.
    pub dns: Vec<String>,
    /// Mail addresses, the domain in lower case.
    pub emails: Vec<String>,
}

/// The octets are no certificate of a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCertificate {
    /// More octets than are read.
    #[error("the certificate has more than {MAX_CERTIFICATE} octets")]
    TooLong,
    /// Not the one encoding of a certificate.
    #[error("the certificate cannot be read: {0}")]
    Der(#[from] der::Error),
    /// A distinguished name that is beyond bounds.
    #[error("a name in the certificate cannot be read: {0}")]
    DistinguishedName(#[from] InvalidDistinguishedName),
    /// An extension that stands there twice (RFC 5280 §4.2).
    #[error("the certificate has an extension twice")]
    Repeated,
    /// More names or extensions than are read.
    #[error("the certificate has more than {MAX_ENTRIES} names or extensions")]
    TooMany,
    /// A name that is more than the printable characters of ASCII: what one reader takes for
    /// `bank.example` another cuts off at a NUL.
    #[error("an alternative name of the certificate has characters that no name has")]
    Name,
    /// An authority's own: whoever holds it can be anyone.
    #[error("the certificate is an authority's, not a client's")]
    Authority,
}

/// What the extensions say.
#[derive(Default)]
struct Extensions {
    authority: bool,
    /// `digitalSignature`, and neither `keyCertSign` nor `cRLSign`; `None` where nothing is said.
    signs: Option<bool>,
    uris: Vec<String>,
    dns: Vec<String>,
    emails: Vec<String>,
}

impl ClientCertificate {
    /// Reads a certificate (DER).
    ///
    /// # Errors
    /// [`InvalidCertificate`].
    pub fn read(octets: &[u8]) -> Result<Self, InvalidCertificate> {
        if octets.len() > MAX_CERTIFICATE {
            return Err(InvalidCertificate::TooLong);
        }
        // The signature was verified by whoever hands the certificate over.
        let certificate = Certificate::from_der(octets)?;
        let certificate = certificate.tbs_certificate();
        let extensions = certificate.extensions().map(Vec::as_slice);
        let extensions = Extensions::read(extensions.unwrap_or_default())?;
        if extensions.authority {
            return Err(InvalidCertificate::Authority);
        }
        let validity = certificate.validity();
        Ok(Self {
            sha256: Digest::of(octets),
            serial: hex::encode(certificate.serial_number().as_bytes()),
            issuer: DistinguishedName::of(certificate.issuer())?,
            subject: DistinguishedName::of(certificate.subject())?,
            not_before: validity.not_before.to_unix_duration().as_secs(),
            not_after: validity.not_after.to_unix_duration().as_secs(),
            spiffe: extensions.spiffe(),
            uris: extensions.uris,
            dns: extensions.dns,
            emails: extensions.emails,
        })
    }

    /// The names of a kind.
    pub fn names(&self, kind: NameKind) -> Vec<&str> {
        match kind {
            NameKind::Spiffe => self.spiffe.iter().map(SpiffeId::as_str).collect(),
            NameKind::Uri => self.uris.iter().map(String::as_str).collect(),
            NameKind::Dns => self.dns.iter().map(String::as_str).collect(),
            NameKind::Email => self.emails.iter().map(String::as_str).collect(),
        }
    }
}

impl Extensions {
    fn read(extensions: &[Extension]) -> Result<Self, InvalidCertificate> {
        if extensions.len() > MAX_ENTRIES {
            return Err(InvalidCertificate::TooMany);
        }
        let mut found = Self::default();
        let mut seen: Vec<&ObjectIdentifier> = Vec::new();
        for Extension {
            extn_id,
            extn_value,
            ..
        } in extensions
        {
            if seen.contains(&extn_id) {
                return Err(InvalidCertificate::Repeated);
            }
            seen.push(extn_id);
            let value = extn_value.as_bytes();
            match *extn_id {
                KeyUsage::OID => {
                    let usage = KeyUsage::from_der(value)?;
                    let issues = usage.key_cert_sign() || usage.crl_sign();
                    found.signs = Some(usage.digital_signature() && !issues);
                }
                BasicConstraints::OID => found.authority = BasicConstraints::from_der(value)?.ca,
                SubjectAltName::OID => found.names(&SubjectAltName::from_der(value)?.0)?,
                _ => {}
            }
        }
        Ok(found)
    }

    /// RFC 5280 §4.2.1.6. Addresses, directory names and others name nobody here.
    fn names(&mut self, names: &[GeneralName]) -> Result<(), InvalidCertificate> {
        if names.len() > MAX_ENTRIES {
            return Err(InvalidCertificate::TooMany);
        }
        for name in names {
            match name {
                GeneralName::Rfc822Name(name) => self.emails.push(email(visible(name.as_str())?)),
                GeneralName::DnsName(name) => self.dns.extend(host(visible(name.as_str())?)),
                GeneralName::UniformResourceIdentifier(name) => {
                    self.uris.push(visible(name.as_str())?.to_owned());
                }
                GeneralName::OtherName(_)
                | GeneralName::DirectoryName(_)
                | GeneralName::EdiPartyName(_)
                | GeneralName::IpAddress(_)
                | GeneralName::RegisteredId(_) => {}
            }
        }
        Ok(())
    }

    fn spiffe(&self) -> Option<SpiffeId> {
        let [only] = self.uris.as_slice() else {
            return None;
        };
        only.parse().ok().filter(|_| self.signs == Some(true))
    }
}

/// A name of which every character can be seen.
fn visible(name: &str) -> Result<&str, InvalidCertificate> {
    let visible = !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_graphic());
    visible.then_some(name).ok_or(InvalidCertificate::Name)
}

/// A wildcard names many hosts, so no client.
fn host(name: &str) -> Option<String> {
    let name = Some(name).filter(|name| !name.contains(':'))?;
    crate::host::normalise(name).map(std::borrow::Cow::into_owned)
}

/// RFC 5280 §7.5: the domain without regard to case, what is before it as it stands.
fn email(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_ascii_lowercase()),
        None => address.to_owned(),
    }
}
