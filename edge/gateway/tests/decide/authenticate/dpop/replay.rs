//! A proof is good once (RFC 9449 §11.1).

use super::*;

#[test]
fn a_proof_is_good_once() {
    let world = World::new();
    let gateway = gateway_with(issuer(), &[]);
    let proof = draft().sign();
    assert_eq!(world.verdict(&gateway, &proven(&proof)), "forward");
    assert_eq!(world.verdict(&gateway, &proven(&proof)), INVALID);
    world.pass(Span(89_000));
    assert_eq!(world.verdict(&gateway, &proven(&proof)), INVALID);
    let later = NOW.seconds() + 89;
    let same_id = draft().claim("iat", later).sign();
    assert_eq!(world.verdict(&gateway, &proven(&same_id)), INVALID);
    let other_id = draft().claim("iat", later).id("other").sign();
    assert_eq!(world.verdict(&gateway, &proven(&other_id)), "forward");
}

/// The token is looked up the second time, the proof never is.
#[test]
fn a_token_that_is_known_is_proven_each_time() {
    let world = World::new();
    let gateway = gateway_with(issuer(), &[]);
    for (round, id) in (1..).zip(["1", "2", "3"]) {
        let proof = draft().id(id).sign();
        assert_eq!(world.verdict(&gateway, &proven(&proof)), "forward");
        assert_eq!(world.verifications.get(), round, "one for each proof");
    }
    let bare = request("GET /a").with("authorization", format!("DPoP {}", bound_token()));
    assert_eq!(world.verdict(&gateway, &bare), INVALID);
    assert_eq!(
        world.verdict(&gateway, &bearer(&bound_token())),
        "401 credential-invalid"
    );
}

/// What is refused takes no room and spends nothing.
#[test]
fn a_proof_that_is_refused_is_not_used() {
    let world = World::new();
    let gateway = gateway_with(issuer(), &[]);
    let proof = draft().sign();
    let mut posted = proven(&proof);
    posted.method = http::Method::POST;
    assert_eq!(world.verdict(&gateway, &posted), INVALID);
    assert_eq!(world.verdict(&gateway, &proven(&proof)), "forward");
}
