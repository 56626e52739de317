//! Requests that are signed towards a connector (RFC 9421).

use std::borrow::Cow;

use http::HeaderMap;
use tidegate_edge::{Attempt, AttemptOutcome, Destination, Forward, Gateway};
use tidegate_shared::bundle::{CallerFact, CallerFacts, RequestSigning, Upstream};
use tidegate_shared::message_signature::{
    Message, Parameters, SignatureAlgorithm, SignatureFields, VerifyingKey,
};
use tidegate_shared::units::Span;

use crate::kit::*;
use crate::shape::shaped;

const HMAC: SignatureAlgorithm = SignatureAlgorithm::HmacSha256;

fn signing(key: &str, algorithm: SignatureAlgorithm) -> Upstream {
    let mut upstream = Upstream {
        caller: CallerFacts {
            headers: vec![("x-plan".to_owned(), CallerFact::Plan)],
            ..CallerFacts::default()
        },
        sign: Some(RequestSigning {
            key: key.to_owned(),
            algorithm,
            lifetime: Span(14_500),
            fields: vec!["x-signed".to_owned()],
        }),
        ..upstream()
    };
    "https://dc2.bank.example:8443/mesh".clone_into(&mut upstream.origins[1].url);
    upstream
}

fn gateway_to(upstream: Upstream) -> Gateway {
    let mut tables = tables();
    tables.upstreams = vec![upstream];
    gateway(tables, vec![("/*", route("a"))])
}

/// A request as one origin gets it.
struct Received {
    method: String,
    authority: String,
    target: String,
    fields: HeaderMap,
}

impl Message for Received {
    fn method(&self) -> Option<&str> {
        Some(&self.method)
    }

    fn scheme(&self) -> Option<&str> {
        Some("https")
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        Some(self.authority.as_str().into())
    }

    fn path_and_query(&self) -> Option<&str> {
        Some(&self.target)
    }

    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        let values = self.fields.get_all(name).iter();
        let values: Vec<&str> = values.map(|value| value.to_str().unwrap()).collect();
        (!values.is_empty()).then(|| values.join(", ").into())
    }
}

/// Follows a plan: the first attempt, or the one after it.
fn destination(
    world: &World,
    forward: &mut Forward,
    last: Option<(AttemptOutcome, bool)>,
) -> Destination {
    let attempt = forward.plan.next(&world.state, last, world.now.get());
    let Attempt::Send(destination, _) = attempt else {
        panic!("{attempt:?}");
    };
    destination
}

fn received(request: &Request, forward: Forward, destination: &Destination) -> Received {
    let rest = destination.url().strip_prefix("https://").unwrap();
    let (authority, base) = rest.split_once('/').unwrap_or((rest, ""));
    let base = if base.is_empty() {
        String::new()
    } else {
        format!("/{base}")
    };
    let target = format!("{base}{}", forward.path_and_query);
    let mut fields = shaped(request, forward);
    for (name, value) in destination.fields() {
        fields.insert(name, value.clone());
    }
    Received {
        method: request.method.to_string(),
        authority: authority.to_owned(),
        target,
        fields,
    }
}

/// Whether the signature holds, what it covers, and its parameters.
fn verify(received: &Received, key: &VerifyingKey) -> (bool, String, Parameters) {
    let field = |name: &str| received.fields[name].to_str().unwrap();
    let fields = SignatureFields::parse(field("signature-input"), field("signature")).unwrap();
    let labels: Vec<&str> = fields.labels().collect();
    assert_eq!(labels, ["tidegate"]);
    let signature = fields.signature("tidegate").unwrap().unwrap();
    let covered: Vec<String> = signature.components().map(ToString::to_string).collect();
    let base = signature.base(received).unwrap();
    let holds = key.verify(&base, &signature.octets);
    (holds, covered.join(" "), signature.parameters)
}

fn of_pair() -> VerifyingKey {
    VerifyingKey::ed25519(&pair().trust_key().to_string()).unwrap()
}

