//! Policies of any size, as signed bundles.

use anyhow::Result;
use http::Method;
use serde_bytes::ByteBuf;
use tidegate_edge::Gateway;
use tidegate_shared::bundle::{
    Auth, Bundle, FORMAT_VERSION, Header, HeaderEdits, HostRoutes, HostSection, PathEntry, Reply,
    Route, Tables, Target,
};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope::{self, Signed, Verified};
use tidegate_shared::method::MethodSet;
use tidegate_shared::trust::{SigningKey, TrustKeys};

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

/// A public route with a fixed reply.
pub(crate) fn route(name: String) -> Route {
    Route {
        name,
        methods: MethodSet::of(&Method::GET),
        headers: vec![],
        query: vec![],
        auth: Auth::Public,
        limits: vec![],
        cors: None,
        target: Target::Reply(Reply {
            status: 200,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: ByteBuf::from(r#"{"ok":true}"#),
        }),
        rewrite: None,
        timeout: None,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
    }
}

/// The name of the host of that number.
pub(crate) fn host(number: usize) -> String {
    format!("api{number:03}.bank.example")
}

/// A host's section of as many public routes.
fn section(number: usize, paths: Paths, routes: usize) -> Result<HostSection> {
    let entries = (0..routes).zip(0_u32..).map(|(route, index)| {
        Ok(PathEntry {
            pattern: paths.pattern(route).parse()?,
            routes: vec![index],
            otherwise: vec![],
        })
    });
    let routes = HostRoutes {
        paths: entries.collect::<Result<_>>()?,
        routes: (0..routes)
            .map(|number| route(format!("route{number}")))
            .collect(),
    };
    Ok(HostSection::encode(host(number).parse()?, &routes)?)
}

/// The octets of a signed bundle, and the key that a gateway needs to accept it.
#[derive(Clone, Debug)]
pub(crate) struct SignedBundle {
    pub(crate) octets: Vec<u8>,
    pub(crate) trust: TrustKeys,
}

impl SignedBundle {
    /// As many hosts with as many public routes each.
    pub(crate) fn public(hosts: usize, paths: Paths, routes: usize) -> Result<Self> {
        let sections = (0..hosts).map(|number| section(number, paths, routes));
        Self::new(Tables::default(), sections.collect::<Result<_>>()?)
    }

    pub(crate) fn new(tables: Tables, hosts: Vec<HostSection>) -> Result<Self> {
        let key = SigningKey::from_seed([1; 32]);
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
