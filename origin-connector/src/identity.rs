//! Who is calling, by the names in a certificate that the mesh's authority vouches for.

use std::borrow::Cow;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

pub use tidegate_shared::peer_name::{InvalidPeerName, PeerName};
pub use tidegate_shared::spiffe::{InvalidSpiffeId, SpiffeId};

/// The names of a caller.
///
/// Invariant: at least one; DNS names are normalised and hold no wildcard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    spiffe: Option<SpiffeId>,
    dns: Vec<String>,
}

/// The certificate names no caller, or not one alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentity {
    /// The certificate cannot be read.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// Neither a SPIFFE ID nor a DNS name of one host.
    #[error("the certificate has neither a SPIFFE ID nor a DNS name")]
    Nameless,
    /// X.509-SVID §2: exactly one URI name.
    #[error("the certificate has {0} URI names where one is allowed")]
    SeveralUris(usize),
    /// The URI name is no SPIFFE ID.
    #[error("the certificate's URI name: {0}")]
    Spiffe(#[from] InvalidSpiffeId),
    /// X.509-SVID §4.1: a leaf is no authority.
    #[error("the certificate is an authority's, not a workload's")]
    Authority,
    /// X.509-SVID §4.3: a leaf has `digitalSignature` and neither `keyCertSign` nor `cRLSign`.
    #[error("the certificate's key usage is not a workload's")]
    KeyUsage,
}

impl Identity {
    #[cfg(test)]
    pub(crate) fn new(spiffe: Option<SpiffeId>, dns: Vec<String>) -> Self {
        Self { spiffe, dns }
    }

    /// A server that has proved to be this host, whatever else its certificate names.
    pub(crate) fn of_host(host: String) -> Self {
        Self {
            spiffe: None,
            dns: vec![host],
        }
    }

    /// Reads the names of a leaf certificate. That it chains to a trusted authority and is valid
    /// now is for the caller to have verified.
    ///
    /// # Errors
    /// [`InvalidIdentity`] where the certificate names no caller without doubt.
    pub fn of_certificate(der: &[u8]) -> Result<Self, InvalidIdentity> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|_| InvalidIdentity::Unreadable)?;
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| InvalidIdentity::Unreadable)?;
        let names = names.map_or(&[][..], |extension| &extension.value.general_names);
        let mut uris = Vec::new();
        let mut dns = Vec::new();
        for name in names {
            // Mail addresses, IP addresses and directory names may stand beside the names that
            // identify a caller, but identify none here.
            if let GeneralName::URI(uri) = name {
                uris.push(*uri);
            } else if let GeneralName::DNSName(name) = name {
                // A wildcard names many hosts, so no caller.
                let name = Some(*name).filter(|name| !name.contains(':'));
                dns.extend(
                    name.and_then(tidegate_shared::host::normalise)
                        .map(Cow::into_owned),
                );
            } else if let GeneralName::Invalid(..) = name {
                return Err(InvalidIdentity::Unreadable);
            }
        }
        let spiffe = match uris.as_slice() {
            [] => None,
            [uri] => Some(uri.parse()?),
            several => return Err(InvalidIdentity::SeveralUris(several.len())),
        };
        if spiffe.is_none() && dns.is_empty() {
            return Err(InvalidIdentity::Nameless);
        }
        check_leaf(&certificate, spiffe.is_some())?;
        Ok(Self { spiffe, dns })
    }

    /// Whether it has this name.
    pub fn is(&self, name: &PeerName) -> bool {
        match name {
            PeerName::Spiffe(id) => self.spiffe.as_ref() == Some(id),
            PeerName::Dns(name) => self.dns.contains(name),
        }
    }

    /// The SPIFFE ID, where the certificate has one.
    pub fn spiffe(&self) -> Option<&SpiffeId> {
        self.spiffe.as_ref()
    }

    /// The DNS names, in the certificate's order.
    pub fn dns(&self) -> &[String] {
        &self.dns
    }
}

