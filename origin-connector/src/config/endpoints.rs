//! Where the endpoints of a backend are found.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::Problems;

/// More addresses than this are taken for a mistake.
const MOST: usize = 1000;

/// Where the addresses come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoints {
    /// The addresses of the host of the backend's address, as long as DNS says.
    Resolved,
    /// The targets of the SRV records of this name.
    Service(String),
    /// These and no others. Invariant: not empty.
    Fixed(BTreeSet<SocketAddr>),
    /// What a file says, watched for changes.
    File(PathBuf),
}

impl Endpoints {
    pub(super) fn check(
        listed: Option<Vec<String>>,
        file: Option<PathBuf>,
        service: Option<String>,
        section: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        let field = format!("{section}.endpoints");
        match (listed, file, service) {
            (None, None, None) => Some(Self::Resolved),
            (None, Some(file), None) => Some(Self::File(file)),
            (None, None, Some(service)) => {
                let field = format!("{section}.srv");
                problems
                    .take(field, check_service(service))
                    .map(Self::Service)
            }
            (Some(listed), None, None) => {
                let lines = listed.iter().map(String::as_str);
                problems.take(field, parse(lines)).map(Self::Fixed)
            }
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                let several =
                    Err("write one of `endpoints`, `endpoints_file` and `srv`, or none of them");
                problems.take(field, several)
            }
        }
    }
}

/// A name as `_http._tcp.accounts.bank.example` (RFC 2782).
fn check_service(name: String) -> Result<String, String> {
    let labels: Vec<&str> = name.split('.').collect();
    let holds = match labels.as_slice() {
        [service, protocol, host @ ..] => {
            let host = host.join(".");
            let underscored = |label: &str| label.len() > 1 && label.starts_with('_');
            underscored(service)
                && underscored(protocol)
                && tidegate_shared::host::normalise(&host).is_some_and(|own| *own == host)
        }
        _ => false,
    };
    if holds {
        return Ok(name);
    }
    Err(format!(
        "`{name}` is no name of a service: write one as `_http._tcp.accounts.bank.example`"
    ))
}

/// Addresses that do not make a list of endpoints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidEndpoints {
    #[error(
        "`{0}` is no endpoint: write `ADDRESS:PORT`, as `192.0.2.1:8080` or `[2001:db8::1]:80`"
    )]
    Malformed(String),
    #[error("there is no endpoint")]
    Empty,
    #[error("there are more than {MOST} endpoints")]
    TooMany,
}

/// Reads addresses; the order means nothing, and one that is there twice is there once.
pub(super) fn parse<'t>(
    entries: impl Iterator<Item = &'t str>,
) -> Result<BTreeSet<SocketAddr>, InvalidEndpoints> {
    let address = |text: &str| {
        let malformed = || InvalidEndpoints::Malformed(text.to_owned());
        text.parse().map_err(|_| malformed())
    };
    let addresses: BTreeSet<SocketAddr> = entries.map(address).collect::<Result<_, _>>()?;
    match addresses.len() {
        0 => Err(InvalidEndpoints::Empty),
        1..=MOST => Ok(addresses),
        _ => Err(InvalidEndpoints::TooMany),
    }
}
