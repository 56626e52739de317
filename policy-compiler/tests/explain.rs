//! What `explain` says of a request.

#![cfg(test)]

use expect_test::{Expect, expect};
use tidegate_policy_compiler::explain::{Explanation, explain, render_human};
use tidegate_policy_compiler::source::Source;
use tidegate_policy_compiler::{Bearer, Ir, TestCaller, TestCredential, TestRequest, compile};

const POLICY: &str = r#"tidegate: v1
name: bank
hosts: [api.bank.example]
issuers:
  customers: { issuer: "https://id.bank.example", audiences: [mobile], algorithms: [HS256], secret: one }
upstreams:
  banking: { origins: { dc1: { url: "https://dc1.bank.example" } }, timeout: 3s }
limits:
  per-customer: { rate: 60/m, burst: 20, key: auth.subject }
apis:
  accounts:
    base: /accounts
    auth: { jwt: customers, scopes: [read] }
    limit: [per-customer]
    to: banking
    cors: { origins: ["https://app.bank.example"] }
    routes:
      - get: /{id}
        rewrite: { path: "/internal/{id}" }
        headers: { request: { set: { x-channel: mobile } } }
      - get: /{id}
        name: beta
        match: { headers: { x-beta: "1" }, query: { v: { present: true } } }
        auth: public
        limit: []
        reply: { text: beta }
      - post: /{id}/transfers
        auth:
          jwt: customers
          scopes: [write]
      - get: /{id}/audit
        when: '"audit" in auth.scopes'
"#;

fn compiled() -> (Ir, Vec<Source>) {
    let sources = vec![Source {
        path: "policy.yaml".into(),
        text: POLICY.to_owned(),
    }];
    (compile(&sources).ir.unwrap(), sources)
}

fn explained(request: &TestRequest) -> Explanation {
    let (ir, sources) = compiled();
    explain(&ir, &sources, request).unwrap()
}

fn check(request: &TestRequest, expect: &Expect) {
    expect.assert_eq(&render_human(&explained(request)));
}

fn request(line: &str) -> TestRequest {
    line.parse().unwrap()
}

fn with(line: &str, headers: &[(&'static str, &str)]) -> TestRequest {
    TestRequest {
        headers: headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), (*value).to_owned()))
            .collect(),
        ..request(line)
    }
}

fn by_alice(line: &str) -> TestRequest {
    TestRequest {
        callers: vec![TestCaller {
            credential: TestCredential::Token {
                issuer: 0,
                bearer: Bearer {
                    subject: "alice".to_owned(),
                    scopes: vec!["read".to_owned()],
                    claims: serde_json::Map::new(),
                    expired: false,
                },
            },
            revoked: false,
        }],
        ..request(line)
    }
}

