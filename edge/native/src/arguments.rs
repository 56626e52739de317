//! The command line of `tidegate-gateway`.

mod channel;
mod limits;
mod tunnels;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use tidegate_edge_native::{Identity, Source};

use channel::ChannelArguments;
use limits::LimitArguments;
use tunnels::TunnelArguments;

/// Runs a policy bundle as an HTTP gateway.
#[derive(Debug, Parser)]
#[command(name = "tidegate-gateway", version, about)]
pub(crate) struct Arguments {
    /// Where bundles come from: a file, or a folder or http(s) URL that has channels; what
    /// changes comes into force while the gateway runs
    #[arg(long, value_name = "SOURCE")]
    pub(crate) bundle: Source,
    #[command(flatten)]
    pub(crate) channel: ChannelArguments,
    /// The keys whose bundles are accepted
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: PathBuf,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Speak TLS 1.3 with clients: the certificate, then those between it and its authority
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The certificate's private key
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Ask clients for a certificate of one of these authorities
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) client_authorities: Option<PathBuf>,
    /// A client certificate for upstreams, as NAME=CERTIFICATE,KEY with two PEM files
    #[arg(long = "identity", value_name = "NAME=CERT,KEY")]
    pub(crate) identities: Vec<Identity>,
    /// A folder of secrets, each in a file of its name; else TIDEGATE_SECRET_NAME has it
    #[arg(long, value_name = "DIR")]
    pub(crate) secrets: Option<PathBuf>,
    /// A folder of API keys, as `tidegate credentials --store file:DIR` fills it
    #[arg(long, value_name = "DIR")]
    pub(crate) credentials: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) limits: LimitArguments,
    #[command(flatten)]
    pub(crate) tunnels: TunnelArguments,
    /// Serve health and metrics here, in plain HTTP: /livez, /readyz and /metrics
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin: Option<SocketAddr>,
    /// How to log, to standard error
    #[arg(long, value_enum, default_value_t = Log::Human)]
    pub(crate) log: Log,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Log {
    /// For people
    Human,
    /// One JSON object a line
    Json,
}
