//! A signed bundle for a policy of one host.

use serde_bytes::ByteBuf;
use tidegate_shared::bundle::{
    Algorithm, Auth, Bundle, FORMAT_VERSION, Header, HeaderEdits, HostRoutes, HostSection, Issuer,
    IssuerKeys, Origin, PathEntry, Reply, Retry, RetryOn, Route, Tables, Target, Upstream,
};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope;
use tidegate_shared::trust::SigningKey;
use tidegate_shared::units::{Percent, Span};

/// The host that the policy serves.
pub(crate) const HOST: &str = "api.bank.example";
/// The policy's secret for HS256, as `NAME=VALUE` of a variable.
pub(crate) const SECRET: &str = "customers_secret=correct horse battery staple, twice over";

pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed([7; 32])
}

/// `/status` is answered with `status`, `/private/*` needs a token of the
/// issuer `customers`; everything is forwarded to the origins in their order.
pub(crate) fn bundle(sequence: u64, status: &str, origins: &[String]) -> Vec<u8> {
    let origins = origins.iter().zip(1..).map(|(url, number)| Origin {
        name: format!("dc{number}"),
        url: url.clone(),
        tunnel: None,
    });
    let tables = Tables {
        issuers: vec![Issuer {
            algorithms: vec![Algorithm::HS256],
            ..Issuer::new(
                "customers",
                "https://id.bank.example",
                "mobile",
                IssuerKeys::Secret("CUSTOMERS-SECRET".to_owned()),
            )
        }],
        upstreams: vec![Upstream {
            identity: Some("edge".to_owned()),
            timeout: Span(2_000),
            retry: Retry {
                attempts: 2,
                on: vec![RetryOn::Connect, RetryOn::Status(503)],
                budget: Percent(20),
            },
            ..Upstream::new("banking", origins)
        }],
        ..Tables::default()
    };
    let jwt = Auth::jwt(0);
    let reply = Target::Reply(Reply {
        status: 200,
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        body: ByteBuf::from(status),
    });
    let routes = [
        ("/status", route("status", Auth::Public, reply)),
        ("/private/*", route("private", jwt, Target::Upstream(0))),
        ("/*", route("all", Auth::Public, Target::Upstream(0))),
    ];
    let paths = routes
        .iter()
        .zip(0..)
        .map(|((pattern, _), index)| PathEntry {
            pattern: pattern.parse().unwrap(),
            routes: vec![index],
            otherwise: vec![],
        });
    let routes = HostRoutes {
        paths: paths.collect(),
        routes: routes.iter().map(|(_, route)| route.clone()).collect(),
    };
    let bundle = Bundle {
        header: Header {
            format: FORMAT_VERSION,
            name: "bank".to_owned(),
            sequence,
            source: Digest::of(b""),
        },
        tables,
        hosts: vec![HostSection::encode(HOST.parse().unwrap(), &routes).unwrap()],
    };
    envelope::sign::<Bundle>(bundle.encode().unwrap(), &key())
}

fn route(name: &str, auth: Auth, target: Target) -> Route {
    Route {
        request_headers: HeaderEdits {
            remove: vec!["x-internal".to_owned()],
            ..HeaderEdits::default()
        },
        response_headers: HeaderEdits {
            set: vec![("x-served-by".to_owned(), "tidegate".to_owned())],
            ..HeaderEdits::default()
        },
        ..Route::new(name, auth, target)
    }
}
