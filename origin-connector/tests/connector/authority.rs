//! Certificate authorities for a test.

use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationList,
    CertificateRevocationListParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};

/// The name by which clients know the connector.
pub(crate) const CONNECTOR: &str = "connector.dc1.bank.example";

/// The connector's own SPIFFE ID.
pub(crate) const CONNECTOR_ID: &str = "spiffe://bank.example/connector";

/// The caller that backends allow.
pub(crate) const GATEWAY_ID: &str = "spiffe://edge.example/gateway";

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>, String);

pub(crate) struct Leaf {
    pub(crate) certificate: CertificateDer<'static>,
    key: KeyPair,
    pem: String,
    serial: SerialNumber,
}

impl Authority {
    /// An authority with a name of its own.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self::named(&format!("authority {count}"))
    }

    /// Another authority of the same name.
    pub(crate) fn impostor(&self) -> Self {
        Self::named(&self.1)
    }

    fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        Self(issuer, name.to_owned())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn der(&self) -> &CertificateDer<'static> {
        self.0.der()
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    /// A certificate for a URI or DNS name each.
    pub(crate) fn issue(&self, names: &[&str]) -> Leaf {
        self.issue_with(names, |_| ())
    }

    /// A certificate that expired an hour ago.
    pub(crate) fn issue_expired(&self, names: &[&str]) -> Leaf {
        self.issue_with(names, |params| {
            params.not_after = OffsetDateTime::now_utc() - Duration::HOUR;
        })
    }

    /// A certificate that will expire in so many seconds.
    pub(crate) fn issue_for(&self, names: &[&str], seconds: i64) -> Leaf {
        self.issue_with(names, |params| {
            params.not_after = OffsetDateTime::now_utc() + Duration::seconds(seconds);
        })
    }

    fn issue_with(&self, names: &[&str], adjust: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let name = |name: &&str| match name.contains("://") {
            true => SanType::URI((*name).try_into().unwrap()),
            false => SanType::DnsName((*name).try_into().unwrap()),
        };
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.iter().map(name).collect();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        static SERIAL: AtomicU32 = AtomicU32::new(1);
        let serial = u64::from(SERIAL.fetch_add(1, Ordering::Relaxed));
        let serial = SerialNumber::from(serial);
        params.serial_number = Some(serial.clone());
        adjust(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Leaf {
            pem: certificate.pem(),
            certificate: certificate.into(),
            key,
            serial,
        }
    }

    /// A list of revoked certificates, in PEM, that is to be replaced in so many seconds.
    pub(crate) fn revoke(&self, leaves: &[&Leaf], seconds: i64) -> String {
        self.list(leaves, seconds).pem().unwrap()
    }

    /// The same in DER.
    pub(crate) fn list(&self, leaves: &[&Leaf], seconds: i64) -> CertificateRevocationList {
        let now = OffsetDateTime::now_utc();
        let revoked = |leaf: &&Leaf| RevokedCertParams {
            serial_number: leaf.serial.clone(),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: now - Duration::HOUR,
            next_update: now + Duration::seconds(seconds),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: leaves.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.0).unwrap()
    }

    /// The connector's own certificate.
    pub(crate) fn issue_connector(&self) -> Leaf {
        self.issue(&[CONNECTOR, CONNECTOR_ID])
    }
}

impl Leaf {
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    pub(crate) fn key_der(&self) -> Vec<u8> {
        self.key.serialize_der()
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}