#[test]
fn a_request_is_signed_for_each_origin_that_is_tried() {
    let keys = [
        ("legacy", HMAC, VerifyingKey::hmac(SECRET).unwrap()),
        ("pair", SignatureAlgorithm::Ed25519, of_pair()),
    ];
    for (name, algorithm, key) in keys {
        let (gateway, world) = (gateway_to(signing(name, algorithm)), World::new());
        let request = request("GET /a%7e/b?c=d").with("x-signed", " x ");
        let mut forward = world.forward(&gateway, &request);
        let first = destination(&world, &mut forward, None);
        world.pass(Span(1_500));
        let failed = Some((AttemptOutcome::ConnectFailed, true));
        let second = destination(&world, &mut forward, failed);
        let [one, two] = [&first, &second].map(|destination| {
            let forward = world.forward(&gateway, &request);
            verify(&received(&request, forward, destination), &key)
        });
        let covered = r#""@method" "@authority" "@path" "@query" "forwarded" "x-signed""#;
        assert_eq!((one.0, one.1.as_str()), (true, covered));
        assert_eq!((two.0, two.1.as_str()), (true, covered));
        let now = NOW.seconds();
        let parameters = |created, attempt| Parameters {
            created: Some(created),
            expires: Some(created + 15),
            keyid: Some(name.to_owned()),
            alg: None,
            nonce: Some(format!("0102030405060708090a0b0c0d0e0f10-{attempt}")),
            tag: Some("tidegate".to_owned()),
        };
        assert_eq!(one.2, parameters(now, 1));
        assert_eq!(two.2, parameters(now + 1, 2));

        // Neither is good at the other origin.
        let forward = world.forward(&gateway, &request);
        let mut elsewhere = received(&request, forward, &first);
        elsewhere.authority = "dc2.bank.example:8443".to_owned();
        assert!(!verify(&elsewhere, &key).0);
    }
}

/// What the first origin gets of a request.
fn first(gateway: &Gateway, request: &Request) -> Received {
    let world = World::new();
    let mut forward = world.forward(gateway, request);
    let destination = destination(&world, &mut forward, None);
    received(request, forward, &destination)
}

#[test]
fn what_a_client_says_in_the_gateways_place_is_gone_before_it_is_signed() {
    let gateway = gateway_to(signing("pair", SignatureAlgorithm::Ed25519));
    let request = request("GET /a")
        .with("signature-input", "tidegate=();tag=\"tidegate\"")
        .with("signature", "tidegate=:AA==:")
        .with("x-plan", "gold")
        .with("forwarded", "for=10.0.0.1;host=admin.example");
    let received = first(&gateway, &request);
    assert_eq!(received.fields.get("x-plan"), None);
    let (holds, covered, _) = verify(&received, &of_pair());
    assert!(holds);
    assert_eq!(
        covered,
        r#""@method" "@authority" "@path" "@query" "forwarded""#
    );
}

#[test]
fn a_query_is_signed_as_every_runtime_sends_it() {
    let gateway = gateway_to(signing("pair", SignatureAlgorithm::Ed25519));
    let received = first(&gateway, &request("GET /a?name=O'Brien"));
    assert_eq!(received.target, "/a?name=O%27Brien");
    assert!(verify(&received, &of_pair()).0);
    // Where nothing is signed it stays as it came.
    let plain = first(&gateway_to(upstream()), &request("GET /a?name=O'Brien"));
    assert_eq!(plain.target, "/a?name=O'Brien");
    assert!(!plain.fields.contains_key("signature"));
}

#[test]
fn without_a_good_key_no_request_goes_out() {
    for (name, algorithm) in [
        ("missing", HMAC),
        ("weak", HMAC),
        ("legacy", SignatureAlgorithm::Ed25519),
        ("pair", SignatureAlgorithm::EcdsaP256Sha256),
    ] {
        let gateway = gateway_to(signing(name, algorithm));
        let verdict = World::new().verdict(&gateway, &request("GET /a"));
        assert_eq!(verdict, "500 internal", "{name}");
    }
}

#[test]
fn a_field_that_cannot_be_signed_refuses_the_request() {
    let gateway = gateway_to(signing("legacy", HMAC));
    let odd = request("GET /a").with("x-signed", "é");
    let verdict = World::new().verdict(&gateway, &odd);
    assert_eq!(verdict, "400 field-invalid");
    // Of a field that nobody signs it is no matter.
    let other = request("GET /a").with("x-other", "é");
    assert_eq!(World::new().verdict(&gateway, &other), "forward");
}
