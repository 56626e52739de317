use tidegate_shared::bundle::{ApiKeyRing, Consumer};
use tidegate_shared::digest::Digest;

use super::*;

#[test]
fn api_keys_are_known_by_their_digests() {
    let ring = ApiKeyRing {
        name: "partners".to_owned(),
        header: "x-api-key".to_owned(),
        consumers: vec![Consumer {
            name: "acme".to_owned(),
            keys: vec![Digest::of(b"old key"), Digest::of(b"new key")],
        }],
    };
    let tables = Tables {
        api_keys: vec![ring],
        ..tables()
    };
    let gateway = gateway(
        tables,
        vec![(
            "/a",
            Route {
                auth: Auth::ApiKey(0),
                ..route("a")
            },
        )],
    );
    let world = World::new();
    for (key, expected) in [
        (Some("old key"), "forward"),
        (Some("new key"), "forward"),
        (Some("other"), "401 credential-invalid"),
        (Some(""), "401 credential-invalid"),
        (None, "401 credential-missing"),
    ] {
        let request = match key {
            Some(key) => request("GET /a").with("x-api-key", key),
            None => request("GET /a"),
        };
        assert_eq!(world.verdict(&gateway, &request), expected, "{key:?}");
    }
}
