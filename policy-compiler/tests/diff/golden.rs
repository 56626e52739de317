//! The texts.

#[path = "golden/credentials.rs"]
mod credentials;
#[path = "golden/routes.rs"]
mod routes;
#[path = "golden/tokens.rs"]
mod tokens;
#[path = "golden/upstreams.rs"]
mod upstreams;

use expect_test::{Expect, expect};
use tidegate_policy_compiler::diff::{
    ChangeKind, diff, render_human, render_json, render_markdown,
};

use crate::side;

const OLD: &str = r#"
tidegate: v1
name: bank
hosts: [api.bank.example]
issuers:
  customers: { issuer: "https://id.bank.example", audiences: [mobile], algorithms: [HS256], secret: one }
api_keys:
  partners:
    consumers:
      acme: { sha256: a6e6e4d1c7b1c2a5d6c1b8b7a1d2f47d5b1e8a3c0f9d2e4b6a7c8d9e0f1a2b3c }
upstreams:
  banking:
    origins:
      dc1: { url: "https://dc1.bank.example" }
      dc2: { url: "https://dc2.bank.example" }
    timeout: 3s
  reports:
    origins: { dc1: { url: "https://reports.bank.example" } }
limits:
  per-customer: { rate: 60/m, burst: 20, key: auth.subject }
