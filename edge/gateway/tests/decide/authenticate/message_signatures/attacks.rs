//! What must not be let in: a request with somebody else's signature, or with one for another time.

use jwt_simple::algorithms::{ECDSAP256KeyPairLike as _, ES256KeyPair};
use proptest::prelude::*;

use super::*;

/// §7.2.2: what has a nonce is taken once, as long as it could be good again.
#[test]
fn a_signature_with_a_nonce_is_taken_once() {
    let gateway = gateway_of_signers(signers());
    let world = World::new();
    let with = |nonce: &str, created: u64| {
        signed(&Parameters {
            nonce: Some(nonce.to_owned()),
            created: Some(created),
            ..parameters()
        })
    };
    let now = NOW.seconds();
    assert_eq!(world.verdict(&gateway, &with("a", now)), "forward");
    let replayed = "401 credential-invalid";
    assert_eq!(world.verdict(&gateway, &with("a", now)), replayed);
    assert_eq!(world.verdict(&gateway, &with("a", now - 1)), replayed);
    assert_eq!(world.verdict(&gateway, &with("b", now)), "forward");
    world.now.set(NOW.plus(65_000));
    assert_eq!(world.verdict(&gateway, &with("a", now)), replayed);
    assert_eq!(world.verdict(&gateway, &with("a", now + 60)), replayed);
    world.now.set(NOW.plus(66_000));
    assert_eq!(world.verdict(&gateway, &with("a", now + 60)), "forward");
}

/// Else whoever guesses nonces could use them up for their owner.
#[test]
fn a_bad_signature_takes_no_nonce() {
    let gateway = gateway_of_signers(signers());
    let world = World::new();
    let good = signed(&Parameters {
        nonce: Some("a".to_owned()),
        ..parameters()
    });
    let mut bad = request("POST /v1/orders?urgent=2");
    bad.headers.clone_from(&good.headers);
    assert_eq!(world.verdict(&gateway, &bad), "401 credential-invalid");
    assert_eq!(world.verdict(&gateway, &good), "forward");
}

#[test]
fn a_nonce_can_be_asked_for() {
    let gateway = gateway_of_signers(Signers {
        once: true,
        ..signers()
    });
    let world = World::new();
    let without = signed(&parameters());
    assert_eq!(world.verdict(&gateway, &without), "401 credential-invalid");
    let reply = world.reply(&gateway, &unsigned());
    let mut headers = reply.headers.iter();
    let (_, wanted) = headers.find(|(own, _)| own == "accept-signature").unwrap();
    assert_eq!(
        wanted.to_str().unwrap(),
        "sig=(\"@method\" \"@target-uri\" \"content-digest\");created;keyid;nonce;tag=\"bank\""
    );
}

/// One signer's nonces leave room for those of others, and its own are never forgotten too soon.
#[test]
fn a_key_whose_nonces_fill_the_memory_is_refused() {
    let gateway = gateway_of_signers(signers());
    let world = World::new();
    let verdict = |number: u32| {
        let request = signed(&Parameters {
            nonce: Some(number.to_string()),
            ..parameters()
        });
        world.verdict(&gateway, &request)
    };
    for number in 0..16_384 {
        assert_eq!(verdict(number), "forward");
    }
    assert_eq!(verdict(16_384), "503 proofs-exhausted");
    assert_eq!(verdict(0), "401 credential-invalid");
}

/// §3.2: the parameters are signed as they stand.
#[test]
fn parameters_in_another_order_are_another_signature() {
    let mut request = signed(&parameters());
    let now = NOW.seconds();
    for (name, value) in &mut request.headers {
        if name == "signature-input" {
            let created = format!(";created={now}");
            assert!(value.contains(&created));
            *value = format!("{}{created}", value.replace(&created, ""));
        }
    }
    check(&request, "401 credential-invalid");
}

/// §4.1: a label is of one signature. Else the gateway could verify one and an origin another.
#[test]
fn a_label_that_stands_twice_is_refused() {
    for broken in ["signature", "signature-input"] {
        let mut request = signed(&parameters());
        for (name, value) in &mut request.headers {
            if name == broken {
                *value = format!("{value}, {value}");
            }
        }
        check(&request, "401 credential-invalid");
    }
    let twice = signed_as(signed(&parameters()), "a", &COVERED, &parameters());
    check(&twice, "401 credential-invalid");
}

/// Another consumer's name over one's own key is another key, and the wrong one.
#[test]
fn a_key_signs_for_its_own_consumer_only() {
    let mut signers = signers();
    let material = SignerMaterial::Secret("other".to_owned());
    signers.keys.push(SignerKey {
        id: "acme-1".to_owned(),
        consumer: "acme".to_owned(),
        plan: None,
        algorithm: SignatureAlgorithm::HmacSha256,
        material,
    });
    let gateway = gateway_of_signers(signers);
    let world = World::new();
    let request = signed(&Parameters {
        keyid: Some("acme-1".to_owned()),
        ..parameters()
    });
    assert_eq!(world.verdict(&gateway, &request), "401 credential-invalid");
}

/// What is over the bounds is refused before it is parsed.
#[test]
fn a_huge_field_is_refused() {
    let mut request = signed(&parameters());
    for (name, value) in &mut request.headers {
        if name == "signature-input" {
            value.push_str(&format!(";x=\"{}\"", "a".repeat(1 << 20)));
        }
    }
    check(&request, "401 credential-invalid");
}

/// Whoever sends many bad signatures does not get them all verified.
#[test]
fn few_signatures_are_verified() {
    let pair = ES256KeyPair::generate();
    let point = pair.key_pair().public_key().to_bytes_uncompressed();
    let mut signers = signers();
    signers.keys.push(SignerKey {
        id: "pair".to_owned(),
        consumer: "acme".to_owned(),
        plan: None,
        algorithm: SignatureAlgorithm::EcdsaP256Sha256,
        material: SignerMaterial::Public(KeyMaterial::P256(point.into())),
    });
    let gateway = gateway_of_signers(signers);
    let bad = Parameters {
        keyid: Some("pair".to_owned()),
        ..parameters()
    };
    let mut request = unsigned();
    for label in ["a", "b", "c", "d"] {
        request = signed_as(request, label, &COVERED, &bad);
    }
    let world = World::new();
    assert_eq!(world.verdict(&gateway, &request), "401 credential-invalid");
    assert_eq!(world.verifications.get(), 2);
}

proptest! {
    /// No change of a covered component is accepted.
    #[test]
    fn no_other_request_has_the_signature(
        method in "GET|POST|PUT",
        path in "/v1/[a-z]{1,6}",
        query in "(\\?[a-z]=[0-9])?",
        digest in "sha-256=:[A-Za-z]{4}:",
    ) {
        let good = signed(&parameters());
        let mut other = request(&format!("{method} {path}{query}")).with("content-digest", digest.clone());
        for (name, value) in &good.headers {
            if name != "content-digest" {
                other.headers.push((name.clone(), value.clone()));
            }
        }
        let same = method == "POST" && format!("{path}{query}") == "/v1/orders?urgent=1" && digest == "sha-256=:AAAA:";
        prop_assume!(!same);
        let gateway = gateway_of_signers(signers());
        prop_assert_eq!(World::new().verdict(&gateway, &other), "401 credential-invalid");
    }
}
