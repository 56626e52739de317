//! Requests that their callers sign (RFC 9421): a rule, a test.

use tidegate_shared::bundle::{SignerKey, SignerMaterial, Signers};
use tidegate_shared::message_signature::{
    Component, Message, Parameters, SignatureAlgorithm, SigningSecret, sign,
};

use super::*;

#[path = "message_signatures/attacks.rs"]
mod attacks;

/// The parameters of a good signature.
fn parameters() -> Parameters {
    Parameters {
        created: Some(NOW.seconds()),
        keyid: Some("depot-1".to_owned()),
        tag: Some("bank".to_owned()),
        ..Parameters::default()
    }
}

fn components(written: &[&str]) -> Vec<Component> {
    written.iter().map(|one| one.parse().unwrap()).collect()
}

fn signers() -> Signers {
    let secret = |id: &str, name: &str| SignerKey {
        id: id.to_owned(),
        consumer: "depot".to_owned(),
        plan: None,
        algorithm: SignatureAlgorithm::HmacSha256,
        material: SignerMaterial::Secret(name.to_owned()),
    };
    Signers {
        name: "machines".to_owned(),
        keys: vec![
            secret("depot-1", "legacy"),
            secret("lost", "lost"),
            secret("weak", "weak"),
        ],
        components: components(&["@method", "@target-uri", "content-digest"]),
        max_age: Span(60_000),
        leeway: Span(5_000),
        label: None,
        tag: Some("bank".to_owned()),
        once: false,
    }
}

fn gateway_of_signers(signers: Signers) -> Gateway {
    let tables = Tables {
        signatures: vec![signers],
        ..tables()
    };
    let auth = Auth::Signature(0);
    gateway(tables, vec![("/*", Route { auth, ..route("a") })])
}

/// The request as its sender sees it.
struct Sent<'r>(&'r Request);

impl Message for Sent<'_> {
    fn method(&self) -> Option<&str> {
        Some(self.0.method.as_str())
    }

    fn scheme(&self) -> Option<&str> {
        Some("https")
    }

    fn authority(&self) -> Option<std::borrow::Cow<'_, str>> {
        self.0.authority.as_deref().map(Into::into)
    }

    fn path_and_query(&self) -> Option<&str> {
        Some(&self.0.target)
    }

    fn field(&self, name: &str) -> Option<std::borrow::Cow<'_, str>> {
        let mut fields = self.0.headers.iter();
        let (_, value) = fields.find(|(own, _)| own == name)?;
        Some(value.as_str().into())
    }
}

fn unsigned() -> Request {
    request("POST /v1/orders?urgent=1").with("content-digest", "sha-256=:AAAA:")
}

fn signed_as(request: Request, label: &str, covered: &[&str], parameters: &Parameters) -> Request {
    let secret = SigningSecret::new(SignatureAlgorithm::HmacSha256, SECRET).unwrap();
    let fields = sign(
        label,
        &components(covered),
        parameters,
        &Sent(&request),
        &secret,
    )
    .unwrap();
    request
        .with("signature-input", fields.input)
        .with("signature", fields.signature)
}

const COVERED: [&str; 3] = ["@method", "@target-uri", "content-digest"];

fn signed(parameters: &Parameters) -> Request {
    signed_as(unsigned(), "a", &COVERED, parameters)
}

fn check(request: &Request, expected: &str) {
    let gateway = gateway_of_signers(signers());
    assert_eq!(World::new().verdict(&gateway, request), expected);
}

#[test]
fn a_signed_request_is_that_of_the_keys_consumer() {
    let gateway = gateway_of_signers(signers());
    let world = World::new();
    let forward = world.forward(&gateway, &signed(&parameters()));
    let outcome = tidegate_edge::Outcome {
        status: 200,
        plan: None,
        end: tidegate_edge::End::Complete,
        now: NOW,
    };
    let record = gateway.finish(forward.exchange, &outcome);
    assert_eq!(record.consumer.as_deref(), Some("depot"));
}

/// §5.1, and RFC 9110 §15.5.2.
#[test]
fn who_does_not_sign_is_told_what_to_sign() {
    let gateway = gateway_of_signers(signers());
    let reply = World::new().reply(&gateway, &unsigned());
    assert_eq!(problem(&reply).as_deref(), Some("credential-missing"));
    let field = |name: &str| {
        let mut headers = reply.headers.iter();
        let (_, value) = headers.find(|(own, _)| own == name).unwrap();
        value.to_str().unwrap().to_owned()
    };
    assert_eq!(field("www-authenticate"), "Signature realm=\"bank\"");
    assert_eq!(
        field("accept-signature"),
        "sig=(\"@method\" \"@target-uri\" \"content-digest\");created;keyid;tag=\"bank\""
    );
}

