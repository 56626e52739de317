use tidegate_shared::bundle::{ApiKeyAuth, ApiKeyRing, ApiKeySource, PinnedKeys, RingKeys};
use tidegate_shared::digest::Digest;

use super::*;

fn gateway_with(source: ApiKeySource, prefix: Option<&str>, keys: &[&str]) -> Gateway {
    let digests = keys.iter().map(|key| Digest::of(key.as_bytes()));
    let ring = ApiKeyRing {
        name: "partners".to_owned(),
        source,
        prefix: prefix.map(|prefix| prefix.parse().unwrap()),
        keys: RingKeys::Pinned(PinnedKeys::new([("acme".to_owned(), digests)])),
    };
    let tables = Tables {
        api_keys: vec![ring],
        ..tables()
    };
    let auth = Auth::api_key(0);
    gateway(tables, vec![("/a", Route { auth, ..route("a") })])
}

fn header() -> ApiKeySource {
    ApiKeySource::Header("x-api-key".to_owned())
}

#[test]
fn api_keys_are_known_by_their_digests() {
    let gateway = gateway_with(header(), None, &["old key", "new key"]);
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

#[test]
fn where_a_ring_has_a_prefix_only_a_well_formed_key_is_looked_for() {
    // The digest of a text without the form is in the ring, to show that it is not asked.
    let key = "bank_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17";
    let gateway = gateway_with(header(), Some("bank"), &[key, "hand-made"]);
    let world = World::new();
    for (key, expected) in [
        (key, "forward"),
        ("hand-made", "401 credential-invalid"),
        (
            "bank_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18",
            "401 credential-invalid",
        ),
        (
            "tdg_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17",
            "401 credential-invalid",
        ),
    ] {
        let request = request("GET /a").with("x-api-key", key);
        assert_eq!(world.verdict(&gateway, &request), expected, "{key}");
    }
}

#[test]
fn a_key_may_stand_in_authorization_after_its_scheme() {
    for (source, good, bad, challenge) in [
        (
            ApiKeySource::ApiKey,
            "apikey key",
            "Bearer key",
            "ApiKey realm=\"bank\"",
        ),
        (
            ApiKeySource::Bearer,
            "Bearer key",
            "ApiKey key",
            "Bearer realm=\"bank\"",
        ),
    ] {
        let gateway = gateway_with(source, None, &["key"]);
        let world = World::new();
        let call = |field: &str| request("GET /a").with("authorization", field);
        assert_eq!(world.verdict(&gateway, &call(good)), "forward");
        for missing in [call(bad), request("GET /a"), call("key")] {
            let reply = world.reply(&gateway, &missing);
            assert_eq!(problem(&reply).unwrap(), "credential-missing");
            assert_eq!(field(&reply, "www-authenticate").unwrap(), challenge);
        }
    }
}

/// Scopes are the consumer's, whichever of its keys is sent.
#[test]
fn a_key_has_the_scopes_of_its_consumer() {
    let granted = vec![(
        "acme".to_owned(),
        vec!["read".to_owned(), "write".to_owned()],
    )];
    for (source, name, value, challenge) in [
        (header(), "x-api-key", "key", None),
        (
            ApiKeySource::Bearer,
            "authorization",
            "Bearer key",
            Some("Bearer realm=\"bank\", error=\"insufficient_scope\", scope=\"read admin\""),
        ),
    ] {
        let keys = ["acme", "idle"].map(|name| {
            let key = if name == "acme" { "key" } else { "idle" };
            (name.to_owned(), [Digest::of(key.as_bytes())])
        });
        let ring = ApiKeyRing {
            name: "partners".to_owned(),
            source,
            prefix: None,
            keys: RingKeys::Pinned(PinnedKeys::new(keys).with_scopes(granted.clone())),
        };
        let asking = |scopes: &[&str]| {
            let tables = Tables {
                api_keys: vec![ring.clone()],
                ..tables()
            };
            let auth = Auth::ApiKey(ApiKeyAuth {
                ring: 0,
                scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            });
            gateway(tables, vec![("/a", Route { auth, ..route("a") })])
        };
        let request_with = |value: &str| request("GET /a").with(name, value);
        let (world, own) = (World::new(), request_with(value));
        assert_eq!(world.verdict(&asking(&["read"]), &own), "forward");
        assert_eq!(world.verdict(&asking(&["write", "read"]), &own), "forward");
        let lacking = asking(&["read", "admin"]);
        assert_eq!(world.verdict(&lacking, &own), "403 scope-insufficient");
        let reply = world.reply(&lacking, &own);
        assert_eq!(field(&reply, "www-authenticate").as_deref(), challenge);
        let idle = request_with(&value.replace("key", "idle"));
        assert_eq!(
            world.verdict(&asking(&["read"]), &idle),
            "403 scope-insufficient"
        );
        assert_eq!(world.verdict(&asking(&[]), &idle), "forward");
    }
}
