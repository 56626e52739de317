//! `[dns]`: who is asked for the addresses of names, and how long the answers are used.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use super::Problems;
use super::limits::span;

/// `[dns]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsFile {
    /// Servers as `192.0.2.53:53`. Default: those of `/etc/resolv.conf`, with its search list.
    pub servers: Option<Vec<String>>,
    /// How long a question may take; `2s` by default.
    pub timeout: Option<String>,
    /// Answers are used for the time that they come with (their TTL), but no shorter than this;
    /// `1s` by default. While there is no answer, it is asked for as often.
    pub min_ttl: Option<String>,
    /// And no longer than this; `5m` by default.
    pub max_ttl: Option<String>,
    /// For how long after its time the last answer stays in use where there is no other; `1h` by
    /// default.
    pub stale: Option<String>,
}

/// Checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dns {
    /// `None`: as the system is configured.
    pub(crate) servers: Option<Vec<SocketAddr>>,
    pub(crate) timeout: Duration,
    pub(crate) min_ttl: Duration,
    pub(crate) max_ttl: Duration,
    pub(crate) stale: Duration,
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

impl DnsFile {
    pub(super) fn check(self, problems: &mut Problems) -> Option<Dns> {
        let Self {
            servers,
            timeout,
            min_ttl,
            max_ttl,
            stale,
        } = self;
        let servers = servers.map(|servers| problems.take("dns.servers", check_servers(&servers)));
        let timeout = span(timeout.as_deref(), "2s", SECOND / 10..=SECOND * 60);
        let timeout = problems.take("dns.timeout", timeout);
        let min_ttl = span(min_ttl.as_deref(), "1s", SECOND / 10..=DAY);
        let min_ttl = problems.take("dns.min_ttl", min_ttl)?;
        let max_ttl = span(max_ttl.as_deref(), "5m", min_ttl..=DAY);
        let max_ttl = problems.take("dns.max_ttl", max_ttl);
        let stale = span(stale.as_deref(), "1h", Duration::ZERO..=DAY * 7);
        let stale = problems.take("dns.stale", stale);
        Some(Dns {
            servers: match servers {
                Some(servers) => Some(servers?),
                None => None,
            },
            timeout: timeout?,
            min_ttl,
            max_ttl: max_ttl?,
            stale: stale?,
        })
    }
}

fn check_servers(servers: &[String]) -> Result<Vec<SocketAddr>, String> {
    let refused = |server| format!("`{server}` is no server: write one as `192.0.2.53:53`");
    let servers = servers
        .iter()
        .map(|server| server.parse().map_err(|_| refused(server)));
    let servers: Vec<SocketAddr> = servers.collect::<Result<_, _>>()?;
    if servers.is_empty() {
        return Err("nobody is asked: name a server, or leave `servers` out".to_owned());
    }
    Ok(servers)
}
