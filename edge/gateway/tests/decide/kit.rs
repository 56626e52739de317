//! A policy in a few lines, a request in one, and a clock that stands still.

#[path = "kit/request.rs"]
mod request;
#[path = "kit/world.rs"]
mod world;

use serde_bytes::ByteBuf;
use tidegate_edge::{Gateway, LoadError, Reply};
use tidegate_shared::bundle::{
    Auth, Bundle, FORMAT_VERSION, Header, HostRoutes, HostSection, Origin, PathEntry, Retry,
    RetryOn, Route, Tables, Target, Upstream,
};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope::{self, Signed};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;
use tidegate_shared::units::{Percent, Span};

pub(crate) use request::{Request, request};
pub(crate) use world::{Fault, SECRET, WEAK_SECRET, World, pair, ready};

pub(crate) const HOST: &str = "api.bank.example";
pub(crate) const NOW: UnixMillis = UnixMillis(1_750_000_000_000);

/// A public route to upstream 0.
pub(crate) fn route(name: &str) -> Route {
    Route::new(name, Auth::Public, Target::Upstream(0))
}

pub(crate) fn reply(status: u16, body: &str) -> Target {
    Target::Reply(tidegate_shared::bundle::Reply {
        status,
        headers: vec![],
        body: ByteBuf::from(body),
    })
}

pub(crate) fn upstream() -> Upstream {
    let origin = |name: &str| Origin {
        name: name.to_owned(),
        url: format!("https://{name}.bank.example"),
        tunnel: None,
    };
    Upstream {
        timeout: Span(3_000),
        retry: Retry {
            attempts: 2,
            on: vec![RetryOn::Connect, RetryOn::Status(503)],
            budget: Percent(20),
        },
        ..Upstream::new("banking", ["dc1", "dc2"].map(origin))
    }
}

pub(crate) fn tables() -> Tables {
    Tables {
        upstreams: vec![upstream()],
        ..Tables::default()
    }
}

/// Arranges routes as a compiler does, by comparing every pattern with every other.
pub(crate) fn arrange(routes: Vec<(&str, Route)>) -> HostRoutes {
    let mut paths: Vec<PathEntry> = Vec::new();
    for ((pattern, _), index) in routes.iter().zip(0..) {
        let pattern = pattern.parse().unwrap();
        match paths.iter_mut().find(|entry| entry.pattern == pattern) {
            Some(entry) => entry.routes.push(index),
            None => paths.push(PathEntry {
                pattern,
                routes: vec![index],
                otherwise: vec![],
            }),
        }
    }
    let patterns: Vec<_> = paths.iter().map(|entry| entry.pattern.clone()).collect();
    for (entry, own) in paths.iter_mut().zip(&patterns) {
        let mut others: Vec<u32> = (0..).take(patterns.len()).collect();
        others.retain(|other| {
            let other = &patterns[*other as usize];
            other.overlaps(own) && other.cmp_specificity(own).is_lt()
        });
        others.sort_by(|a, b| patterns[*b as usize].cmp_specificity(&patterns[*a as usize]));
        entry.otherwise = others;
    }
    HostRoutes {
        paths,
        routes: routes.into_iter().map(|(_, route)| route).collect(),
    }
}

pub(crate) fn gateway(tables: Tables, routes: Vec<(&str, Route)>) -> Gateway {
    gateway_of(tables, vec![(HOST, arrange(routes))])
}

pub(crate) fn gateway_of(tables: Tables, hosts: Vec<(&str, HostRoutes)>) -> Gateway {
    load(tables, hosts).unwrap()
}

pub(crate) fn load(tables: Tables, hosts: Vec<(&str, HostRoutes)>) -> Result<Gateway, LoadError> {
    let mut hosts: Vec<_> = hosts
        .into_iter()
        .map(|(host, routes)| HostSection::encode(host.parse().unwrap(), &routes).unwrap())
        .collect();
    hosts.sort_by(|a, b| a.host().cmp(b.host()));
    let header = Header {
        format: FORMAT_VERSION,
        name: "bank".to_owned(),
        sequence: 1,
        source: Digest::of(b""),
    };
    let key = SigningKey::from_seed([3; 32]);
    let signed = envelope::sign::<Bundle>(
        Bundle {
            header,
            tables,
            hosts,
        }
        .encode()
        .unwrap(),
        &key,
    );
    let verified = Signed::parse(&signed)
        .unwrap()
        .verify(&key.trust_key().into())
        .unwrap();
    Gateway::load(verified)
}

pub(crate) fn problem(reply: &Reply) -> Option<String> {
    let document: serde_json::Value = serde_json::from_slice(&reply.body).ok()?;
    Some(
        document
            .get("type")?
            .as_str()?
            .strip_prefix("urn:tidegate:problem:")?
            .to_owned(),
    )
}

/// A reply's field, several joined.
pub(crate) fn field(reply: &Reply, name: &str) -> Option<String> {
    let values: Vec<&str> = reply
        .headers
        .iter()
        .filter(|(own, _)| own == name)
        .map(|(_, value)| value.to_str().unwrap())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}