#[test]
fn a_request_that_goes_through() {
    check(
        &by_alice("GET https://api.bank.example/accounts/7?a=b"),
        &expect![[r#"
            GET https://api.bank.example/accounts/7?a=b
            goes to `banking`

            accept        passed    host `api.bank.example`, path `/accounts/7`
            route         passed    `accounts GET /accounts/{id}`: GET, HEAD api.bank.example/accounts/{id}, id is `7`
                                    at policy.yaml:18
            screen        passed    pages that may call: `https://app.bank.example`
            authenticate  passed    a token of `https://id.bank.example` with `read`, here of `alice`
                                    at policy.yaml:13
            authorise     passed    asks for `read`
                                    at policy.yaml:13
            limit         passed    `per-customer`: 60/m, burst 20, for each auth.subject; after this request `"per-customer";r=19;t=1`
                                    at policy.yaml:14
            shape         passed    goes to `https://dc1.bank.example` as `/internal/7?a=b`, within 3s; set `x-channel: mobile`
                                    at policy.yaml:15

            routes that do not take it:
              `beta`: GET, HEAD api.bank.example/accounts/{id}
                it asks for header `x-beta: 1`, at policy.yaml:21
        "#]],
    );
}

#[test]
fn a_request_that_lacks_a_scope() {
    check(
        &by_alice("POST https://api.bank.example/accounts/7/transfers"),
        &expect![[r#"
            POST https://api.bank.example/accounts/7/transfers
            refused with 403 `scope-insufficient`

            accept        passed    host `api.bank.example`, path `/accounts/7/transfers`
            route         passed    `accounts POST /accounts/{id}/transfers`: POST api.bank.example/accounts/{id}/transfers, id is `7`
                                    at policy.yaml:27
            screen        passed    pages that may call: `https://app.bank.example`
            authenticate  passed    a token of `https://id.bank.example` with `write`, here of `alice`
                                    at policy.yaml:29
            authorise     REFUSED   asks for `write`: lacks scope `write`
                                    at policy.yaml:29
            limit         -         `per-customer`: 60/m, burst 20, for each auth.subject
                                    at policy.yaml:14
            shape         -         goes to `https://dc1.bank.example` with the path as it came, within 3s
                                    at policy.yaml:15
        "#]],
    );
}

#[test]
fn a_route_that_replies() {
    check(
        &with(
            "GET https://api.bank.example/accounts/7?v=2",
            &[("x-beta", "1")],
        ),
        &expect![[r#"
            GET https://api.bank.example/accounts/7?v=2
            answered with 200

            accept        passed    host `api.bank.example`, path `/accounts/7`
            route         passed    `beta`: GET, HEAD api.bank.example/accounts/{id}, id is `7`
                                    at policy.yaml:21
            screen        passed    pages that may call: `https://app.bank.example`
            authenticate  passed    everyone
                                    at policy.yaml:24
            authorise     passed    asks for no scope
                                    at policy.yaml:24
            limit         passed    no limits
            shape         answered  the gateway replies 200 with `content-type: text/plain; charset=utf-8` and the body `beta`
                                    at policy.yaml:26
        "#]],
    );
}

#[test]
fn a_preflight() {
    check(
        &with(
            "OPTIONS https://api.bank.example/accounts/7",
            &[
                ("origin", "https://app.bank.example"),
                ("access-control-request-method", "GET"),
            ],
        ),
        &expect![[r#"
            OPTIONS https://api.bank.example/accounts/7
            answered with 204

            accept        passed    host `api.bank.example`, path `/accounts/7`
            route         passed    `accounts GET /accounts/{id}`: GET, HEAD api.bank.example/accounts/{id}, id is `7`
                                    at policy.yaml:18
            screen        answered  pages that may call: `https://app.bank.example`
            authenticate  -         a token of `https://id.bank.example` with `read`
                                    at policy.yaml:13
            authorise     -         asks for `read`
                                    at policy.yaml:13
            limit         -         `per-customer`: 60/m, burst 20, for each auth.subject
                                    at policy.yaml:14
            shape         -         goes to `https://dc1.bank.example` as `/internal/{id}`, within 3s; set `x-channel: mobile`
                                    at policy.yaml:15

            routes that do not take it:
              `beta`: GET, HEAD api.bank.example/accounts/{id}
                it asks for header `x-beta: 1`, at policy.yaml:21
        "#]],
    );
}

#[test]
fn requests_that_no_route_takes() {
    let header = &[("x-beta", "1")];
    for (request, expect) in [
        (
            with("DELETE https://api.bank.example/accounts/7", header),
            expect![[r#"
                DELETE https://api.bank.example/accounts/7
                refused with 405 `method-not-allowed`

                accept        passed    host `api.bank.example`, path `/accounts/7`
                route         REFUSED   no route for the method
                screen        -
                authenticate  -
                authorise     -
                limit         -
                shape         -

                routes that do not take it:
                  `beta`: GET, HEAD api.bank.example/accounts/{id}
                    it serves GET, HEAD only, at policy.yaml:21
                  `accounts GET /accounts/{id}`: GET, HEAD api.bank.example/accounts/{id}
                    it serves GET, HEAD only, at policy.yaml:18
            "#]],
        ),
        (
            request("POST https://api.bank.example/accounts/7/transfer"),
            expect![[r#"
                POST https://api.bank.example/accounts/7/transfer
                refused with 404 `route-not-found`

                accept        passed    host `api.bank.example`, path `/accounts/7/transfer`
                route         REFUSED   no route
                screen        -
                authenticate  -
                authorise     -
                limit         -
                shape         -

                routes that do not take it:
                  `accounts POST /accounts/{id}/transfers`: POST api.bank.example/accounts/{id}/transfers
                    its path is another, at policy.yaml:27
                  `accounts GET /accounts/{id}/audit`: GET, HEAD api.bank.example/accounts/{id}/audit
                    its path is another, at policy.yaml:31
            "#]],
        ),
        (
            request("GET https://www.bank.example/accounts/7"),
            expect![[r#"
                GET https://www.bank.example/accounts/7
                refused with 404 `host-unknown`

                accept        passed    host `www.bank.example`, path `/accounts/7`
                route         REFUSED   no policy serves the host
                screen        -
                authenticate  -
                authorise     -
                limit         -
                shape         -

                routes that do not take it:
                  `beta`: GET, HEAD api.bank.example/accounts/{id}
                    it serves another host than `www.bank.example`, at policy.yaml:21
            "#]],
        ),
        (
            request("GET https://api.bank.example/accounts%2f7"),
            expect![[r#"
                GET https://api.bank.example/accounts%2f7
                refused with 400 `path-invalid`

                accept        REFUSED   the path has an encoded slash
                route         -
                screen        -
                authenticate  -
                authorise     -
                limit         -
                shape         -
            "#]],
        ),
    ] {
        check(&request, &expect);
    }
}

#[test]
fn for_programs() {
    let explanation = explained(&with(
        "GET https://api.bank.example/accounts/7",
        &[("x-beta", "1")],
    ));
    expect![[r#"
        {
          "request": "GET https://api.bank.example/accounts/7",
          "outcome": "refused with 401 `credential-missing`",
          "status": 401,
          "problem": "credential-missing",
          "route": "accounts GET /accounts/{id}",
          "steps": [
            {
              "phase": "accept",
              "state": "passed",
              "text": "host `api.bank.example`, path `/accounts/7`",
              "places": []
            },
            {
              "phase": "route",
              "state": "passed",
              "text": "`accounts GET /accounts/{id}`: GET, HEAD api.bank.example/accounts/{id}, id is `7`",
              "places": [
                {
                  "file": "policy.yaml",
                  "line": 18,
                  "column": 14
                }
              ]
            },
            {
              "phase": "screen",
              "state": "passed",
              "text": "pages that may call: `https://app.bank.example`",
              "places": []
            },
            {
              "phase": "authenticate",
              "state": "refused",
              "text": "a token of `https://id.bank.example` with `read`: no token",
              "places": [
                {
                  "file": "policy.yaml",
                  "line": 13,
                  "column": 18
                }
              ]
            },
            {
              "phase": "authorise",
              "state": "not-reached",
              "text": "asks for `read`",
              "places": [
                {
                  "file": "policy.yaml",
                  "line": 13,
                  "column": 18
                }
              ]
            },
            {
              "phase": "limit",
              "state": "not-reached",
              "text": "`per-customer`: 60/m, burst 20, for each auth.subject",
              "places": [
                {
                  "file": "policy.yaml",
                  "line": 14,
                  "column": 13
                }
              ]
            },
            {
              "phase": "shape",
              "state": "not-reached",
              "text": "goes to `https://dc1.bank.example` as `/internal/{id}`, within 3s; set `x-channel: mobile`",
              "places": [
                {
                  "file": "policy.yaml",
                  "line": 15,
                  "column": 9
                }
              ]
            }
          ],
          "others": [
            {
              "route": "beta",
              "serves": "GET, HEAD api.bank.example/accounts/{id}",
              "why": "it asks for query `v` present",
              "place": {
                "file": "policy.yaml",
                "line": 21,
                "column": 14
              }
            }
          ]
        }"#]].assert_eq(&serde_json::to_string_pretty(&explanation).unwrap());
}

#[test]
fn a_condition_that_does_not_hold() {
    check(
        &by_alice("GET https://api.bank.example/accounts/7/audit"),
        &expect![[r#"
            GET https://api.bank.example/accounts/7/audit
            refused with 403 `condition-unmet`

            accept        passed    host `api.bank.example`, path `/accounts/7/audit`
            route         passed    `accounts GET /accounts/{id}/audit`: GET, HEAD api.bank.example/accounts/{id}/audit, id is `7`
                                    at policy.yaml:31
            screen        passed    pages that may call: `https://app.bank.example`
            authenticate  passed    a token of `https://id.bank.example` with `read`, here of `alice`
                                    at policy.yaml:13
            authorise     REFUSED   asks for `read`, when `"audit" in auth.scopes`: `"audit" in auth.scopes` does not hold
                                    at policy.yaml:13
                                    at policy.yaml:32
            limit         -         `per-customer`: 60/m, burst 20, for each auth.subject
                                    at policy.yaml:14
            shape         -         goes to `https://dc1.bank.example` with the path as it came, within 3s
                                    at policy.yaml:15
        "#]],
    );
}
