//! `[[dial]]`: gateways that the connector connects to, where nothing can connect to it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use http::uri::Authority;
use serde::Deserialize;

use super::Problems;
use super::backend::{check_host, check_name};
use super::limits::{span, within};
use crate::identity::PeerName;

/// Sections in a file.
const MOST: usize = 64;

/// `[[dial]]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialFile {
    /// The name in logs and metrics.
    pub name: String,
    /// Where the gateway takes tunnels: `HOST:PORT`, or `wss://HOST` where it is a Worker. Where the
    /// host has several addresses, the tunnels are spread over them.
    pub gateway: String,
    /// Whom the gateway must prove to be: `spiffe://TRUST-DOMAIN/PATH` or `dns:HOST`; the host of
    /// `gateway` by default.
    pub identity: Option<String>,
    /// The authorities of the certificate behind `wss://`, in PEM; the public ones by default.
    pub authority: Option<PathBuf>,
    /// How many tunnels are kept open; 2 by default.
    pub tunnels: Option<u64>,
    /// How often a silent gateway is asked whether it is still there; one that does not answer for
    /// as long again is given up. `10s` by default.
    pub keep_alive: Option<String>,
    /// The longest pause between two attempts; `10s` by default.
    pub backoff: Option<String>,
}

/// A checked section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dial {
    pub(crate) name: String,
    /// Invariant: has a host and a port.
    pub(crate) gateway: Authority,
    pub(crate) identity: PeerName,
    pub(crate) way: Way,
    pub(crate) tunnels: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) backoff: Duration,
}

/// What a tunnel is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A connection of its own, with mutual TLS under the gateway's authority.
    Connection,
    /// A WebSocket, where others end the gateway's TLS.
    WebSocket {
        /// The path of its handshake.
        path: String,
        /// Who vouches for the host; the public authorities where there is none.
        authority: Option<PathBuf>,
    },
}

/// Where Workers take WebSockets, if nothing else is said.
const WELL_KNOWN: &str = "/.well-known/tidegate-tunnel";

impl DialFile {
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.authority.iter_mut()
    }

    fn check(self, index: usize, problems: &mut Problems) -> Option<Dial> {
        let field = |name: &str| format!("dial[{index}].{name}");
        let Self {
            name,
            gateway,
            identity,
            authority,
            tunnels,
            keep_alive,
            backoff,
        } = self;
        let name = problems.take(field("name"), check_name(name));
        let gateway = problems.take(field("gateway"), check_gateway(&gateway));
        let (gateway, path) = gateway.unzip();
        let path = path.flatten();
        let identity = match (identity, &gateway) {
            (Some(identity), _) => {
                let identity = check_identity(&identity, path.is_some());
                problems.take(field("identity"), identity)
            }
            (None, Some(gateway)) => {
                let host = check_host(gateway.host()).map(PeerName::Dns);
                problems.take(field("identity"), host)
            }
            (None, None) => None,
        };
        let way = match (path, authority) {
            (Some(path), authority) => Some(Way::WebSocket { path, authority }),
            (None, Some(_)) if gateway.is_some() => {
                let other = "is for `wss://` alone: others are of `tls.client_authority`";
                problems.take(field("authority"), Err(other))
            }
            (None, _) => Some(Way::Connection),
        };
        let tunnels = problems.take(field("tunnels"), within(tunnels.unwrap_or(2), 1..=16));
        let second = Duration::from_secs(1);
        let keep_alive = span(keep_alive.as_deref(), "10s", second / 10..=second * 300);
        let keep_alive = problems.take(field("keep_alive"), keep_alive);
        let backoff = span(backoff.as_deref(), "10s", second / 4..=second * 3600);
        let backoff = problems.take(field("backoff"), backoff);
        Some(Dial {
            name: name?,
            gateway: gateway?,
            identity: identity?,
            way: way?,
            tunnels: usize::try_from(tunnels?).ok()?,
            keep_alive: keep_alive?,
            backoff: backoff?,
        })
    }
}

/// All sections, and whether anything comes in at all.
pub(super) fn check(
    listens: bool,
    sections: Vec<DialFile>,
    problems: &mut Problems,
) -> Option<Vec<Dial>> {
    if !listens && sections.is_empty() {
        let nothing: Result<(), _> =
            Err("nothing could come in: write where to `listen`, or a `[[dial]]`");
        problems.take("listen", nothing);
    }
    if sections.len() > MOST {
        let many: Result<(), _> = Err(format!("more than {MOST} sections"));
        problems.take("dial", many);
    }
    let sections = sections.into_iter().take(MOST).enumerate();
    let dials: Vec<Option<Dial>> = sections
        .map(|(index, section)| section.check(index, problems))
        .collect();
    let dials: Vec<Dial> = dials.into_iter().collect::<Option<_>>()?;
    let mut seen = BTreeSet::new();
    let twice = dials.iter().find(|dial| !seen.insert(&dial.name));
    let names = match twice {
        Some(Dial { name, .. }) => Err(format!("`{name}` is the name of another, too")),
        None => Ok(()),
    };
    problems.take("dial", names);
    Some(dials)
}

/// The address, and the path of a WebSocket where it is one.
fn check_gateway(text: &str) -> Result<(Authority, Option<String>), String> {
    let wrong = || {
        format!("`{text}` is no gateway's address: write `HOST:PORT`, or `wss://HOST` for a Worker")
    };
    let plain = |address: &Authority| {
        let known = !address.as_str().contains('@') && !address.host().is_empty();
        known && address.port_u16().is_none_or(|port| port > 0)
    };
    if !text.starts_with("wss://") {
        let address: Option<Authority> = text.parse().ok();
        let address = address.filter(|one| plain(one) && one.port_u16().is_some());
        return Ok((address.ok_or_else(wrong)?, None));
    }
    let url: Uri = text.parse().map_err(|_| wrong())?;
    let address = url.authority().filter(|one| plain(one)).ok_or_else(wrong)?;
    let address = match address.port_u16() {
        Some(_) => Ok(address.clone()),
        None => format!("{address}:443").parse().map_err(|_| wrong()),
    };
    let path = match url.path_and_query().map(|path| path.as_str()) {
        None | Some("/") => WELL_KNOWN,
        Some(path) => path,
    };
    Ok((address?, Some(path.to_owned())))
}

fn check_identity(text: &str, web: bool) -> Result<PeerName, String> {
    let identity: PeerName = text.parse().map_err(|error| format!("{error}"))?;
    match identity {
        PeerName::Spiffe(id) if web => Err(format!(
            "`{id}` cannot be proved behind `wss://`: write `dns:HOST`"
        )),
        PeerName::Spiffe(_) | PeerName::Dns(_) => Ok(identity),
    }
}
