//! Nonces that the gateway asks for (RFC 9449 §9; §4.3, point 10).

use super::*;

fn gateway_with_nonces(secret: &str) -> Gateway {
    let possession = Possession {
        binding: Some(Binding::Dpop),
        nonce: Some(secret.to_owned()),
    };
    gateway_with(
        Issuer {
            possession,
            ..issuer()
        },
        &[],
    )
}

/// The nonce that a refusal gives.
fn asked(world: &World, gateway: &Gateway, proof: &str) -> String {
    let reply = world.reply(gateway, &proven(proof));
    assert_eq!(problem(&reply).as_deref(), Some("proof-nonce"));
    let challenge = field(&reply, "www-authenticate").unwrap();
    assert!(challenge.starts_with("DPoP "));
    assert!(challenge.contains(r#"error="use_dpop_nonce""#));
    assert_eq!(field(&reply, "cache-control").as_deref(), Some("no-store"));
    field(&reply, "dpop-nonce").unwrap()
}

#[test]
fn a_proof_without_the_nonce_is_told_it() {
    let (world, gateway) = (World::new(), gateway_with_nonces("legacy"));
    let nonce = asked(&world, &gateway, &draft().sign());
    let proof = draft().claim("nonce", nonce.as_str()).sign();
    assert_eq!(world.verdict(&gateway, &proven(&proof)), "forward");
    assert_eq!(world.verdict(&gateway, &proven(&proof)), INVALID);
}

/// Another place has another memory, and the same secret.
#[test]
fn a_nonce_is_good_everywhere_for_a_minute_at_most() {
    let gateway = gateway_with_nonces("legacy");
    let nonce = asked(&World::new(), &gateway, &draft().sign());
    for (seconds, expected) in [(0, "forward"), (60, "401 proof-nonce")] {
        let world = World::new();
        world.pass(Span(seconds * 1000));
        let proof = draft()
            .claim("nonce", nonce.as_str())
            .claim("iat", NOW.seconds() + seconds)
            .sign();
        assert_eq!(world.verdict(&gateway, &proven(&proof)), expected);
    }
    for other in [json!("other"), json!(""), json!("ä")] {
        asked(
            &World::new(),
            &gateway,
            &draft().claim("nonce", other).sign(),
        );
    }
    let malformed = draft().claim("nonce", 7).sign();
    assert_eq!(World::new().verdict(&gateway, &proven(&malformed)), INVALID);
}

/// §8.2.
#[test]
fn the_next_nonce_comes_with_an_answer_before_it_is_needed() {
    let (world, gateway) = (World::new(), gateway_with_nonces("legacy"));
    let answer = |nonce: &str, id: &str| {
        let iat = world.now.get().seconds();
        let proof = draft().claim("nonce", nonce).claim("iat", iat).id(id);
        let forward = world.forward(&gateway, &proven(&proof.sign()));
        let edits = gateway.respond(&forward.exchange, &source::Ok200);
        let next = edits.set.iter().find(|(name, _)| name == "dpop-nonce");
        next.map(|(_, value)| value.to_str().unwrap().to_owned())
    };
    let first = asked(&world, &gateway, &draft().sign());
    assert_eq!(answer(&first, "1"), None);
    world.pass(Span(30_000));
    let second = answer(&first, "2").unwrap();
    assert_ne!(first, second);
    assert_eq!(answer(&second, "3"), None);
}

#[test]
fn without_a_good_secret_nothing_is_decided() {
    for secret in ["missing", "weak"] {
        let gateway = gateway_with_nonces(secret);
        let verdict = World::new().verdict(&gateway, &proven(&draft().sign()));
        assert_eq!(verdict, "500 internal", "{secret}");
    }
}
