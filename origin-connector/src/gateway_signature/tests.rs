use std::collections::BTreeMap;

use http::Request;
use proptest::prelude::*;
use tidegate_shared::gateway_signature::components;
use tidegate_shared::message_signature::{
    Parameters, SignatureAlgorithm, SigningSecret, VerifyingKey, sign,
};
use tidegate_shared::trust::SigningKey;

use super::*;

const NOW: UnixMillis = UnixMillis(1_750_000_000_500);
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const OTHER: &[u8] = b"fedcba9876543210fedcba9876543210";

fn verifier() -> Verifier {
    let rules = GatewaySignature {
        max_age: Duration::from_secs(60),
        clock_skew: Duration::from_secs(5),
        fields: vec![HeaderName::from_static("x-caller")],
        nonces: 1_000,
        keys: vec![],
    };
    Verifier {
        first: rules.stamp(),
        keys: ArcSwap::from_pointee(keys()),
        seen: Arc::new(ReplayGuard::new([7; 16], room(&rules))),
        rules,
    }
}

fn keys() -> GatewayKeys {
    let pair = SigningKey::from_seed([7; 32]);
    let keys = [
        ("mac", VerifyingKey::hmac(SECRET).unwrap()),
        (
            "pair",
            VerifyingKey::ed25519(&pair.trust_key().to_string()).unwrap(),
        ),
    ];
    let keys = keys.map(|(id, key)| (id.to_owned(), key));
    GatewayKeys(BTreeMap::from(keys))
}

fn secret(octets: &[u8]) -> SigningSecret {
    SigningSecret::new(SignatureAlgorithm::HmacSha256, octets).unwrap()
}

fn pair() -> SigningSecret {
    let text = SigningKey::from_seed([7; 32]).to_secret_text();
    SigningSecret::new(SignatureAlgorithm::Ed25519, text.as_bytes()).unwrap()
}

/// A request as a gateway sends it, and how it was signed.
struct Sent {
    request: Request<()>,
    label: &'static str,
    components: Vec<Component>,
    parameters: Parameters,
    secret: SigningSecret,
}

fn sent() -> Sent {
    let request = Request::get("https://connector.example:8443/v1/accounts/7?page=2")
        .header("forwarded", "for=192.0.2.7;host=api.example;proto=https")
        .header("x-caller", "alice")
        .body(());
    Sent {
        request: request.unwrap(),
        label: TAG,
        components: components(["x-caller"]),
        parameters: Parameters {
            created: Some(NOW.seconds()),
            expires: Some(NOW.seconds() + 15),
            keyid: Some("mac".to_owned()),
            alg: None,
            nonce: Some("n".to_owned()),
            tag: Some(TAG.to_owned()),
        },
        secret: secret(SECRET),
    }
}

fn head(request: &Request<()>) -> ReceivedHead<'_> {
    ReceivedHead {
        method: request.method(),
        uri: request.uri(),
        headers: request.headers(),
    }
}

impl Sent {
    fn signed(mut self) -> Request<()> {
        let Self {
            label,
            components,
            parameters,
            secret,
            ..
        } = &self;
        let fields = sign(label, components, parameters, &head(&self.request), secret).unwrap();
        let headers = self.request.headers_mut();
        headers.append(SIGNATURE_INPUT, fields.input.parse().unwrap());
        headers.append(SIGNATURE, fields.signature.parse().unwrap());
        self.request
    }
}

fn verify(request: &Request<()>) -> Result<Vouched, NotVouched> {
    verifier().verify(&head(request), NOW)
}

/// What comes of a request that is changed before it is signed, and after.
fn check(before: impl FnOnce(&mut Sent), after: impl FnOnce(&mut Request<()>), label: &str) {
    let mut sent = sent();
    before(&mut sent);
    let mut request = sent.signed();
    after(&mut request);
    let result = verify(&request).map_or_else(|error| error.label(), |_| "verified");
    assert_eq!(result, label);
}

#[test]
fn what_a_gateway_signed_is_taken_by_either_algorithm() {
    check(|_| {}, |_| {}, "verified");
    let by_pair = |sent: &mut Sent| {
        sent.secret = pair();
        sent.parameters.keyid = Some("pair".to_owned());
        sent.parameters.alg = Some("ed25519".to_owned());
    };
    check(by_pair, |_| {}, "verified");
    // No caller: nothing to cover.
    let nobody = |sent: &mut Sent| {
        sent.request.headers_mut().remove("x-caller");
        sent.components = components([]);
    };
    check(nobody, |_| {}, "verified");
}

