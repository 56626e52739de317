use serde_json::json;

use super::*;

#[test]
fn challenges_say_what_is_wrong_and_no_more() {
    let gateway = gateway_with(issuer(), &[]);
    let missing = World::new().reply(&gateway, &request("GET /a"));
    assert_eq!(
        field(&missing, "www-authenticate").as_deref(),
        Some("Bearer realm=\"bank\"")
    );
    let token = hs256(&with("aud", json!("other")));
    let invalid = World::new().reply(&gateway, &bearer(&token));
    assert_eq!(
        field(&invalid, "www-authenticate").as_deref(),
        Some("Bearer realm=\"bank\", error=\"invalid_token\"")
    );
    assert!(
        !String::from_utf8(invalid.body.to_vec())
            .unwrap()
            .contains("aud")
    );
}
