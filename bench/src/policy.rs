//! Policies of any size, as signed bundles.

use anyhow::Result;
use http::Method;
use serde_bytes::ByteBuf;
use tidegate_edge::Gateway;
use tidegate_shared::bundle::{
    Accuracy, Algorithm, Auth, Bundle, FORMAT_VERSION, Header, HostRoutes, HostSection, Issuer,
    IssuerKeys, KeyPart, Limit, Origin, PathEntry, Reply, Retry, RetryOn, Route, Tables, Target,
    Unreachable, Upstream,
};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope::{self, Signed, Verified};
use tidegate_shared::method::MethodSet;
use tidegate_shared::trust::{SigningKey, TrustKeys};
use tidegate_shared::units::{Percent, Rate, Span};

use crate::token;

/// The shapes of path patterns.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Paths {
    /// Each resource has a collection, an item, and the same again below the item.
    Mixed,
    /// Every pattern is the deepest of those.
    Deep,
}

impl Paths {
    pub(crate) const ALL: [Self; 2] = [Self::Mixed, Self::Deep];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Deep => "deep",
        }
    }

    /// The pattern of the route of that number.
    pub(crate) fn pattern(self, number: usize) -> String {
        match (self, number % 4) {
            (Self::Deep, _) => format!("/v1/res{number}/{{id}}/sub/{{x}}"),
            (Self::Mixed, 0) => format!("/v1/res{}", number / 4),
            (Self::Mixed, 1) => format!("/v1/res{}/{{id}}", number / 4),
            (Self::Mixed, 2) => format!("/v1/res{}/{{id}}/sub", number / 4),
            (Self::Mixed, _) => format!("/v1/res{}/{{id}}/sub/{{x}}", number / 4),
        }
    }

    /// A path that the route of that number serves.
    pub(crate) fn path(self, number: usize) -> String {
        let id = format!("{:06}", number * 7919 % 1_000_000);
        self.pattern(number)
            .replace("{id}", &id)
            .replace("{x}", "42")
    }
}

/// The key of whoever publishes.
pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed([1; 32])
}

