//! A gateway with a route for each kind of token, and requests to it.

use std::borrow::Cow;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::header::AUTHORIZATION;
use http::{HeaderName, Method, Request, Response};
use serde_bytes::ByteBuf;
use tidegate_edge::{
    Decision, End, FetchBounds, Gateway, Outcome, Peer, PortError, Ports, RequestHead, Scheme,
    State,
};
use tidegate_shared::bundle::{
    Algorithm, Auth, Bundle, ClientMethod, FORMAT_VERSION, FieldPredicate, FieldTest, Header,
    HostRoutes, HostSection, IntrospectAuth, Introspection, IntrospectionClient, Issuer,
    IssuerKeys, KeyMaterial, PathEntry, Possession, PublicKey, Reply, Route, Tables, Target,
    TokenSource,
};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope::{self, Signed};
use tidegate_shared::method::MethodSet;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::{SigningKey, TrustKeys};
use tidegate_shared::units::Span;

use crate::token;

pub(crate) const HOST: &str = "api.bank.example";
pub(crate) const PATH_HS256: &str = "/hs256/7";
pub(crate) const PATH_EDDSA: &str = "/eddsa/7";
pub(crate) const PATH_OPAQUE: &str = "/opaque/7";
pub(crate) const SECRET: &[u8] = b"a secret of thirty-two octets!!!";

/// The time of every request, in seconds since the Unix epoch.
pub(crate) const NOW: f64 = 1_800_000_000.0;

/// The key that signs bundles.
pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed([1; 32])
}

pub(crate) fn trust() -> TrustKeys {
    key().trust_key().into()
}

/// An envelope for any payload.
pub(crate) fn sign(payload: Vec<u8>) -> Vec<u8> {
    envelope::sign::<Bundle>(payload, &key())
}

/// The gateway's bundle, signed.
pub(crate) fn signed() -> Vec<u8> {
    sign(payload())
}

pub(crate) fn payload() -> Vec<u8> {
    let section = HOST
        .parse()
        .ok()
        .and_then(|host| HostSection::encode(host, &routes()).ok());
    let payload = section.and_then(|section| bundle(section).encode().ok());
    payload.unwrap_or_default()
}

pub(crate) fn load() -> Option<Gateway> {
    let signed = Signed::parse(&signed()).ok()?;
    Gateway::load(signed.verify(&trust()).ok()?).ok()
}

/// A bundle of one host.
pub(crate) fn bundle(section: HostSection) -> Bundle {
    let issuer = |name: &str, algorithm, keys| Issuer {
        algorithms: vec![algorithm],
        ..Issuer::new(name, "https://id.bank.example", "mobile", keys)
    };
    let public = PublicKey {
        id: Some("k1".to_owned()),
        algorithm: None,
        material: KeyMaterial::Ed25519(ByteBuf::from(token::key_pair().pk.to_vec())),
    };
    Bundle {
        header: Header {
            format: FORMAT_VERSION,
            name: "bank".to_owned(),
            sequence: 1,
            source: Digest::of(b"policy"),
        },
        tables: Tables {
            issuers: vec![
                issuer(
                    "shared",
                    Algorithm::HS256,
                    IssuerKeys::Secret("customers".to_owned()),
                ),
                issuer("pair", Algorithm::EdDSA, IssuerKeys::Pinned(vec![public])),
            ],
            introspections: vec![introspection()],
            ..Tables::default()
        },
        hosts: vec![section],
    }
}

fn introspection() -> Introspection {
    Introspection {
        name: "sessions".to_owned(),
        url: "https://id.bank.example/introspect".to_owned(),
        client: IntrospectionClient {
            id: "gateway".to_owned(),
            secret: "client".to_owned(),
            method: ClientMethod::Basic,
        },
        audiences: vec!["mobile".to_owned()],
        issuer: Some("https://id.bank.example".to_owned()),
        cache: Span(30_000),
        negative: Span(5_000),
        keep: Span(0),
        source: TokenSource::Authorization,
        possession: Possession::default(),
        plan: None,
    }
}

