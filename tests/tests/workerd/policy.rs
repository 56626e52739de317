//! A bundle made by hand: the Worker is tested apart from the compiler.

use http::Method;
use serde_bytes::ByteBuf;
use tidegate_shared::bundle::{
    Algorithm, Auth, Bundle, Certificates, FORMAT_VERSION, Header, HostRoutes, HostSection, Issuer,
    IssuerKeys, KeyMaterial, Origin, PathEntry, PublicKey, Reply, Retry, RetryOn, Route, Tables,
    Target, Upstream,
};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope;
use tidegate_shared::method::MethodSet;
use tidegate_shared::trust::SigningKey;
use tidegate_shared::units::{Percent, Span};

pub(crate) const HOST: &str = "api.bank.example";
pub(crate) const ISSUER: &str = "https://id.bank.example";
pub(crate) const AUDIENCE: &str = "mobile";

/// What a bundle of these tests can hold.
#[derive(Default)]
pub(crate) struct Policy {
    issuers: Vec<Issuer>,
    certificates: Vec<Certificates>,
    upstreams: Vec<Upstream>,
    paths: Vec<PathEntry>,
    routes: Vec<Route>,
}

impl Policy {
    /// Issuer 0 signs with HS256, issuer 1 with ES256.
    pub(crate) fn issuers(mut self, secret: &str, point: Vec<u8>) -> Self {
        let pinned = PublicKey {
            id: None,
            algorithm: None,
            material: KeyMaterial::P256(ByteBuf::from(point)),
        };
        self.issuers = vec![
            issuer(Algorithm::HS256, IssuerKeys::Secret(secret.to_owned())),
            issuer(Algorithm::ES256, IssuerKeys::Pinned(vec![pinned])),
        ];
        self
    }

    /// Consumers that are known by client certificates.
    pub(crate) fn certificates(mut self, certificates: Certificates) -> Self {
        self.certificates.push(certificates);
        self
    }

    /// A route that answers by itself.
    pub(crate) fn reply(self, path: &str, body: &str) -> Self {
        let reply = Reply {
            status: 200,
            headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
            body: ByteBuf::from(body),
        };
        self.route(path, Auth::Public, Target::Reply(reply))
    }

    /// A route to origins of its own, in this order.
    pub(crate) fn forward(
        mut self,
        path: &str,
        auth: Auth,
        identity: Option<&str>,
        origins: &[String],
    ) -> Self {
        let origin = |(index, url): (usize, &String)| Origin {
            name: format!("dc{}", index + 1),
            url: url.clone(),
            tunnel: None,
        };
        let index = u32::try_from(self.upstreams.len()).unwrap();
        self.upstreams.push(Upstream {
            identity: identity.map(str::to_owned),
            timeout: Span(2_000),
            retry: Retry {
                attempts: 2,
                on: vec![RetryOn::Connect, RetryOn::Status(503)],
                budget: Percent(20),
            },
            ..Upstream::new(
                format!("upstream{index}"),
                origins.iter().enumerate().map(origin),
            )
        });
        self.route(path, auth, Target::Upstream(index))
    }

    fn route(mut self, path: &str, auth: Auth, target: Target) -> Self {
        let index = u32::try_from(self.routes.len()).unwrap();
        self.paths.push(PathEntry {
            pattern: path.parse().unwrap(),
            routes: vec![index],
            otherwise: vec![],
        });
        self.routes.push(Route {
            methods: MethodSet::of(&Method::GET).union(MethodSet::of(&Method::POST)),
            ..Route::new(path, auth, target)
        });
        self
    }

    /// The signed bundle.
    pub(crate) fn sign(self, sequence: u64, key: &SigningKey) -> Vec<u8> {
        let Self {
            issuers,
            certificates,
            upstreams,
            paths,
            routes,
        } = self;
        let routes = HostRoutes { paths, routes };
        let bundle = Bundle {
            header: Header {
                format: FORMAT_VERSION,
                name: "bank".to_owned(),
                sequence,
                source: Digest::of(b"by hand"),
            },
            tables: Tables {
                issuers,
                certificates,
                upstreams,
                ..Tables::default()
            },
            hosts: vec![HostSection::encode(HOST.parse().unwrap(), &routes).unwrap()],
        };
        envelope::sign::<Bundle>(bundle.encode().unwrap(), key)
    }
}

/// A token of the issuer of this index is needed.
pub(crate) fn jwt(issuer: u32) -> Auth {
    Auth::jwt(issuer)
}

fn issuer(algorithm: Algorithm, keys: IssuerKeys) -> Issuer {
    Issuer {
        algorithms: vec![algorithm],
        leeway: Span(30_000),
        ..Issuer::new(
            algorithm.name().to_ascii_lowercase(),
            ISSUER,
            AUDIENCE,
            keys,
        )
    }
}