#[test]
fn what_is_not_signed_is_missing() {
    let unsigned = |request: &mut Request<()>| {
        request.headers_mut().remove(SIGNATURE);
        request.headers_mut().remove(SIGNATURE_INPUT);
    };
    check(|_| {}, unsigned, "missing");
    let of_others = |sent: &mut Sent| sent.parameters.tag = Some("other".to_owned());
    check(of_others, |_| {}, "missing");
    check(|sent| sent.parameters.tag = None, |_| {}, "missing");
}

#[test]
fn a_change_of_what_is_covered_is_noticed() {
    let method = |request: &mut Request<()>| *request.method_mut() = Method::DELETE;
    check(|_| {}, method, "forged");
    for target in [
        "https://connector.example:8443/v1/accounts/8?page=2",
        "https://connector.example:8443/v1/accounts/7?page=3",
        "https://connector.example:8443/v1/accounts/7",
        "https://connector.example:8444/v1/accounts/7?page=2",
        "https://other.example:8443/v1/accounts/7?page=2",
    ] {
        let changed = |request: &mut Request<()>| *request.uri_mut() = target.parse().unwrap();
        check(|_| {}, changed, "forged");
    }
    for (name, value) in [
        ("x-caller", "mallory"),
        ("forwarded", "for=192.0.2.7;host=admin.example"),
    ] {
        let set = |request: &mut Request<()>| {
            request.headers_mut().insert(name, value.parse().unwrap());
        };
        check(|_| {}, set, "forged");
        let added = |request: &mut Request<()>| {
            request.headers_mut().append(name, value.parse().unwrap());
        };
        check(|_| {}, added, "forged");
        let removed = |request: &mut Request<()>| {
            request.headers_mut().remove(name);
        };
        check(|_| {}, removed, "forged");
        // It would be gone once the signature is verified (RFC 9110 §7.6.1).
        let taken_out = |request: &mut Request<()>| {
            let options = format!("close, {}", name.to_ascii_uppercase());
            let headers = request.headers_mut();
            headers.insert(CONNECTION, options.parse().unwrap());
        };
        check(|_| {}, taken_out, "hop-by-hop");
    }
}

#[test]
fn a_field_that_nobody_signed_cannot_be_slipped_in() {
    let nobody = |sent: &mut Sent| {
        sent.request.headers_mut().remove("x-caller");
        sent.components = components([]);
    };
    let added = |request: &mut Request<()>| {
        let value = "mallory".parse().unwrap();
        request.headers_mut().insert("x-caller", value);
    };
    check(nobody, added, "covers-too-little");
    let without = |name: &'static str| {
        move |sent: &mut Sent| {
            sent.components
                .retain(|component| component.to_string() != format!("\"{name}\""));
        }
    };
    for name in [
        "@method",
        "@authority",
        "@path",
        "@query",
        "forwarded",
        "x-caller",
    ] {
        check(without(name), |_| {}, "covers-too-little");
    }
    check(
        |sent| sent.parameters.nonce = None,
        |_| {},
        "covers-too-little",
    );
}

#[test]
fn a_key_is_known_and_the_right_one() {
    check(|sent| sent.secret = secret(OTHER), |_| {}, "forged");
    // HMAC with the octets of a public key is nobody's signature.
    let public = SigningKey::from_seed([7; 32]).trust_key().to_string();
    let confused = |sent: &mut Sent| {
        sent.secret = secret(public.as_bytes());
        sent.parameters.keyid = Some("pair".to_owned());
    };
    check(confused, |_| {}, "forged");
    for keyid in [None, Some("other".to_owned())] {
        check(|sent| sent.parameters.keyid = keyid, |_| {}, "unknown-key");
    }
    let other = |sent: &mut Sent| sent.parameters.alg = Some("ed25519".to_owned());
    check(other, |_| {}, "forged");
}

#[test]
fn a_signature_is_good_for_a_while() {
    let dated = |created: i64, expires: i64, label| {
        let at = |offset| NOW.seconds().checked_add_signed(offset);
        let date = |sent: &mut Sent| {
            sent.parameters.created = at(created);
            sent.parameters.expires = at(expires);
        };
        check(date, |_| {}, label);
    };
    dated(5, 20, "verified");
    dated(6, 20, "from-the-future");
    dated(-15, -4, "verified");
    dated(-15, -5, "expired");
    dated(-65, 600, "verified");
    dated(-66, 600, "expired");
    check(|sent| sent.parameters.created = None, |_| {}, "expired");
}