#[test]
fn all_that_is_asked_for_must_be_covered() {
    let more = [&COVERED[..], &["@query-param;name=\"urgent\""]].concat();
    check(&signed_as(unsigned(), "a", &more, &parameters()), "forward");
    for missing in COVERED {
        let covered: Vec<&str> = COVERED.into_iter().filter(|one| *one != missing).collect();
        check(
            &signed_as(unsigned(), "a", &covered, &parameters()),
            "401 credential-invalid",
        );
    }
}

#[test]
fn what_is_covered_must_be_there() {
    let mut request = signed(&parameters());
    request.headers.retain(|(name, _)| name != "content-digest");
    check(&request, "401 credential-invalid");
}

#[test]
fn dates_are_kept() {
    let at = |created: Option<u64>, expires: Option<u64>| {
        signed(&Parameters {
            created,
            expires,
            ..parameters()
        })
    };
    let now = NOW.seconds();
    check(&at(Some(now - 65), None), "forward");
    check(&at(Some(now - 66), None), "401 credential-expired");
    check(&at(Some(now + 5), None), "forward");
    check(&at(Some(now + 6), None), "401 credential-invalid");
    check(&at(None, None), "401 credential-invalid");
    check(&at(Some(now), Some(now - 5)), "401 credential-expired");
    check(&at(Some(now), Some(now - 4)), "forward");
}

/// §3.2: the key decides the algorithm.
#[test]
fn another_algorithm_than_the_keys_is_refused() {
    let with = |alg: &str| {
        signed(&Parameters {
            alg: Some(alg.to_owned()),
            ..parameters()
        })
    };
    check(&with("hmac-sha256"), "forward");
    check(&with("ed25519"), "401 credential-invalid");
}

#[test]
fn the_keyid_picks_the_key() {
    let with = |keyid: Option<&str>| {
        let keyid = keyid.map(str::to_owned);
        signed(&Parameters {
            keyid,
            ..parameters()
        })
    };
    check(&with(None), "401 credential-invalid");
    check(&with(Some("other")), "401 credential-invalid");
    check(&with(Some("lost")), "500 internal");
    check(&with(Some("weak")), "500 internal");
}

/// §4.3: others sign, too; their signatures are not the gateway's affair.
#[test]
fn one_good_signature_of_the_wanted_tag_and_label_suffices() {
    let other = Parameters {
        tag: Some("other".to_owned()),
        ..parameters()
    };
    check(&signed(&other), "401 credential-missing");
    let both = signed_as(signed(&other), "b", &COVERED, &parameters());
    check(&both, "forward");

    let labelled = Signers {
        label: Some("b".to_owned()),
        ..signers()
    };
    let gateway = gateway_of_signers(labelled);
    let world = World::new();
    assert_eq!(world.verdict(&gateway, &both), "forward");
    let unlabelled = signed(&parameters());
    assert_eq!(
        world.verdict(&gateway, &unlabelled),
        "401 credential-missing"
    );
}

#[test]
fn malformed_fields_are_no_signature() {
    let good = signed(&parameters());
    for broken in ["signature", "signature-input"] {
        let mut request = signed(&parameters());
        request.headers.retain(|(name, _)| name != broken);
        check(&request, "401 credential-invalid");
        let mut request = signed(&parameters());
        for (_, value) in request
            .headers
            .iter_mut()
            .filter(|(name, _)| name == broken)
        {
            value.push_str(", (");
        }
        check(&request, "401 credential-invalid");
    }
    check(&good, "forward");
}

#[test]
fn a_bundle_with_an_unusable_key_is_not_loaded() {
    let mut signers = signers();
    signers.keys.push(SignerKey {
        id: "pair".to_owned(),
        consumer: "acme".to_owned(),
        plan: None,
        algorithm: SignatureAlgorithm::Ed25519,
        material: SignerMaterial::Public(KeyMaterial::P256(vec![4; 65].into())),
    });
    let tables = Tables {
        signatures: vec![signers],
        ..tables()
    };
    assert!(load(tables, vec![]).is_err());
}
