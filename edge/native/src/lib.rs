//! The gateway on hyper: the embedded default for development, and the internal gateway between
//! teams. HTTP/1.1 and HTTP/2 in, the same out over mutual TLS; bodies are passed on untouched.

mod authority;
mod body;
mod bundle;
mod client;
mod connection;
mod credentials;
mod exchange;
mod head;
mod identity;
mod leases;
mod listen;
mod metrics;
mod ports;
mod records;
mod refresh;
mod server;
mod tls;
mod tunnels;
mod upgrade;

pub use authority::{
    AuthorityConfig, AuthorityServer, AuthorityToken, InvalidAuthority, InvalidToken,
    LimitAuthority,
};
pub use bundle::{LoadFailure, Loaded};
pub use credentials::CredentialFolder;
pub use identity::{Identity, InvalidIdentity};
pub use ports::Secrets;
pub use records::{LogRecords, Records};
pub use server::{Config, NativeGateway, Reloader};
pub use tidegate_follow::{Follow, FollowError, Following, InvalidSource, Next, Source, now};
pub use tls::{TlsError, TlsFiles};
pub use tunnels::{MAX_TUNNELS, TUNNEL_PING, TunnelConfig, TunnelFiles};