#[test]
fn a_signature_is_taken_once() {
    let verifier = verifier();
    let request = sent().signed();
    let take = |seconds: u64| {
        let result = verifier.verify(&head(&request), NOW.plus(seconds * 1000));
        result.map_or_else(|error| error.label(), |_| "verified")
    };
    assert_eq!(take(0), "verified");
    assert_eq!(take(0), "replayed");
    assert_eq!(take(19), "replayed");
    assert_eq!(take(20), "expired");
}

#[test]
fn a_guard_without_room_refuses_and_takes_more_later() {
    let verifier = verifier();
    let take = |number: usize, seconds: u64| {
        let mut sent = sent();
        sent.parameters.nonce = Some(number.to_string());
        sent.parameters.created = Some(NOW.seconds() + seconds);
        sent.parameters.expires = Some(NOW.seconds() + seconds + 15);
        let request = sent.signed();
        let result = verifier.verify(&head(&request), NOW.plus(seconds * 1000));
        result.map_or_else(|error| error.label(), |_| "verified")
    };
    for number in 0..1_000 {
        assert_eq!(take(number, 0), "verified");
    }
    assert_eq!(take(1_000, 0), "full");
    assert_eq!(take(1_000, 20), "full");
    assert_eq!(take(1_000, 22), "verified");
}

#[test]
fn of_several_signatures_that_of_the_gateway_is_looked_at_and_goes() {
    let others = |request: &mut Request<()>| {
        let headers = request.headers_mut();
        let input = "sig1=(\"@method\");keyid=\"client\";tag=\"app\"";
        headers.append(SIGNATURE_INPUT, input.parse().unwrap());
        headers.append(SIGNATURE, "sig1=:AAAA:".parse().unwrap());
    };
    check(|_| {}, others, "verified");
    let mut request = sent().signed();
    others(&mut request);
    let vouched = verify(&request).unwrap();
    assert_eq!(vouched.key, "mac");
    vouched.strip(request.headers_mut());
    let headers = request.headers();
    assert_eq!(
        headers[SIGNATURE_INPUT],
        "sig1=(\"@method\");keyid=\"client\";tag=\"app\""
    );
    assert_eq!(headers[SIGNATURE], "sig1=:AAAA:");

    let mut alone = sent().signed();
    verify(&alone).unwrap().strip(alone.headers_mut());
    assert!(!alone.headers().contains_key(SIGNATURE));
    assert!(!alone.headers().contains_key(SIGNATURE_INPUT));

    // Two of gateways: none of them.
    let again = |sent: &mut Sent| {
        let first = Sent {
            label: "first",
            ..self::sent()
        };
        sent.request = first.signed();
    };
    check(again, |_| {}, "several");
    // Two of one label.
    let twice = |sent: &mut Sent| sent.request = self::sent().signed();
    check(twice, |_| {}, "malformed");
}

#[test]
fn what_cannot_be_read_is_refused() {
    for (name, value) in [
        (SIGNATURE, "tidegate=:A".to_owned()),
        (SIGNATURE, "x".repeat(9_000)),
        (
            SIGNATURE_INPUT,
            format!("tidegate=();x=\"{}\"", "x".repeat(9_000)),
        ),
        (SIGNATURE_INPUT, "other=()".to_owned()),
        (SIGNATURE_INPUT, "tidegate=1".to_owned()),
        (
            SIGNATURE_INPUT,
            "tidegate=(\"@body\");tag=\"tidegate\"".to_owned(),
        ),
    ] {
        let set = |request: &mut Request<()>| {
            let value = value.parse().unwrap();
            request.headers_mut().insert(name.clone(), value);
        };
        check(|_| {}, set, "malformed");
        let odd = |request: &mut Request<()>| {
            let value = HeaderValue::from_bytes(b"\xff").unwrap();
            request.headers_mut().insert(name.clone(), value);
        };
        check(|_| {}, odd, "malformed");
        let lost = |request: &mut Request<()>| {
            request.headers_mut().remove(&name);
        };
        check(|_| {}, lost, "malformed");
    }
}

proptest! {
    #[test]
    fn no_field_is_too_odd_to_read(input in "[ -~]{0,80}", signature in "[ -~]{0,40}") {
        let mut request = sent().request;
        let headers = request.headers_mut();
        headers.insert(SIGNATURE_INPUT, input.parse().unwrap());
        headers.insert(SIGNATURE, signature.parse().unwrap());
        prop_assert!(verify(&request).is_err());
    }
}
