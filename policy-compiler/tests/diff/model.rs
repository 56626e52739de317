//! Small policies, and changes to them.

use std::fmt::Write;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    /// What definitions are called; tells callers nothing, but for limits.
    pub(crate) suffix: &'static str,
    pub(crate) issuers: [Issuer; 2],
    pub(crate) consumers: Vec<usize>,
    pub(crate) upstreams: [Upstream; 2],
    pub(crate) limits: [Limit; 2],
    pub(crate) routes: Vec<Route>,
}

#[derive(Clone, Debug)]
pub(crate) struct Issuer {
    pub(crate) issuer: &'static str,
    pub(crate) audiences: Vec<&'static str>,
    pub(crate) secret: &'static str,
}

#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    origins: Vec<&'static str>,
    tunnel: bool,
    identity: Option<&'static str>,
    timeout: &'static str,
    attempts: u8,
    connector: Option<Connector>,
}

/// What an upstream's connectors enforce.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    allow: Vec<&'static str>,
    signature: &'static str,
    limits: Vec<(&'static str, &'static str, bool)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Limit {
    rate: &'static str,
    burst: u8,
    key: &'static str,
}

#[derive(Clone, Debug)]
pub(crate) struct Route {
    hosts: Vec<&'static str>,
    serves: &'static str,
    path: &'static str,
    conditions: Vec<&'static str>,
    when: &'static str,
    auth: &'static str,
    limits: Vec<usize>,
    cors: &'static str,
    answer: &'static str,
    headers: Vec<&'static str>,
}

pub(crate) const HOSTS: [&str; 2] = ["api.example", "*.example"];
pub(crate) const SCOPES: [&str; 2] = ["read", "write"];
pub(crate) const AUDIENCES: [&str; 2] = ["mobile", "web"];
pub(crate) const ISSUERS: [&str; 2] = ["https://a.example", "https://b.example"];
pub(crate) const SECRETS: [&str; 2] = ["one", "other"];
pub(crate) const PEERS: [&str; 3] = [
    "spiffe://edge.example/gateway",
    "spiffe://edge.example/batch",
    "dns:gateway.example",
];
pub(crate) const PAGES: [&str; 2] = ["https://one.example", "https://two.example"];

pub(crate) fn model() -> impl Strategy<Value = Model> {
    (
        [issuer(), issuer()],
        consumers(),
        [upstream(), upstream()],
        [limit(), limit()],
        prop::collection::vec(route(), 1..7),
    )
        .prop_map(|(issuers, consumers, upstreams, limits, routes)| Model {
            name: "small",
            suffix: "",
            issuers,
            consumers,
            upstreams,
            limits,
            routes,
        })
}

fn issuer() -> impl Strategy<Value = Issuer> {
    (
        select(&ISSUERS),
        subsequence(AUDIENCES.to_vec(), 1..=2),
        select(&SECRETS),
    )
        .prop_map(|(issuer, audiences, secret)| Issuer {
            issuer,
            audiences,
            secret,
        })
}

fn consumers() -> impl Strategy<Value = Vec<usize>> {
    subsequence(vec![0, 1], 1..=2)
}

fn upstream() -> impl Strategy<Value = Upstream> {
    (
        subsequence(vec!["https://dc1.example", "https://dc2.example"], 1..=2).prop_shuffle(),
        any::<bool>(),
        prop::option::of(Just("edge")),
        select(&["1s", "2s"]),
        1_u8..=2,
        prop::option::of(connector()),
    )
        .prop_map(
            |(origins, tunnel, identity, timeout, attempts, connector)| Upstream {
                origins,
                tunnel,
                identity,
                timeout,
                attempts,
                connector,
            },
        )
}

/// Two callers at least, so that it shows whether a limit counts them apart.
fn connector() -> impl Strategy<Value = Connector> {
    let limits = subsequence(vec!["l", "m"], 0..=2).prop_flat_map(|names| {
        let limit = |name| (Just(name), connector_limit(), any::<bool>());
        names.into_iter().map(limit).collect::<Vec<_>>()
    });
    let signature = select(&["required", "optional", "off"]);
    (subsequence(PEERS.to_vec(), 2..=3), signature, limits).prop_map(
        |(allow, signature, limits)| Connector {
            allow,
            signature,
            limits,
        },
    )
}

fn connector_limit() -> impl Strategy<Value = &'static str> {
    select(&[
        "rate: 60/m, burst: 1",
        "rate: 1/s",
        "rate: 1/s, burst: 2",
        "rate: 2/s",
        "concurrency: 1",
        "concurrency: 2",
        "concurrency: 3",
    ])
}

fn limit() -> impl Strategy<Value = Limit> {
    (
        select(&["60/m", "1/s", "2/s"]),
        1_u8..=2,
        select(&["global", "client.address"]),
    )
        .prop_map(|(rate, burst, key)| Limit { rate, burst, key })
}

