//! Names become addresses: A and AAAA records (RFC 1035, RFC 3596), and SRV records (RFC 2782).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{RData, RecordType};
use http::uri::Authority;

use super::rank::Rank;
use crate::config;

/// More addresses than this are taken for a mistake.
const MOST: usize = 1000;

/// Asks for addresses.
#[derive(Debug)]
pub(crate) struct Dns {
    resolver: Result<TokioResolver, NetError>,
    config: config::Dns,
}

/// What was found, and for how long it is good.
#[derive(Debug)]
pub(super) struct Found {
    /// Never empty.
    pub(super) endpoints: BTreeMap<SocketAddr, Rank>,
    pub(super) lifetime: Duration,
}

/// There is no answer, or none with an address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DnsError {
    #[error("there is no resolver: {0}")]
    Resolver(String),
    #[error("cannot resolve `{name}`: {source}")]
    Unanswered { name: String, source: NetError },
    #[error("`{0}` has no address")]
    NoAddress(String),
    #[error("`{0}` has more than {MOST} addresses")]
    TooMany(String),
}

impl Dns {
    /// Asks nobody yet. Where the system does not say whom to ask, that is an error of each
    /// question: a connector that knows its endpoints by address has none.
    pub(crate) fn new(config: config::Dns) -> Self {
        let builder = match &config.servers {
            None => TokioResolver::builder_tokio(),
            Some(servers) => Ok(TokioResolver::builder_with_config(
                ResolverConfig::from_name_servers(servers.iter().map(name_server).collect()),
                TokioRuntimeProvider::default(),
            )),
        };
        let resolver = builder.and_then(|mut builder| {
            let options = builder.options_mut();
            options.timeout = config.timeout;
            options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
            // That there is nothing is believed no longer than that there is something.
            options.negative_max_ttl = Some(config.min_ttl);
            builder.build()
        });
        Self { resolver, config }
    }

    /// How long to wait before a question without an answer is asked again.
    pub(super) fn pause(&self) -> Duration {
        self.config.min_ttl
    }

    /// How long the last answer may be used after its time.
    pub(super) fn stale(&self) -> Duration {
        self.config.stale
    }

    /// The addresses of a host.
    pub(super) async fn host(&self, name: &str, port: u16) -> Result<Found, DnsError> {
        let found = self.addresses(name, port).await?;
        let (addresses, until) = found;
        let endpoints = addresses.into_iter().map(|one| (one, Rank::default()));
        self.found(name, endpoints.collect(), until)
    }

    /// The addresses of a host and port for one connection, in an order that stays the same.
    pub(crate) async fn once(&self, authority: &Authority) -> Result<Vec<SocketAddr>, DnsError> {
        if let Ok(address) = authority.as_str().parse() {
            return Ok(vec![address]);
        }
        let port = authority.port_u16().unwrap_or_default();
        let Found { endpoints, .. } = self.host(authority.host(), port).await?;
        Ok(endpoints.into_keys().collect())
    }

    /// The addresses of a service. Its targets that have none are left out, as long as one has.
    pub(super) async fn service(&self, name: &str) -> Result<Found, DnsError> {
        let lookup = self.resolver()?.lookup(name, RecordType::SRV).await;
        let lookup = lookup.map_err(|source| unanswered(name, source))?;
        let mut until = lookup.valid_until();
        let targets = lookup.answers().iter().filter_map(|record| {
            let RData::SRV(target) = &record.data else {
                return None;
            };
            // RFC 2782: the root says that the service is decidedly not there.
            Some(target).filter(|target| !target.target.is_root())
        });
        let mut endpoints = BTreeMap::new();
        let mut failure = None;
        for SRV {
            priority,
            weight,
            port,
            target,
            ..
        } in targets
        {
            match self.addresses(&target.to_ascii(), *port).await {
                Ok((addresses, target_until)) => {
                    until = until.min(target_until);
                    let rank = Rank::of_service(*priority, *weight, addresses.len());
                    endpoints.extend(addresses.into_iter().map(|one| (one, rank)));
                }
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(failure) if endpoints.is_empty() => Err(failure),
            _ => self.found(name, endpoints, until),
        }
    }

    async fn addresses(
        &self,
        name: &str,
        port: u16,
    ) -> Result<(Vec<SocketAddr>, Instant), DnsError> {
        let lookup = self.resolver()?.lookup_ip(name).await;
        let lookup = lookup.map_err(|source| unanswered(name, source))?;
        let addresses = lookup.iter().map(|ip| SocketAddr::new(ip, port)).collect();
        Ok((addresses, lookup.valid_until()))
    }

    fn resolver(&self) -> Result<&TokioResolver, DnsError> {
        let missing = |error: &NetError| DnsError::Resolver(error.to_string());
        self.resolver.as_ref().map_err(missing)
    }

    fn found(
        &self,
        name: &str,
        endpoints: BTreeMap<SocketAddr, Rank>,
        until: Instant,
    ) -> Result<Found, DnsError> {
        match endpoints.len() {
            0 => return Err(DnsError::NoAddress(name.to_owned())),
            1..=MOST => {}
            _ => return Err(DnsError::TooMany(name.to_owned())),
        }
        let left = until.saturating_duration_since(Instant::now());
        Ok(Found {
            endpoints,
            lifetime: left.clamp(self.config.min_ttl, self.config.max_ttl),
        })
    }
}

fn unanswered(name: &str, source: NetError) -> DnsError {
    DnsError::Unanswered {
        name: name.to_owned(),
        source,
    }
}

/// Over TCP where an answer is too long for UDP (RFC 7766 §5).
fn name_server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}
