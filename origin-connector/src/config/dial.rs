//! `[[dial]]`: gateways that the connector connects to, where nothing can connect to it.

use std::collections::BTreeSet;
use std::time::Duration;

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
    /// Where the gateway takes tunnels, as `HOST:PORT`. Where the host has several addresses, the
    /// tunnels are spread over them.
    pub gateway: String,
    /// Whom the gateway must prove to be: `spiffe://TRUST-DOMAIN/PATH` or `dns:HOST`; the host of
    /// `gateway` by default.
    pub identity: Option<String>,
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
    pub(crate) tunnels: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) backoff: Duration,
}

impl DialFile {
    fn check(self, index: usize, problems: &mut Problems) -> Option<Dial> {
        let field = |name: &str| format!("dial[{index}].{name}");
        let Self {
            name,
            gateway,
            identity,
            tunnels,
            keep_alive,
            backoff,
        } = self;
        let name = problems.take(field("name"), check_name(name));
        let gateway = problems.take(field("gateway"), check_gateway(&gateway));
        let identity = match (identity, &gateway) {
            (Some(identity), _) => problems.take(field("identity"), identity.parse()),
            (None, Some(gateway)) => {
                let host = check_host(gateway.host()).map(PeerName::Dns);
                problems.take(field("identity"), host)
            }
            (None, None) => None,
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

fn check_gateway(text: &str) -> Result<Authority, String> {
    let address: Option<Authority> = text.parse().ok();
    address
        .filter(|address| {
            let plain = !address.as_str().contains('@') && !address.host().is_empty();
            plain && address.port_u16().is_some_and(|port| port > 0)
        })
        .ok_or_else(|| format!("`{text}` is no gateway's address: write `HOST:PORT`"))
}
