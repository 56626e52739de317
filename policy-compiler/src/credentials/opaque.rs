//! Opaque tokens for trying a policy: each says itself what a server would say of it, so that the
//! server needs to remember none.

use serde_json::{Value, json};
use tidegate_shared::bundle::Introspection;

use crate::Bearer;

pub(super) fn token(by: &Introspection, bearer: &Bearer) -> String {
    let Bearer {
        subject,
        scopes,
        claims,
        expired,
    } = bearer;
    let mut answer = claims.clone();
    let mut say = |name: &str, value: Value| {
        answer.entry(name).or_insert(value);
    };
    say("active", (!expired).into());
    say("sub", subject.as_str().into());
    if !scopes.is_empty() {
        say("scope", scopes.join(" ").into());
    }
    if let Some(audience) = by.audiences.first() {
        say("aud", audience.as_str().into());
    }
    if let Some(issuer) = &by.issuer {
        say("iss", issuer.as_str().into());
    }
    hex::encode(Value::Object(answer).to_string())
}

/// What a server says of the token in a request's body (RFC 7662 §2.2).
pub fn answer(form: &[u8]) -> Vec<u8> {
    let token = form_urlencoded::parse(form).find(|(name, _)| name == "token");
    let token = token.and_then(|(_, token)| hex::decode(token.as_bytes()).ok());
    let known = token.filter(|token| serde_json::from_slice::<Value>(token).is_ok());
    known.unwrap_or_else(|| json!({ "active": false }).to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use crate::source::Source;

    #[test]
    fn a_policy_can_be_tried_without_its_server() {
        let text = r#"
tidegate: v1
name: p
hosts: [api.example]
introspections:
  sessions:
    url: https://id.example/introspect
    client: { id: gateway, secret: client }
    audiences: [mobile]
    issuer: https://id.example
    from: { cookie: session }
apis:
  a:
    auth: { introspect: sessions, scopes: [read] }
    when: auth.claims.tier == "gold" && auth.subject == "alice"
    routes: [ { get: /, reply: { status: 204 } } ]
tests:
  - send: GET https://api.example/
    as: { introspect: sessions, subject: alice, scopes: [read], claims: { tier: gold } }
    expect: { status: 204 }
  - send: GET https://api.example/
    as: { introspect: sessions, subject: alice, scopes: [read], claims: { tier: tin } }
    expect: { problem: condition-unmet }
  - send: GET https://api.example/
    as: { introspect: sessions, claims: { tier: gold } }
    expect: { problem: scope-insufficient }
  - send: GET https://api.example/
    as: { introspect: sessions, claims: { aud: desk } }
    expect: { problem: credential-invalid }
  - send: GET https://api.example/
    as: { introspect: sessions, expired: true }
    expect: { problem: credential-invalid }
  - send: GET https://api.example/
    headers: { cookie: session=anything }
    expect: { problem: credential-invalid }
"#;
        let source = Source {
            path: "policy.yaml".into(),
            text: text.to_owned(),
        };
        let ir = crate::compile(&[source]).ir.unwrap();
        let results = crate::offline::run(&ir).unwrap();
        assert_eq!(results.len(), 6);
        for result in results {
            assert!(result.failures.is_empty(), "{result:?}");
        }
    }
}
