//! Why a connection does not become a tunnel.

use std::io;

use rustls::{CertificateError, Error};
use tidegate_shared::spiffe::SpiffeId;
use tidegate_shared::tunnel;

use super::pool::Full;
use super::tls::NoConnector;

/// A connection that does not become a tunnel.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("it took too long")]
    Timeout,
    #[error("it does not speak `{}`", tunnel::PROTOCOL)]
    Protocol,
    #[error("{0}")]
    Handshake(io::Error),
    #[error("its certificate: {0}")]
    Certificate(CertificateError),
    #[error("it has no certificate")]
    NoCertificate,
    #[error("{0}")]
    NoConnector(#[from] NoConnector),
    #[error("no origin of the policy is reached by `{0}`")]
    Unwanted(SpiffeId),
    #[error("{1} (`{0}`)")]
    Full(SpiffeId, Full),
    #[error("it has gone before it said how many requests it takes")]
    Silent,
    #[error("{0}")]
    Http(hyper::Error),
}

impl Refused {
    /// A stable label.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Handshake(_) => "handshake",
            Self::Certificate(error) => certificate_label(error),
            Self::NoCertificate => "no-certificate",
            Self::NoConnector(_) => "no-identity",
            Self::Unwanted(_) => "unwanted",
            Self::Full(..) => "full",
            Self::Silent => "silent",
            Self::Http(_) => "http",
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is open and every other failure is told in its own words"
)]
fn certificate_label(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => "unknown-authority",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "not-yet-valid"
        }
        CertificateError::Revoked => "revoked",
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => "revocation-unknown",
        CertificateError::Other(_) => "no-identity",
        _ => "invalid-certificate",
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        let tls = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Error>());
        match tls {
            Some(Error::NoCertificatesPresented) => Self::NoCertificate,
            Some(Error::InvalidCertificate(certificate)) => Self::Certificate(certificate.clone()),
            Some(Error::NoApplicationProtocol) => Self::Protocol,
            _ => Self::Handshake(error),
        }
    }
}
