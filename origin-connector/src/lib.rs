//! The mutual TLS terminator at the door of a mesh.
//!
//! Gateways connect with a client certificate. The connector takes the caller's identity from the
//! verified certificate, asks [`Backends::select`] which backend the request may reach, and
//! streams the exchange through, to one of the backend's endpoints. Nothing that is refused reaches
//! a backend. Connections that are not HTTP are forwarded by the same identities, or by the server
//! name that they ask for. Where nothing can connect to a mesh, the connector connects to gateways,
//! and serves what it has opened in the same way.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use tidegate_origin_connector::{Config, Connector};
//!
//! let connector = Connector::bind(Config::read("connector.toml".as_ref())?).await?;
//! println!("listening {:?}", connector.local_addr());
//! connector.run(std::future::pending()).await;
//! # Ok(())
//! # }
//! ```

mod access;
mod admin;
mod authorize;
mod backoff;
mod body;
mod caller;
pub mod config;
mod connector;
mod dial;
mod gateway_signature;
mod generation;
mod grpc_web;
mod headers;
mod identity;
mod metrics;
mod policy;
mod proxy;
mod refusal;
mod room;
mod server;
mod splice;
mod stamp;
mod tcp;
mod tls;
mod traces;
mod upstream;

pub use authorize::{
    Backends, Denial, InvalidBackends, InvalidPathPrefix, PathPrefix, RequestHead,
};
pub use config::{Config, ConfigError};
pub use connector::{BindError, Connector, Drained, Reload, ReloadError};
pub use gateway_signature::InvalidGatewayKey;
pub use generation::GenerationError;
pub use identity::{
    Identity, InvalidIdentity, InvalidPeerName, InvalidSpiffeId, PeerName, SpiffeId,
};
pub use policy::{InvalidPolicy, InvalidTrust, Limiter, UnusableBundle, UsedUp};
pub use tls::TlsError;
pub use upstream::InvalidDestination;