/// Of one name alone.
impl From<PeerName> for Identity {
    fn from(name: PeerName) -> Self {
        let (spiffe, dns) = match name {
            PeerName::Spiffe(id) => (Some(id), Vec::new()),
            PeerName::Dns(name) => (None, vec![name]),
        };
        Self { spiffe, dns }
    }
}

/// The SPIFFE ID, or else the first DNS name: how logs call the caller.
impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.spiffe, self.dns.first()) {
            (Some(id), _) => id.fmt(f),
            (None, Some(name)) => write!(f, "dns:{name}"),
            (None, None) => f.write_str("-"),
        }
    }
}

fn check_leaf(certificate: &X509Certificate<'_>, svid: bool) -> Result<(), InvalidIdentity> {
    if certificate.is_ca() {
        return Err(InvalidIdentity::Authority);
    }
    let usage = certificate
        .key_usage()
        .map_err(|_| InvalidIdentity::Unreadable)?;
    let proper = match usage {
        Some(usage) => {
            let usage = usage.value;
            usage.digital_signature() && !usage.key_cert_sign() && !usage.crl_sign()
        }
        None => !svid,
    };
    if proper {
        Ok(())
    } else {
        Err(InvalidIdentity::KeyUsage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, IsCa, KeyPair, KeyUsagePurpose, SanType};

    fn identify(
        names: Vec<SanType>,
        adjust: impl FnOnce(&mut CertificateParams),
    ) -> Result<Identity, InvalidIdentity> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        adjust(&mut params);
        let key = KeyPair::generate().unwrap();
        Identity::of_certificate(params.self_signed(&key).unwrap().der())
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().unwrap())
    }

    fn dns(text: &str) -> SanType {
        SanType::DnsName(text.try_into().unwrap())
    }

    const ID: &str = "spiffe://edge.example/gateway";

    #[test]
    fn reads_spiffe_and_dns_names() {
        let address = SanType::IpAddress([127, 0, 0, 1].into());
        let names = vec![
            uri(ID),
            dns("Edge.Bank.example"),
            dns("*.bank.example"),
            address,
        ];
        let identity = identify(names, |_| ()).unwrap();
        assert_eq!(identity.spiffe().unwrap().as_str(), ID);
        assert_eq!(identity.dns(), ["edge.bank.example"]);
        assert_eq!(identity.to_string(), ID);
    }

    #[test]
    fn refuses_what_names_no_caller() {
        use InvalidIdentity::*;
        let address = SanType::IpAddress([127, 0, 0, 1].into());
        let https = uri("https://edge.example/gateway");
        for (names, expected) in [
            (vec![], Nameless),
            (vec![address], Nameless),
            (vec![dns("*.bank.example")], Nameless),
            (
                vec![uri(ID), uri("spiffe://edge.example/other")],
                SeveralUris(2),
            ),
            (
                vec![https, dns("edge.bank.example")],
                Spiffe(InvalidSpiffeId::Scheme(
                    "https://edge.example/gateway".into(),
                )),
            ),
        ] {
            assert_eq!(identify(names, |_| ()), Err(expected));
        }
        assert_eq!(Identity::of_certificate(b"junk"), Err(Unreadable));
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![uri(ID)];
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        for end in 0..certificate.der().len() {
            assert_eq!(
                Identity::of_certificate(&certificate.der()[..end]),
                Err(Unreadable)
            );
        }
    }

    #[test]
    fn refuses_a_certificate_that_is_no_workloads() {
        use InvalidIdentity::*;
        let ca = |params: &mut CertificateParams| {
            params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        };
        assert_eq!(identify(vec![uri(ID)], ca), Err(Authority));
        for usage in [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign] {
            let signs = |params: &mut CertificateParams| params.key_usages.push(usage);
            assert_eq!(identify(vec![uri(ID)], signs), Err(KeyUsage));
        }
        let bare = |params: &mut CertificateParams| params.key_usages.clear();
        assert_eq!(identify(vec![uri(ID)], bare), Err(KeyUsage));
        assert!(identify(vec![dns("edge.bank.example")], bare).is_ok());
    }
}