fn route() -> impl Strategy<Value = Route> {
    let served = (
        subsequence(HOSTS.to_vec(), 1..=2),
        select(&[
            "get: ",
            "post: ",
            "head: ",
            "any: ",
            "methods: [get, post], path: ",
        ]),
        select(&["/a", "/a/b", "/a/{id}", "/a/{x}", "/a/*", "/*", "/{p}/b"]),
        subsequence(
            vec![
                r#"headers: { x-a: "1" }"#,
                r#"headers: { x-a: "2" }"#,
                r#"headers: { x-a: { present: true } }"#,
                r#"query: { v: "1" }"#,
                r#"query: { v: { regex: "[12]" } }"#,
            ],
            0..=1,
        ),
    );
    let rules = (
        select(&[
            r#"client.address == "192.0.2.1""#,
            r#"client.address == "192.0.2.2""#,
            "true",
            "true",
        ]),
        select(&[
            "public",
            "{ jwt: i0 }",
            "{ jwt: i0, scopes: [read] }",
            "{ jwt: [i0, i1], scopes: [write] }",
            "{ jwt: i1, scopes: [read, write] }",
            "{ api_key: ring }",
            "{ any: [{ jwt: i0 }, { api_key: ring }] }",
            "{ any: [{ jwt: i1, scopes: [read] }, anonymous] }",
            "{ all: [{ jwt: i0 }, { api_key: ring }] }",
        ]),
        subsequence(vec![0, 1], 0..=1),
        select(&[
            "none",
            "{ origins: [\"https://one.example\"] }",
            "{ origins: [\"https://one.example\", \"https://two.example\"], methods: [get], headers: [x-a], credentials: true }",
            "{ origins: \"*\", expose: [x-a], max_age: 1m }",
        ]),
        select(&[
            "reply: { text: one }",
            "reply: { status: 201, headers: { x-b: b } }",
            "to: u0",
            "to: u1",
            "to: u0, timeout: 500ms",
            "to: u0, rewrite: { path: /same }",
            "to: u0, rewrite: { path: /other }",
        ]),
        subsequence(
            vec![
                "request: { set: { x-c: c }, remove: [cookie] }",
                "response: { set: { x-d: d }, add: { x-e: e }, remove: [x-b] }",
            ],
            0..=2,
        ),
    );
    (served, rules).prop_map(
        |((hosts, serves, path, conditions), (when, auth, limits, cors, answer, headers))| Route {
            hosts,
            serves,
            path,
            conditions,
            when,
            auth,
            limits,
            cors,
            answer,
            headers,
        },
    )
}

/// A change to a policy. Positions wrap around.
#[derive(Clone, Debug)]
pub(crate) enum Mutation {
    Name,
    Rename,
    Issuer(usize, Issuer),
    Consumers(Vec<usize>),
    Upstream(usize, Upstream),
    Connector(usize, Option<Connector>),
    Limit(usize, Limit),
    Insert(usize, Route),
    Remove(usize),
    Swap(usize, usize),
    Auth(usize, Route),
    Rules(usize, Route),
}

pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    let place = 0_usize..8;
    prop_oneof![
        1 => Just(Mutation::Name),
        1 => Just(Mutation::Rename),
        2 => (0_usize..2, issuer()).prop_map(|(at, new)| Mutation::Issuer(at, new)),
        2 => consumers().prop_map(Mutation::Consumers),
        2 => (0_usize..2, upstream()).prop_map(|(at, new)| Mutation::Upstream(at, new)),
        2 => (0_usize..2, prop::option::of(connector())).prop_map(|(at, new)| Mutation::Connector(at, new)),
        2 => (0_usize..2, limit()).prop_map(|(at, new)| Mutation::Limit(at, new)),
        4 => (place.clone(), route()).prop_map(|(at, new)| Mutation::Insert(at, new)),
        4 => place.clone().prop_map(Mutation::Remove),
        3 => (place.clone(), place.clone()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        3 => (place.clone(), route()).prop_map(|(at, new)| Mutation::Auth(at, new)),
        3 => (place, route()).prop_map(|(at, new)| Mutation::Rules(at, new)),
    ]
}

impl Model {
    pub(crate) fn mutated(&self, mutations: &[Mutation]) -> Self {
        let mut model = self.clone();
        for mutation in mutations.iter().cloned() {
            model.mutate(mutation);
        }
        model
    }

    fn mutate(&mut self, mutation: Mutation) {
        let count = self.routes.len();
        match mutation {
            Mutation::Name => self.name = "renamed",
            Mutation::Rename => self.suffix = "-new",
            Mutation::Issuer(at, new) => self.issuers[at] = new,
            Mutation::Consumers(new) => self.consumers = new,
            Mutation::Upstream(at, new) => self.upstreams[at] = new,
            Mutation::Connector(at, new) => self.upstreams[at].connector = new,
            Mutation::Limit(at, new) => self.limits[at] = new,
            Mutation::Insert(at, new) => self.routes.insert(at % (count + 1), new),
            Mutation::Remove(_) if count == 1 => {}
            Mutation::Remove(at) => drop(self.routes.remove(at % count)),
            Mutation::Swap(a, b) => self.routes.swap(a % count, b % count),
            Mutation::Auth(at, new) => self.routes[at % count].auth = new.auth,
            Mutation::Rules(at, new) => {
                let old = self.routes[at % count].clone();
                self.routes[at % count] = Route {
                    hosts: old.hosts,
                    serves: old.serves,
                    path: old.path,
                    conditions: old.conditions,
                    auth: old.auth,
                    ..new
                };
            }
        }
    }

