use super::super::{ApiKeyRing, ApiKeySource, Issuer, IssuerKeys, PinnedKeys, RingKeys};
use super::*;

fn tables() -> Tables {
    Tables {
        issuers: vec![Issuer::new(
            "customers",
            "https://id.bank.example",
            "mobile",
            IssuerKeys::Secret("legacy".to_owned()),
        )],
        api_keys: vec![ApiKeyRing {
            name: "partners".to_owned(),
            source: ApiKeySource::Header("x-api-key".to_owned()),
            prefix: None,
            keys: RingKeys::Pinned(PinnedKeys::default()),
        }],
        ..Tables::default()
    }
}

fn shadow(auth: Auth) -> Auth {
    Auth::Shadow(Box::new(auth))
}

#[test]
fn combinations_are_an_any_of_alls_of_credentials() {
    let (jwt, key) = (|| Auth::jwt(0), || Auth::api_key(0));
    let both = || Auth::All(vec![jwt(), key()]);
    for auth in [
        Auth::Public,
        jwt(),
        both(),
        Auth::Any(vec![jwt(), key(), Auth::Anonymous]),
        Auth::Any(vec![both(), key()]),
        shadow(jwt()),
        shadow(Auth::Any(vec![both(), Auth::Anonymous])),
        Auth::Any(vec![Auth::All(vec![jwt(), shadow(key())]), key()]),
    ] {
        assert!(auth.refers_within(&tables()), "{auth:?}");
    }
    for auth in [
        Auth::Anonymous,
        Auth::jwt(1),
        Auth::api_key(1),
        Auth::Jwt(JwtAuth {
            issuers: vec![],
            scopes: vec![],
        }),
        Auth::Any(vec![]),
        Auth::All(vec![]),
        Auth::Any(vec![Auth::All(vec![])]),
        Auth::Any(vec![Auth::Public]),
        Auth::Any(vec![Auth::Any(vec![jwt()])]),
        Auth::All(vec![jwt(), Auth::Anonymous]),
        Auth::All(vec![jwt(), Auth::Public]),
        Auth::All(vec![Auth::All(vec![jwt()])]),
        Auth::All(vec![Auth::Any(vec![jwt()])]),
        Auth::Any(vec![jwt(), Auth::All(vec![key(), Auth::api_key(1)])]),
        shadow(Auth::Public),
        shadow(Auth::Anonymous),
        shadow(shadow(jwt())),
        shadow(Auth::jwt(1)),
        Auth::Any(vec![jwt(), shadow(key())]),
        Auth::All(vec![shadow(jwt()), key()]),
        Auth::All(vec![jwt(), shadow(shadow(key()))]),
        Auth::All(vec![jwt(), shadow(Auth::api_key(1))]),
        Auth::Any(vec![key(); bounds::COMBINED + 1]),
        Auth::All(vec![key(); bounds::COMBINED + 1]),
    ] {
        assert!(!auth.refers_within(&tables()), "{auth:?}");
    }
}

#[test]
fn every_credential_of_a_combination_has_its_carrier() {
    let tables = tables();
    let auth = Auth::Any(vec![
        Auth::All(vec![Auth::jwt(0), Auth::api_key(0)]),
        Auth::Anonymous,
    ]);
    let expected = [
        Carrier::Authorization("Bearer"),
        Carrier::Header("x-api-key"),
    ];
    assert_eq!(auth.carriers(&tables), expected);
    assert_eq!(shadow(auth.clone()).carriers(&tables), expected);
    assert!(shadow(Auth::jwt(0)).is_open());
    assert!(auth.is_open());
    assert!(!Auth::Any(vec![Auth::jwt(0)]).is_open());
}
