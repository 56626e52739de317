//! Tunnels: connections that connectors have opened, and over which requests go to origins that no
//! connection reaches from outside. The gateway is the server of the handshake, and the HTTP/2 client
//! of all that comes after it.

mod life;
mod listener;
mod notice;
mod pool;
mod refused;
mod send;
mod switch;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use listener::Tunnels;
pub(crate) use pool::{Lease, Pool};
pub(crate) use send::Failure;

/// How often a silent connector is asked whether it is still there; one that does not answer for as
/// long again is given up.
pub const TUNNEL_PING: Duration = Duration::from_secs(10);

/// Tunnels at once, if nothing else is said.
pub const MAX_TUNNELS: usize = 1024;

/// Where connectors dial, and who may.
#[derive(Clone, Debug)]
pub struct TunnelConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// For mutual TLS with connectors.
    pub files: TunnelFiles,
    /// Tunnels at once; more are declined.
    pub most: usize,
    /// How often a silent connector is asked whether it is still there ([`TUNNEL_PING`]).
    pub ping: Duration,
}

/// The files, in PEM.
#[derive(Clone, Debug)]
pub struct TunnelFiles {
    /// The gateway's certificate, then those between it and its authority. Connectors know the
    /// gateway by it, as by a client certificate, so that it must be good for both uses.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities of connectors' certificates.
    pub authorities: PathBuf,
    /// Lists of revoked certificates of connectors (RFC 5280 §5). Where there is one, each
    /// certificate of a chain needs a list of its issuer.
    pub revocations: Vec<PathBuf>,
}
