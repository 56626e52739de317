//! What the certificate of a client says of it (RFC 5280), once somebody else has verified it.
//!
//! Nothing here verifies a chain: that is for the platform or the listener. Only what a policy can
//! ask of a certificate is read, by a reader of DER that takes one encoding and no other.

mod der;
mod dn;
mod pattern;
#[cfg(test)]
mod tests;

use der::{Der, Element, Tag};

pub use der::InvalidDer;
pub use dn::{DistinguishedName, InvalidDistinguishedName};
pub use pattern::{InvalidPattern, NameKind, NamePattern};

use crate::digest::Digest;
use crate::spiffe::SpiffeId;

/// The largest certificate that is read, in octets.
pub const MAX_CERTIFICATE: usize = 16 * 1024;
/// The most alternative names, and extensions, of a certificate.
const MAX_ENTRIES: usize = 256;

/// `id-ce-keyUsage`, `id-ce-subjectAltName` and `id-ce-basicConstraints`.
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];

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
    Der(#[from] InvalidDer),
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
        let mut all = Der::new(octets);
        let mut certificate = all.sequence()?;
        all.end()?;
        let mut signed = certificate.sequence()?;
        // The signature was verified by whoever hands the certificate over.
        certificate.expect(Tag::SEQUENCE)?;
        certificate.expect(Tag::BIT_STRING)?;
        certificate.end()?;

        // RFC 5280 §4.1.2.1: 2 is the third version, which alone has extensions.
        let version = signed.optional(Tag::VERSION)?;
        let version = version.map(|octets| Der::new(octets).expect(Tag::INTEGER));
        let third = version.transpose()? == Some(&[2]);
        let serial = hex::encode(signed.expect(Tag::INTEGER)?);
        signed.expect(Tag::SEQUENCE)?;
        let issuer = DistinguishedName::read(signed.sequence()?)?;
        let mut validity = signed.sequence()?;
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        validity.end()?;
        let subject = DistinguishedName::read(signed.sequence()?)?;
        // The public key, and two identifiers that nobody uses.
        signed.expect(Tag::SEQUENCE)?;
        signed.optional(Tag::ISSUER_ID)?;
        signed.optional(Tag::SUBJECT_ID)?;
        let extended = signed.optional(Tag::EXTENSIONS)?;
        let extensions = match extended {
            Some(listed) => Extensions::read(listed)?,
            None => Extensions::default(),
        };
        signed.end()?;
        if extended.is_some() && !third {
            return Err(InvalidDer::Unexpected.into());
        }
        if extensions.authority {
            return Err(InvalidCertificate::Authority);
        }
        Ok(Self {
            sha256: Digest::of(octets),
            serial,
            issuer,
            subject,
            not_before,
            not_after,
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
    fn read(octets: &[u8]) -> Result<Self, InvalidCertificate> {
        let mut outer = Der::new(octets);
        let mut list = outer.sequence()?;
        outer.end()?;
        let mut seen: Vec<&[u8]> = Vec::new();
        let mut found = Self::default();
        while !list.is_empty() {
            let mut extension = list.sequence()?;
            let id = extension.expect(Tag::OBJECT_IDENTIFIER)?;
            extension.optional(Tag::BOOLEAN)?;
            let value = extension.expect(Tag::OCTET_STRING)?;
            extension.end()?;
            if seen.contains(&id) {
                return Err(InvalidCertificate::Repeated);
            }
            seen.push(id);
            if seen.len() > MAX_ENTRIES {
                return Err(InvalidCertificate::TooMany);
            }
            match id {
                KEY_USAGE => found.signs = Some(signs(value)?),
                BASIC_CONSTRAINTS => found.authority = is_authority(value)?,
                ALTERNATIVE_NAMES => found.names(value)?,
                _ => {}
            }
        }
        Ok(found)
    }

    /// RFC 5280 §4.2.1.6. Addresses, directory names and others name nobody here.
    fn names(&mut self, value: &[u8]) -> Result<(), InvalidCertificate> {
        let mut outer = Der::new(value);
        let mut names = outer.sequence()?;
        outer.end()?;
        let mut count = 0;
        while let Some(Element { tag, content }) = names.next()? {
            count += 1;
            if count > MAX_ENTRIES {
                return Err(InvalidCertificate::TooMany);
            }
            match tag {
                Tag::MAIL_ADDRESS => self.emails.push(email(text(content)?)),
                Tag::DNS_NAME => self.dns.extend(host(text(content)?)),
                Tag::URI => self.uris.push(text(content)?.to_owned()),
                _ => {}
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

/// The characters of a name (`IA5String`): those of ASCII that can be seen.
fn text(content: &[u8]) -> Result<&str, InvalidCertificate> {
    let visible = content.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(content).ok();
    text.filter(|_| visible && !content.is_empty())
        .ok_or(InvalidCertificate::Name)
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

/// RFC 5280 §4.2.1.9.
fn is_authority(value: &[u8]) -> Result<bool, InvalidCertificate> {
    let mut outer = Der::new(value);
    let mut constraints = outer.sequence()?;
    outer.end()?;
    let authority = constraints.optional(Tag::BOOLEAN)?;
    Ok(authority.is_some_and(|octets| octets != [0]))
}

/// RFC 5280 §4.2.1.3: bit 0 is `digitalSignature`, 5 `keyCertSign`, 6 `cRLSign`.
fn signs(value: &[u8]) -> Result<bool, InvalidCertificate> {
    let mut outer = Der::new(value);
    let bits = outer.expect(Tag::BIT_STRING)?;
    outer.end()?;
    let first = bits.get(1).copied().unwrap_or(0);
    Ok(first & 0b1000_0000 != 0 && first & 0b0000_0110 == 0)
}
