//! What is made is accepted, and outlives a change of the policy.

use super::*;
use crate::source::Source;

#[test]
fn tokens_are_bound_as_their_issuer_asks() {
    let text = r#"
tidegate: v1
name: p
hosts: [api.example]
issuers:
  key: { issuer: "https://a.example", audiences: [x], algorithms: [HS256], secret: one, binding: dpop, dpop: { nonce: n } }
  certificate: { issuer: "https://b.example", audiences: [x], algorithms: [HS256], secret: one, binding: certificate }
  either: { issuer: "https://c.example", audiences: [x], algorithms: [HS256], secret: one, binding: any }
apis:
  a:
    auth: { jwt: [key, certificate, either] }
    routes: [ { get: /, reply: { status: 204 } } ]
tests:
  - { send: "GET https://api.example/", as: { jwt: key }, expect: { status: 204 }, repeat: 2 }
  - { send: "GET https://api.example/", as: { jwt: certificate }, expect: { status: 204 } }
  - { send: "GET https://api.example/", as: { jwt: either }, expect: { status: 204 } }
"#;
    let source = Source {
        path: "policy.yaml".into(),
        text: text.to_owned(),
    };
    let ir = crate::compile(&[source]).ir.unwrap();
    for result in crate::offline::run(&ir).unwrap() {
        assert!(result.failures.is_empty(), "{result:?}");
    }
}

#[test]
fn issuers_that_name_one_secret_have_one() {
    let text = r#"
tidegate: v1
name: p
hosts: [api.example]
issuers:
  a: { issuer: "https://a.example", audiences: [x], algorithms: [HS256], secret: one }
  b: { issuer: "https://b.example", audiences: [x], algorithms: [HS256], secret: one }
  c: { issuer: "https://c.example", audiences: [x], algorithms: [HS256], secret: other }
apis:
  a:
    auth: { jwt: [a, b, c] }
    routes: [ { get: /, reply: { status: 204 } } ]
tests:
  - { send: "GET https://api.example/", as: { jwt: a }, expect: { status: 204 } }
  - { send: "GET https://api.example/", as: { jwt: b }, expect: { status: 204 } }
  - { send: "GET https://api.example/", as: { jwt: c }, expect: { status: 204 } }
"#;
    let source = Source {
        path: "policy.yaml".into(),
        text: text.to_owned(),
    };
    let mut ir = crate::compile(&[source]).ir.unwrap();
    for result in crate::offline::run(&ir).unwrap() {
        assert!(result.failures.is_empty(), "{result:?}");
    }
    let mut credentials = Credentials::install(&mut ir).unwrap();
    let secrets = |credentials: &Credentials| {
        let all = credentials.secrets();
        let all = all.map(|(name, secret)| (name.to_owned(), secret));
        all.collect::<Vec<_>>()
    };
    let before = secrets(&credentials);
    assert_eq!(before[0], before[1]);
    assert_ne!(before[0].1, before[2].1);
    credentials.renew(&mut ir).unwrap();
    assert_eq!(secrets(&credentials), before);
}
