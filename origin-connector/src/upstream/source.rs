//! Where the endpoints are, asked again and again.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Endpoints, EndpointsFileError, Target, read_endpoints};

/// How often a file is looked at.
const POLL: Duration = Duration::from_secs(1);

/// How long a resolver may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the addresses come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Fixed(BTreeSet<SocketAddr>),
    /// Host and port, as the system's resolver takes them.
    Name(String, Duration),
    File(PathBuf),
}

/// The addresses cannot be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("cannot resolve `{name}`: {source}")]
    Resolve { name: String, source: io::Error },
    #[error("`{name}` has no address")]
    NoAddress { name: String },
    #[error(transparent)]
    File(#[from] EndpointsFileError),
    #[error("reading the endpoints was cut short")]
    Cut,
}

impl Source {
    pub(super) fn new(target: &Target) -> Self {
        let authority = target.address.as_str();
        match &target.endpoints {
            Endpoints::Fixed(addresses) => Self::Fixed(addresses.clone()),
            Endpoints::File(path) => Self::File(path.clone()),
            Endpoints::Resolved => match authority.parse() {
                Ok(address) => Self::Fixed(BTreeSet::from([address])),
                Err(_) => Self::Name(authority.to_owned(), target.resolve_interval),
            },
        }
    }

    /// How long an answer is good for; `None` for ever.
    pub(super) fn interval(&self) -> Option<Duration> {
        match self {
            Self::Fixed(_) => None,
            Self::Name(_, interval) => Some(*interval),
            Self::File(_) => Some(POLL),
        }
    }

    /// Asks. The answer is never empty.
    pub(super) async fn addresses(&self) -> Result<BTreeSet<SocketAddr>, SourceError> {
        match self {
            Self::Fixed(addresses) => Ok(addresses.clone()),
            Self::Name(name, _) => {
                let failed = |source| SourceError::Resolve {
                    name: name.clone(),
                    source,
                };
                let lookup = tokio::time::timeout(PATIENCE, tokio::net::lookup_host(name));
                let found = lookup.await.map_err(|elapsed| failed(elapsed.into()))?;
                let addresses: BTreeSet<_> = found.map_err(failed)?.collect();
                if addresses.is_empty() {
                    return Err(SourceError::NoAddress { name: name.clone() });
                }
                Ok(addresses)
            }
            Self::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || read_endpoints(&path));
                Ok(read.await.map_err(|_| SourceError::Cut)??)
            }
        }
    }
}
