//! The peer of one connection.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::headers::client_cert;
use crate::identity::{Identity, InvalidIdentity};
use crate::tls::reload::Trust;

/// Who is at the other end, and what each of its requests carries on.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) identity: Identity,
    pub(crate) peer: SocketAddr,
    /// `X-Forwarded-Client-Cert`.
    pub(crate) client_cert: HeaderValue,
    /// How long the certificate is still valid.
    pub(crate) remaining: Duration,
    /// What has to hold as long as the connection does; nothing where other authorities than those
    /// of callers vouch for it.
    chain: Option<Vec<CertificateDer<'static>>>,
    trust: Trust,
}

impl Caller {
    /// Invariant for the caller of this: `chain` was verified by `trust` in the handshake of this
    /// connection.
    pub(crate) fn new(
        peer: SocketAddr,
        chain: &[CertificateDer<'static>],
        trust: Trust,
        now: SystemTime,
    ) -> Result<Self, InvalidIdentity> {
        let leaf = chain.first().ok_or(InvalidIdentity::Unreadable)?;
        let identity = Identity::of_certificate(leaf)?;
        let held = Some(chain.to_vec());
        Self::known(identity, peer, leaf, held, trust, now)
    }

    /// A gateway behind a web server that has proved to be `host`.
    ///
    /// Invariant for the caller of this: the handshake has verified `leaf` for that host.
    pub(crate) fn of_host(
        host: String,
        peer: SocketAddr,
        leaf: &CertificateDer<'static>,
        trust: Trust,
        now: SystemTime,
    ) -> Result<Self, InvalidIdentity> {
        Self::known(Identity::of_host(host), peer, leaf, None, trust, now)
    }

    fn known(
        identity: Identity,
        peer: SocketAddr,
        leaf: &CertificateDer<'static>,
        chain: Option<Vec<CertificateDer<'static>>>,
        trust: Trust,
        now: SystemTime,
    ) -> Result<Self, InvalidIdentity> {
        let (_, certificate) =
            X509Certificate::from_der(leaf).map_err(|_| InvalidIdentity::Unreadable)?;
        let not_after = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0);
        let now = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Ok(Self {
            client_cert: client_cert::value(&identity, leaf, trust.credentials().own_id()),
            identity,
            peer,
            remaining: Duration::from_secs(not_after).saturating_sub(now),
            chain,
            trust,
        })
    }

    /// Ready once the caller would no longer be let in, for another reason than its certificate's
    /// age.
    pub(crate) async fn disowned(&self) {
        match &self.chain {
            Some(chain) => self.trust.clone().ends(chain).await,
            None => std::future::pending().await,
        }
    }
}
