//! Why a handshake failed, in words for the log and a label for the metrics.

use std::io;

use rustls::{CertificateError, Error};

/// A handshake that did not make a connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// The client has none, or sent none.
    #[error("the client presented no certificate")]
    NoCertificate,
    /// The chain ends elsewhere.
    #[error("the certificate chains to no trusted authority")]
    UnknownAuthority,
    /// Its time is over.
    #[error("the certificate has expired")]
    Expired,
    /// Its time has not come.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// It is another's.
    #[error("the certificate is another's than was asked for")]
    OtherName,
    /// A list says so.
    #[error("the certificate is revoked")]
    Revoked,
    /// No list of its issuer speaks for it.
    #[error("no revocation list speaks for the certificate")]
    RevocationUnknown,
    /// It is verified, but names no caller.
    #[error("the certificate is no identity: {0}")]
    NoIdentity(String),
    /// Anything else that is wrong with it.
    #[error("the certificate is not acceptable: {0}")]
    Certificate(CertificateError),
    /// It took too long.
    #[error("the handshake took too long")]
    Timeout,
    /// The client went away, or does not speak TLS as we do.
    #[error("{0}")]
    Protocol(io::Error),
}

impl HandshakeError {
    /// A stable label.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::NoCertificate => "no-certificate",
            Self::UnknownAuthority => "unknown-authority",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::OtherName => "wrong-identity",
            Self::Revoked => "revoked",
            Self::RevocationUnknown => "revocation-unknown",
            Self::NoIdentity(_) => "no-identity",
            Self::Certificate(_) => "invalid-certificate",
            Self::Timeout => "timeout",
            Self::Protocol(_) => "protocol",
        }
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        let tls = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Error>());
        if let Some(Error::NoCertificatesPresented) = tls {
            return Self::NoCertificate;
        }
        let Some(Error::InvalidCertificate(certificate)) = tls else {
            return Self::Protocol(error);
        };
        certificate.into()
    }
}

impl From<&CertificateError> for HandshakeError {
    fn from(certificate: &CertificateError) -> Self {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the enum is open and every other failure is told in its own words"
        )]
        match certificate {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Self::UnknownAuthority
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::OtherName
            }
            CertificateError::Revoked => Self::Revoked,
            CertificateError::UnknownRevocationStatus => Self::RevocationUnknown,
            CertificateError::Other(reason) => Self::NoIdentity(reason.0.to_string()),
            other => Self::Certificate(other.clone()),
        }
    }
}
