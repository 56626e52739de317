//! Why no tunnel was opened, in words for the log and a label for the metrics.

use std::io;

use http::StatusCode;
use rustls::{AlertDescription, Error};

use crate::tls::handshake::HandshakeError;
use crate::upstream::DnsError;

/// A gateway was dialled in vain.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    /// Its name has no address.
    #[error("{0}")]
    Unresolved(DnsError),
    /// No connection.
    #[error("cannot connect to `{1}`: {0}")]
    Unreachable(io::Error, std::net::SocketAddr),
    /// It took too long to connect, to shake hands, or to begin.
    #[error("the gateway took too long to {0}")]
    Timeout(&'static str),
    /// It takes no tunnels.
    #[error("the gateway takes no tunnels at this address")]
    NoTunnels,
    /// A web server answers, and no gateway of its takes tunnels there.
    #[error("no tunnels are taken there: the answer is {0}")]
    Answered(StatusCode),
    /// What it says is no WebSocket.
    #[error("no tunnels are taken there: {0}")]
    NoWebSocket(String),
    /// It would not be let in if it came.
    #[error("the gateway is not let in: {0}")]
    Gateway(HandshakeError),
    /// It does not take the connector's certificate.
    #[error("the gateway refuses the connector's certificate: {0:?}")]
    Refused(AlertDescription),
    /// The web server before it has not verified that certificate.
    #[error("the gateway was not told of a good certificate of the connector")]
    Unknown,
    /// It has let the connector in, and goes away before it begins.
    #[error(
        "the gateway declines: no origin of its policy is reached by this connector, or it has \
         tunnels enough, or it is ending"
    )]
    Declined,
    /// The connection broke.
    #[error("{0}")]
    Broken(io::Error),
    /// The connector's own files do not make a client.
    #[error("{0}")]
    Unusable(String),
}

impl DialError {
    /// A stable label.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Unresolved(_) => "unresolved",
            Self::Unreachable(..) => "unreachable",
            Self::Timeout(_) => "timeout",
            Self::NoTunnels | Self::Answered(_) | Self::NoWebSocket(_) => "no-tunnels",
            Self::Gateway(error) => error.label(),
            Self::Refused(_) | Self::Unknown => "refused",
            Self::Declined => "declined",
            Self::Broken(_) => "broken",
            Self::Unusable(_) => "unusable",
        }
    }

    /// What went wrong from the first octet of the handshake to the gateway's own first octet.
    pub(super) fn of_handshake(error: io::Error) -> Self {
        let tls = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Error>());
        match tls {
            Some(Error::InvalidCertificate(certificate)) => Self::Gateway(certificate.into()),
            Some(Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => Self::NoTunnels,
            Some(Error::AlertReceived(alert)) => Self::Refused(*alert),
            _ => Self::Broken(error),
        }
    }
}