    /// The policy as people write it: an API a route.
    pub(crate) fn text(&self) -> String {
        let suffix = self.suffix;
        let mut text = format!("tidegate: v1\nname: {}\nissuers:\n", self.name);
        for (index, issuer) in self.issuers.iter().enumerate() {
            let Issuer {
                issuer,
                audiences,
                secret,
            } = issuer;
            let audiences = audiences.join(", ");
            writeln!(text, "  i{index}{suffix}: {{ issuer: \"{issuer}\", audiences: [{audiences}], algorithms: [HS256], secret: {secret} }}").unwrap();
        }
        writeln!(text, "api_keys:\n  ring{suffix}:\n    consumers:").unwrap();
        for consumer in &self.consumers {
            let digest = tidegate_shared::digest::Digest::of(api_key(*consumer).as_bytes());
            writeln!(
                text,
                "      c{consumer}{suffix}: {{ sha256: \"{digest}\" }}"
            )
            .unwrap();
        }
        text.push_str("upstreams:\n");
        for (index, upstream) in self.upstreams.iter().enumerate() {
            let Upstream {
                origins,
                tunnel,
                identity,
                timeout,
                attempts,
                connector,
            } = upstream;
            let tunnel = if *tunnel {
                ", tunnel: \"spiffe://bank.example/connector\""
            } else {
                ""
            };
            let origins: Vec<String> = origins
                .iter()
                .enumerate()
                .map(|(index, url)| format!("o{index}{suffix}: {{ url: \"{url}\"{tunnel} }}"))
                .collect();
            let tls = identity.map_or(String::new(), |identity| {
                format!("tls: {{ identity: {identity} }}, ")
            });
            writeln!(text, "  u{index}{suffix}: {{ origins: {{ {} }}, {tls}timeout: {timeout}, retry: {{ attempts: {attempts} }}, sign: {{ key: k, algorithm: hmac-sha256 }}{} }}", origins.join(", "), connector.as_ref().map_or(String::new(), Connector::text)).unwrap();
        }
        text.push_str("limits:\n");
        for (index, Limit { rate, burst, key }) in self.limits.iter().enumerate() {
            writeln!(
                text,
                "  l{index}: {{ rate: {rate}, burst: {burst}, key: {key} }}"
            )
            .unwrap();
        }
        text.push_str("apis:\n");
        for (index, route) in self.routes.iter().enumerate() {
            let Route {
                hosts,
                serves,
                path,
                conditions,
                when,
                auth,
                limits,
                cors,
                answer,
                headers,
            } = route;
            let hosts: Vec<String> = hosts.iter().map(|host| format!("\"{host}\"")).collect();
            let limits: Vec<String> = limits.iter().map(|limit| format!("l{limit}")).collect();
            let renamed = |text: &str| {
                ["i0", "i1", "ring", "u0", "u1"]
                    .into_iter()
                    .fold(text.to_owned(), |text, name| {
                        text.replace(name, &format!("{name}{suffix}"))
                    })
            };
            writeln!(
                text,
                "  a{index}:\n    hosts: [{}]\n    routes:\n      - {{ {serves}\"{path}\", match: {{ {} }}, when: '{when}', auth: {}, limit: [{}], cors: {cors}, {}, headers: {{ {} }} }}",
                hosts.join(", "),
                conditions.join(", "),
                renamed(auth),
                limits.join(", "),
                if answer.starts_with("to:") { renamed(answer) } else { (*answer).to_owned() },
                headers.join(", "),
            )
            .unwrap();
        }
        text
    }
}

impl Connector {
    fn text(&self) -> String {
        let Self {
            allow,
            signature,
            limits,
        } = self;
        let allow: Vec<String> = allow.iter().map(|name| format!("\"{name}\"")).collect();
        let limit = |(name, allows, apart): &(&str, &str, bool)| {
            let per = if *apart { ", per: caller" } else { "" };
            format!("{name}: {{ {allows}{per} }}")
        };
        let limits: Vec<String> = limits.iter().map(limit).collect();
        format!(
            ", connector: {{ allow: [{}], signature: {signature}, limits: {{ {} }} }}",
            allow.join(", "),
            limits.join(", ")
        )
    }
}

/// The key of a consumer.
pub(crate) fn api_key(consumer: usize) -> String {
    format!("key-of-{consumer}")
}