/// The routes of the host.
pub(crate) fn routes() -> HostRoutes {
    let patterns = ["/hs256/{id}", "/eddsa/{id}", "/opaque/{id}", "/*"];
    let entries = patterns.iter().zip(0..).filter_map(|(pattern, index)| {
        Some(PathEntry {
            pattern: pattern.parse().ok()?,
            routes: vec![index],
            otherwise: if index < 3 { vec![3] } else { vec![] },
        })
    });
    let jwt = |issuer| Auth::jwt(issuer);
    let opaque = Auth::Introspect(IntrospectAuth {
        introspection: 0,
        scopes: Vec::new(),
    });
    let mut public = route("public", Auth::Public);
    public.headers.push(FieldPredicate {
        name: "x-version".to_owned(),
        test: FieldTest::Exact("2".to_owned()),
    });
    HostRoutes {
        paths: entries.collect(),
        routes: vec![
            route("shared", jwt(0)),
            route("pair", jwt(1)),
            route("opaque", opaque),
            public,
        ],
    }
}

fn route(name: &str, auth: Auth) -> Route {
    let reply = Reply {
        status: 200,
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        body: ByteBuf::from("ok"),
    };
    Route {
        methods: MethodSet::of(&Method::GET),
        ..Route::new(name, auth, Target::Reply(reply))
    }
}

/// Decides about a request and finishes it. Gives the status of a reply; `None` where the request
/// would be passed on.
pub(crate) fn ask(
    gateway: &Gateway,
    host: &str,
    path: &str,
    authorization: Option<&str>,
) -> Option<u16> {
    ask_where(gateway, host, path, authorization, &[])
}

/// As [`ask`], where whatever is fetched is `answer`.
pub(crate) fn ask_where(
    gateway: &Gateway,
    host: &str,
    path: &str,
    authorization: Option<&str>,
    answer: &[u8],
) -> Option<u16> {
    let world = Still { answer };
    let head = Head {
        host,
        path,
        authorization,
        peer: Peer {
            address: Some([192, 0, 2, 7].into()),
            scheme: Scheme::Https,
        },
    };
    let state = State::new([0; 16]);
    let future = pin!(gateway.decide(&state, &world, &head));
    let Poll::Ready(decision) = future.poll(&mut Context::from_waker(Waker::noop())) else {
        return None;
    };
    let (status, exchange) = match decision {
        Decision::Respond(reply, exchange) => (Some(reply.status), exchange),
        Decision::Forward(forward) => (None, forward.exchange),
    };
    let outcome = Outcome {
        status: status.unwrap_or(200),
        plan: None,
        end: End::Complete,
        now: world.now(),
    };
    gateway.finish(exchange, &outcome);
    status
}

struct Head<'a> {
    host: &'a str,
    path: &'a str,
    authorization: Option<&'a str>,
    peer: Peer,
}

impl RequestHead for Head<'_> {
    fn method(&self) -> &Method {
        &Method::GET
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.host))
    }

    fn path_and_query(&self) -> &str {
        self.path
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        let field = self.authorization.filter(|_| *name == AUTHORIZATION)?;
        Some(Cow::Borrowed(field))
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }
}

/// A world in which time stands still.
pub(crate) struct Still<'a> {
    /// What lies at every address.
    pub(crate) answer: &'a [u8],
}

impl Ports for Still<'_> {
    fn now(&self) -> UnixMillis {
        UnixMillis(1_800_000_000_000)
    }

    fn entropy(&self) -> [u8; 24] {
        [7; 24]
    }

    fn secret(&self, _name: &str) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Borrowed(SECRET))
    }

    async fn fetch(
        &self,
        _: Request<Vec<u8>>,
        _: FetchBounds,
    ) -> Result<Response<Vec<u8>>, PortError> {
        Ok(Response::new(self.answer.to_vec()))
    }
}
