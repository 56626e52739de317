//! Connectors that dial.

use std::net::SocketAddr;
use std::path::PathBuf;

use tidegate_edge_native::{MAX_TUNNELS, TUNNEL_PING, TunnelConfig, TunnelFiles};

/// How origins are reached that no connection reaches.
#[derive(Debug, clap::Args)]
pub(crate) struct TunnelArguments {
    /// Listen here for connectors that dial; requests go to their origins over what they have opened
    #[arg(
        long,
        value_name = "ADDR",
        requires_all = ["tunnel_certificate", "tunnel_key", "tunnel_authorities"]
    )]
    tunnels: Option<SocketAddr>,
    /// The certificate by which connectors know the gateway, then those between it and its
    /// authority; good for a server and a client
    #[arg(long, value_name = "FILE", requires = "tunnels")]
    tunnel_certificate: Option<PathBuf>,
    /// The certificate's private key
    #[arg(long, value_name = "FILE", requires = "tunnels")]
    tunnel_key: Option<PathBuf>,
    /// The authorities of the connectors' certificates
    #[arg(long, value_name = "FILE", requires = "tunnels")]
    tunnel_authorities: Option<PathBuf>,
    /// A list of revoked certificates of connectors
    #[arg(long = "tunnel-crl", value_name = "FILE", requires = "tunnels")]
    tunnel_crls: Vec<PathBuf>,
    /// Tunnels at once; more are declined
    #[arg(
        long,
        value_name = "N",
        default_value_t = MAX_TUNNELS,
        value_parser = tunnel_bound,
        requires = "tunnels"
    )]
    max_tunnels: usize,
}

/// Each tunnel has a descriptor or two, and windows of its own.
const MOST_TUNNELS: usize = 100_000;

fn tunnel_bound(text: &str) -> Result<usize, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (1..=MOST_TUNNELS).contains(number))
        .ok_or_else(|| format!("`{text}` is not between 1 and {MOST_TUNNELS}"))
}

impl TunnelArguments {
    pub(crate) fn config(self) -> Option<TunnelConfig> {
        Some(TunnelConfig {
            listen: self.tunnels?,
            files: TunnelFiles {
                certificate: self.tunnel_certificate?,
                key: self.tunnel_key?,
                authorities: self.tunnel_authorities?,
                revocations: self.tunnel_crls,
            },
            most: self.max_tunnels,
            ping: TUNNEL_PING,
        })
    }
}