/// A public route with a fixed reply.
pub(crate) fn route(name: String) -> Route {
    let reply = Reply {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: ByteBuf::from(r#"{"ok":true}"#),
    };
    Route {
        methods: MethodSet::of(&Method::GET),
        ..Route::new(name, Auth::Public, Target::Reply(reply))
    }
}

/// The name of the host of that number.
pub(crate) fn host(number: usize) -> String {
    format!("api{number:03}.bank.example")
}

/// A host's section: one route at each path.
fn section<P: AsRef<str>>(
    number: usize,
    routes: impl IntoIterator<Item = (P, Route)>,
) -> Result<HostSection> {
    let mut section = HostRoutes::default();
    for ((path, route), index) in routes.into_iter().zip(0_u32..) {
        section.paths.push(PathEntry {
            pattern: path.as_ref().parse()?,
            routes: vec![index],
            otherwise: vec![],
        });
        section.routes.push(route);
    }
    Ok(HostSection::encode(host(number).parse()?, &section)?)
}

fn issuer(algorithm: Algorithm, keys: IssuerKeys) -> Issuer {
    Issuer {
        algorithms: vec![algorithm],
        leeway: Span(30_000),
        ..Issuer::new("customers", token::ISSUER, token::AUDIENCE, keys)
    }
}

fn upstream(origin: &str) -> Upstream {
    let origin = Origin {
        name: "dc1".to_owned(),
        url: origin.to_owned(),
        tunnel: None,
    };
    Upstream {
        timeout: Span(3_000),
        retry: Retry {
            attempts: 2,
            on: vec![RetryOn::Connect],
            budget: Percent(20),
        },
        ..Upstream::new("banking", [origin])
    }
}

/// The octets of a signed bundle, and the key that a gateway needs to accept it.
#[derive(Clone, Debug)]
pub(crate) struct SignedBundle {
    pub(crate) octets: Vec<u8>,
    pub(crate) trust: TrustKeys,
    /// The same as text.
    pub(crate) trust_text: String,
}

impl SignedBundle {
    /// As many hosts with as many public routes each.
    pub(crate) fn public(hosts: usize, paths: Paths, routes: usize) -> Result<Self> {
        let public = |number| (paths.pattern(number), route(format!("route{number}")));
        let sections = (0..hosts).map(|host| section(host, (0..routes).map(public)));
        Self::new(Tables::default(), sections.collect::<Result<_>>()?)
    }

    /// One host whose routes, one to an origin and one with a reply, need an HS256 token.
    pub(crate) fn with_tokens(forward: &str, origin: &str, reply: &str) -> Result<Self> {
        let tables = Tables {
            issuers: vec![issuer(
                Algorithm::HS256,
                IssuerKeys::Secret("customers".to_owned()),
            )],
            upstreams: vec![upstream(origin)],
            ..Tables::default()
        };
        let [mut forwarding, replying] = ["accounts", "status"].map(|name| Route {
            auth: Auth::jwt(0),
            ..route(name.to_owned())
        });
        forwarding.target = Target::Upstream(0);
        Self::new(
            tables,
            vec![section(0, [(forward, forwarding), (reply, replying)])?],
        )
    }

    /// One host with two routes to an origin: one that is limited by the client's address over many
    /// places, so that it is never used up, and one that is not.
    pub(crate) fn leased(limited: &str, origin: &str, unlimited: &str) -> Result<Self> {
        let rate = Rate {
            count: 60_000_000,
            period: 60,
        };
        let tables = Tables {
            upstreams: vec![upstream(origin)],
            limits: vec![Limit {
                key: vec![KeyPart::Address],
                accuracy: Accuracy::Leased(Unreachable::Refuse),
                ..Limit::bursting("everybody", rate, 10_000_000)
            }],
            ..Tables::default()
        };
        let [mut one, mut other] = ["limited", "unlimited"].map(|name| route(name.to_owned()));
        one.limits = vec![0];
        for route in [&mut one, &mut other] {
            route.target = Target::Upstream(0);
        }
        Self::new(
            tables,
            vec![section(0, [(limited, one), (unlimited, other)])?],
        )
    }

    /// One host with a route that replies to whoever has a token of that algorithm, if need be
    /// counted by subject against a limit that is never used up.
    pub(crate) fn authenticated(
        path: &str,
        algorithm: Algorithm,
        keys: IssuerKeys,
        limited: bool,
    ) -> Result<Self> {
        let tables = Tables {
            issuers: vec![issuer(algorithm, keys)],
            limits: vec![Limit {
                key: vec![KeyPart::Subject],
                ..Limit::bursting(
                    "per-customer",
                    Rate {
                        count: 1_000_000,
                        period: 60,
                    },
                    u32::MAX,
                )
            }],
            ..Tables::default()
        };
        let route = Route {
            auth: Auth::jwt(0),
            limits: if limited { vec![0] } else { vec![] },
            ..route("accounts".to_owned())
        };
        Self::new(tables, vec![section(0, [(path, route)])?])
    }

    fn new(tables: Tables, hosts: Vec<HostSection>) -> Result<Self> {
        let key = key();
        let bundle = Bundle {
            header: Header {
                format: FORMAT_VERSION,
                name: "bench".to_owned(),
                sequence: 1,
                source: Digest::of(b"bench"),
            },
            tables,
            hosts,
        };
        Ok(Self {
            octets: envelope::sign::<Bundle>(bundle.encode()?, &key),
            trust_text: key.trust_key().to_string(),
            trust: TrustKeys::from(key.trust_key()),
        })
    }

    pub(crate) fn verify(&self) -> Result<Verified<Bundle>> {
        Ok(Signed::parse(&self.octets)?.verify(&self.trust)?)
    }

    pub(crate) fn load(&self) -> Result<Gateway> {
        Ok(Gateway::load(self.verify()?)?)
    }
}