apis:
  accounts:
    base: /accounts
    auth: { jwt: customers, scopes: [read] }
    limit: [per-customer]
    to: banking
    routes:
      - get: /{id}
      - post: /{id}/transfers
        auth: { jwt: customers, scopes: [read, write] }
  partners:
    base: /partners
    auth: { api_key: partners }
    to: banking
    routes:
      - get: /*
      - { get: /reports, to: reports }
  status:
    auth: public
    routes:
      - { get: /status, reply: { text: fine } }
"#;

/// What a policy with these texts replaced changes.
fn check(replace: &[(&str, &str)], expect: &Expect) {
    let mut new = OLD.to_owned();
    for (old, text) in replace {
        assert!(new.contains(old), "`{old}` is not in the policy");
        new = new.replacen(old, text, 1);
    }
    expect.assert_eq(&render_human(&diff(&side(OLD), &side(&new))));
}

const PARTNERS: &str = "    auth: { api_key: partners }";

/// What the routes of the partners' API change to, when others may call them.
fn check_auth(old: &str, new: &str, expect: &Expect) {
    let with = |auth: &str| OLD.replacen(PARTNERS, &format!("    auth: {auth}"), 1);
    let both = (side(&with(old)), side(&with(new)));
    let changes = diff(&both.0, &both.1);
    let mut lines: Vec<String> = changes
        .iter()
        .map(|change| format!("{} {}\n", change.severity, change.kind))
        .collect();
    lines.dedup();
    expect.assert_eq(&lines.concat());
}

#[test]
fn order_names_and_ways_to_write_tell_nothing() {
    check(
        &[
            ("      - get: /{id}\n", ""),
            (
                "  partners:\n    base",
                "  more:\n    base: /accounts/{number}\n    auth: { jwt: clients, scopes: [read] }\n    limit: [per-customer]\n    to: money\n    timeout: 3s\n    routes:\n      - { methods: [get, head], path: / }\n  partners:\n    base",
            ),
            ("  customers:", "  clients:"),
            (
                "jwt: customers, scopes: [read] }\n    limit: [per-customer]\n    to: banking",
                "jwt: clients, scopes: [read] }\n    limit: [per-customer]\n    to: money",
            ),
            (
                "{ jwt: customers, scopes: [read, write]",
                "{ jwt: clients, scopes: [write, read]",
            ),
            ("  banking:\n", "  money:\n"),
            ("dc1: { url: \"https://dc1", "east: { url: \"https://dc1"),
            (
                "api_key: partners }\n    to: banking",
                "api_key: partners }\n    to: money",
            ),
            ("acme:", "zenith:"),
        ],
        &expect![[""]],
    );
}

#[test]
fn credentials_scopes_and_limits() {
    check(
        &[
            ("scopes: [read] }", "scopes: [read, audit] }"),
            ("scopes: [read, write]", "scopes: [write]"),
            ("60/m, burst: 20", "60/m, burst: 40"),
            ("audiences: [mobile]", "audiences: [mobile, web]"),
            ("acme: { sha256: a6", "acme: { sha256: b6"),
            (
                "secret: one",
                "secret: other, type: at+jwt, max_age: 1h, claims: { tier: [gold, silver] }",
            ),
        ],
        &expect![[r#"
            loosens: audiences
              GET, HEAD api.bank.example/accounts/{id}
              POST api.bank.example/accounts/{id}/transfers
                - `mobile`
                + `mobile`, `web`

            loosens: scopes
              POST api.bank.example/accounts/{id}/transfers
                - `read`, `write`
                + `write`

            loosens: limit-changed
              GET, HEAD api.bank.example/accounts/{id}
              POST api.bank.example/accounts/{id}/transfers
                - `per-customer`: 60/m, burst 20, for each auth.subject
                + `per-customer`: 60/m, burst 40, for each auth.subject

            tightens: token-type
              GET, HEAD api.bank.example/accounts/{id}
              POST api.bank.example/accounts/{id}/transfers
                - any type
                + `at+jwt`

            tightens: token-age
              GET, HEAD api.bank.example/accounts/{id}
              POST api.bank.example/accounts/{id}/transfers
                - any age
                + 3600s

            tightens: claims
              GET, HEAD api.bank.example/accounts/{id}
              POST api.bank.example/accounts/{id}/transfers
                - none
                + `tier` one of "gold", "silver"

            tightens: scopes
              GET, HEAD api.bank.example/accounts/{id}
                - `read`
                + `audit`, `read`

            changes: issuer-keys
              GET, HEAD api.bank.example/accounts/{id}
              POST api.bank.example/accounts/{id}/transfers
                - the secret `one`
                + the secret `other`

            changes: api-keys
              GET, HEAD api.bank.example/partners/*
              GET, HEAD api.bank.example/partners/reports
                - key a6e6e4d1c7b1 of `acme`
                + key b6e6e4d1c7b1 of `acme`

            16 changes: 5 loosens, 7 tightens, 4 changes
        "#]],
    );
}

#[test]
fn conditions() {
    check(
        &[
            (
                "      - get: /{id}\n",
                "      - get: /{id}\n        when: auth.claims.tier == \"gold\"\n",
            ),
            (
                "      - { get: /reports, to: reports }",
                "      - { get: /reports, to: reports }\n      - { any: /open/*, when: auth.issuer != \"x\" }",
            ),
        ],
        &expect![[r#"
            loosens: route-added
              POST, PUT, PATCH, DELETE, OPTIONS, extension methods api.bank.example/partners/open/*
                + an API key in `x-api-key`, when `auth.issuer != "x"`; goes to `https://dc1.bank.example`, then `https://dc2.bank.example`

            tightens: route-added
              GET, HEAD api.bank.example/partners/open/*
                - taken by `partners GET /partners/*`: an API key in `x-api-key`; goes to `https://dc1.bank.example`, then `https://dc2.bank.example`
                + an API key in `x-api-key`, when `auth.issuer != "x"`; goes to `https://dc1.bank.example`, then `https://dc2.bank.example`

            tightens: conditions
              GET, HEAD api.bank.example/accounts/{id}
                - none
                + `auth.claims.tier == "gold"`

            3 changes: 1 loosens, 2 tightens
        "#]],
    );
}

#[test]
fn for_programs_and_for_comments() {
    let new = OLD.replace("name: bank", "name: house").replace(
        "auth: { api_key: partners }\n    to: banking\n    routes:\n      - get: /*",
        "auth: { api_key: partners }\n    to: banking\n    routes:\n      - any: /*",
    );
    let changes = diff(&side(OLD), &side(&new));
    expect![[r#"
        **2 changes: 1 loosens, 1 changes**

        | severity | change | where | before | after |
        |---|---|---|---|---|
        | loosens | route-added | POST, PUT, PATCH, DELETE, OPTIONS, extension methods api.bank.example/partners/\* | – | an API key in `x-api-key`; goes to `https://dc1.bank.example`, then `https://dc2.bank.example` |
        | changes | realm |  | realm `bank` | realm `house` |
    "#]].assert_eq(&render_markdown(&changes));
    expect![[r#"
        {
          "changes": [
            {
              "after": "an API key in `x-api-key`; goes to `https://dc1.bank.example`, then `https://dc2.bank.example`",
              "before": null,
              "kind": "route-added",
              "place": {
                "conditions": "",
                "hosts": [
                  "api.bank.example"
                ],
                "methods": [
                  "POST",
                  "PUT",
                  "PATCH",
                  "DELETE",
                  "OPTIONS",
                  "*"
                ],
                "path": "/partners/*",
                "route": "partners ANY /partners/*"
              },
              "severity": "loosens"
            },
            {
              "after": "realm `house`",
              "before": "realm `bank`",
              "kind": "realm",
              "place": null,
              "severity": "changes"
            }
          ]
        }"#]].assert_eq(&serde_json::to_string_pretty(&render_json(&changes)).unwrap());
    assert_eq!(render_markdown(&[]), "Nothing changes for callers.\n");
}

/// The documentation has a line for every kind.
#[test]
fn every_kind_is_documented() {
    let page = std::fs::read_to_string("../docs/shipping.md").unwrap();
    for kind in ChangeKind::ALL {
        assert!(page.contains(&format!("`{kind}`")), "{kind}");
    }
}
