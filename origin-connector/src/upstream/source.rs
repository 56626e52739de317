//! Where the endpoints are, asked again and again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::rank::Rank;
use super::resolve::{Dns, DnsError, Found};
use crate::config::{Endpoints, EndpointsFileError, Target, read_endpoints};

/// How often a file is looked at.
const POLL: Duration = Duration::from_secs(1);

/// Where the addresses come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Fixed(BTreeMap<SocketAddr, Rank>),
    Host(String, u16, Arc<Dns>),
    Service(String, Arc<Dns>),
    File(PathBuf),
}

/// The endpoints, and for how long they are good; `None` for ever.
pub(super) type Located = (BTreeMap<SocketAddr, Rank>, Option<Duration>);

/// The addresses cannot be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error(transparent)]
    Dns(#[from] DnsError),
    #[error(transparent)]
    File(#[from] EndpointsFileError),
    #[error("reading the endpoints was cut short")]
    Cut,
}

impl Source {
    pub(super) fn new(target: &Target, dns: &Arc<Dns>) -> Self {
        let address = &target.address;
        match &target.endpoints {
            Endpoints::Fixed(addresses) => Self::fixed(addresses.iter().copied()),
            Endpoints::File(path) => Self::File(path.clone()),
            Endpoints::Service(name) => Self::Service(name.clone(), dns.clone()),
            Endpoints::Resolved => match address.as_str().parse() {
                Ok(address) => Self::fixed([address]),
                Err(_) => {
                    let port = address.port_u16().unwrap_or_default();
                    Self::Host(address.host().to_owned(), port, dns.clone())
                }
            },
        }
    }

    fn fixed(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let addresses = addresses.into_iter();
        Self::Fixed(addresses.map(|one| (one, Rank::default())).collect())
    }

    /// How long to wait where there is no answer.
    pub(super) fn pause(&self) -> Duration {
        match self {
            Self::Fixed(_) | Self::File(_) => POLL,
            Self::Host(_, _, dns) | Self::Service(_, dns) => dns.pause(),
        }
    }

    /// How long after its time the last answer may be used; `None` for ever.
    pub(super) fn stale(&self) -> Option<Duration> {
        match self {
            Self::Fixed(_) | Self::File(_) => None,
            Self::Host(_, _, dns) | Self::Service(_, dns) => Some(dns.stale()),
        }
    }

    /// Asks. The answer is never empty.
    pub(super) async fn locate(&self) -> Result<Located, SourceError> {
        let Found {
            endpoints,
            lifetime,
        } = match self {
            Self::Fixed(addresses) => return Ok((addresses.clone(), None)),
            Self::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || read_endpoints(&path));
                let addresses = read.await.map_err(|_| SourceError::Cut)??;
                let ranked = addresses.into_iter().map(|one| (one, Rank::default()));
                return Ok((ranked.collect(), Some(POLL)));
            }
            Self::Host(name, port, dns) => dns.host(name, *port).await?,
            Self::Service(name, dns) => dns.service(name).await?,
        };
        Ok((endpoints, Some(lifetime)))
    }
}
