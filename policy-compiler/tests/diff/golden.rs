//! The texts.

use std::collections::BTreeSet;

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
fn scopes_of_api_keys() {
    let consumer =
        "acme: { sha256: a6e6e4d1c7b1c2a5d6c1b8b7a1d2f47d5b1e8a3c0f9d2e4b6a7c8d9e0f1a2b3c }";
    let scoped = consumer.replace(" }", ", scopes: [read] }");
    check(
        &[
            (consumer, &scoped),
            (PARTNERS, "    auth: { api_key: partners, scopes: [read] }"),
        ],
        &expect![[r#"
            loosens: key-scopes
              GET, HEAD api.bank.example/partners/*
              GET, HEAD api.bank.example/partners/reports
                - none
                + `read` for `acme`

            tightens: scopes
              GET, HEAD api.bank.example/partners/*
              GET, HEAD api.bank.example/partners/reports
                - none
                + `read`

            4 changes: 2 loosens, 2 tightens
        "#]],
    );
}

#[test]
fn client_certificates() {
    let policy = |issuer: &str, consumers: &str| {
        let certificates = format!(
            "certificates: {{ machines: {{ {issuer}consumers: {{ {consumers} }} }} }}\nupstreams:"
        );
        let text = OLD.replacen("upstreams:", &certificates, 1);
        side(&text.replacen(PARTNERS, "    auth: { certificate: machines }", 1))
    };
    let pin = "a: { sha256: a6e6e4d1c7b1c2a5d6c1b8b7a1d2f47d5b1e8a3c0f9d2e4b6a7c8d9e0f1a2b3c }";
    let van = "b: { spiffe: \"spiffe://m.example/fleet/*\" }";
    let of = "issuer: [CN=M], ";
    for (old, new, expect) in [
        (
            policy(of, pin),
            policy("issuer: [CN=M, \"CN=N\"], ", &format!("{pin}, {van}")),
            expect![[r#"
                loosens: certificate-issuers
                  GET, HEAD api.bank.example/partners/*
                  GET, HEAD api.bank.example/partners/reports
                    - `CN=M`
                    + `CN=M`, `CN=N`

                loosens: certificate-holders
                  GET, HEAD api.bank.example/partners/*
                  GET, HEAD api.bank.example/partners/reports
                    - `a` (`a6e6e4d1c7b1`)
                    + `a` (`a6e6e4d1c7b1`), `b` (spiffe `spiffe://m.example/fleet/*`)

                4 changes: 4 loosens
            "#]],
        ),
        (
            policy("", pin),
            policy(of, pin),
            expect![[r#"
                tightens: certificate-issuers
                  GET, HEAD api.bank.example/partners/*
                  GET, HEAD api.bank.example/partners/reports
                    - whomever the platform trusts
                    + `CN=M`

                2 changes: 2 tightens
            "#]],
        ),
        (
            policy(of, van),
            policy(
                of,
                "b: { spiffe: \"spiffe://m.example/*/*\", subject: CN=v }",
            ),
            expect![[r#"
                changes: certificate-holders
                  GET, HEAD api.bank.example/partners/*
                  GET, HEAD api.bank.example/partners/reports
                    - `b` (spiffe `spiffe://m.example/fleet/*`)
                    + `b` (`CN=v`, spiffe `spiffe://m.example/*/*`)

                2 changes: 2 changes
            "#]],
        ),
    ] {
        expect.assert_eq(&render_human(&diff(&old, &new)));
    }
    check(
        &[
            (
                "upstreams:",
                &format!("certificates: {{ m: {{ {of}consumers: {{ {van} }} }} }}\nupstreams:"),
            ),
            (PARTNERS, "    auth: { certificate: m }"),
        ],
        &expect![[r#"
            changes: credential-kind
              GET, HEAD api.bank.example/partners/*
              GET, HEAD api.bank.example/partners/reports
                - an API key in `x-api-key`
                + a client certificate of `CN=M`

            2 changes: 2 changes
        "#]],
    );
}

#[test]
fn combinations_of_credentials() {
    let key = "{ api_key: partners }";
    let either = "{ any: [{ api_key: partners }, { jwt: customers }] }";
    let other_way = "{ any: [{ jwt: customers }, { api_key: partners }] }";
    let both = "{ all: [{ api_key: partners }, { jwt: customers }] }";
    let both_turned = "{ all: [{ jwt: customers }, { api_key: partners }] }";
    let open = "{ any: [{ api_key: partners }, anonymous] }";
    let open_either = "{ any: [{ api_key: partners }, { jwt: customers }, anonymous] }";
    let watched = "{ api_key: partners, mode: shadow }";
    let beside = "{ all: [{ api_key: partners }, { jwt: customers, mode: shadow }] }";
    let scoped = "{ any: [{ api_key: partners }, { jwt: customers, scopes: [read] }] }";
    for (old, new, expected) in [
        (key, "{ any: [{ api_key: partners }] }", expect![""]),
        (
            key,
            either,
            expect![[r#"
            loosens alternative-added
        "#]],
        ),
        (
            either,
            key,
            expect![[r#"
            tightens alternative-removed
        "#]],
        ),
        (
            either,
            other_way,
            expect![[r#"
            changes credential-order
        "#]],
        ),
        (
            either,
            scoped,
            expect![[r#"
            tightens scopes
        "#]],
        ),
        (
            key,
            both,
            expect![[r#"
            tightens credential-added
        "#]],
        ),
        (
            both,
            key,
            expect![[r#"
            loosens credential-removed
        "#]],
        ),
        (
            both,
            both_turned,
            expect![[r#"
            changes credential-order
        "#]],
        ),
        (
            key,
            open,
            expect![[r#"
            exposes became-anonymous
        "#]],
        ),
        (
            open,
            key,
            expect![[r#"
            tightens credential-required
        "#]],
        ),
        (
            open,
            "public",
            expect![[r#"
            loosens became-public
        "#]],
        ),
        (
            "public",
            open,
            expect![[r#"
            tightens credential-required
        "#]],
        ),
        (
            either,
            "public",
            expect![[r#"
            exposes became-public
        "#]],
        ),
        (
            open,
            open_either,
            expect![[r#"
            changes alternative-added
        "#]],
        ),
        (
            either,
            both,
            expect![[r#"
            loosens alternative-added
            tightens alternative-removed
        "#]],
        ),
        (
            key,
            watched,
            expect![[r#"
            exposes became-public
            changes shadow
        "#]],
        ),
        (
            watched,
            key,
            expect![[r#"
            tightens credential-required
            changes shadow
        "#]],
        ),
        (
            "public",
            watched,
            expect![[r#"
            changes shadow
        "#]],
        ),
        (
            key,
            beside,
            expect![[r#"
            changes shadow
        "#]],
        ),
        (
            beside,
            both,
            expect![[r#"
            tightens credential-added
            changes shadow
        "#]],
        ),
        (
            "{ jwt: customers }",
            open,
            expect![[r#"
            exposes became-anonymous
            changes credential-kind
        "#]],
        ),
    ] {
        check_auth(old, new, &expected);
    }
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
fn what_becomes_public_comes_first() {
    check(
        &[
            ("timeout: 3s", "timeout: 5s"),
            ("auth: { api_key: partners }", "auth: public"),
        ],
        &expect![[r#"
            exposes: became-public
              GET, HEAD api.bank.example/partners/*
              GET, HEAD api.bank.example/partners/reports
                - an API key in `x-api-key`
                + everyone

            changes: timeout
              GET, HEAD api.bank.example/accounts/{id}
              POST api.bank.example/accounts/{id}/transfers
              GET, HEAD api.bank.example/partners/*
                - 3s
                + 5s

            5 changes: 2 exposes, 3 changes
        "#]],
    );
}

#[test]
fn a_route_that_takes_requests_of_another() {
    check(
        &[(
            "      - { get: /reports, to: reports }",
            "      - { get: /reports, to: reports }\n      - { any: /open/*, auth: public }",
        )],
        &expect![[r#"
            exposes: route-added
              POST, PUT, PATCH, DELETE, OPTIONS, extension methods api.bank.example/partners/open/*
                + everyone; goes to `https://dc1.bank.example`, then `https://dc2.bank.example`

            exposes: route-added
              GET, HEAD api.bank.example/partners/open/*
                - taken by `partners GET /partners/*`: an API key in `x-api-key`; goes to `https://dc1.bank.example`, then `https://dc2.bank.example`
                + everyone; goes to `https://dc1.bank.example`, then `https://dc2.bank.example`

            2 changes: 2 exposes
        "#]],
    );
}

#[test]
fn a_route_whose_requests_go_to_another() {
    check(
        &[
            ("      - { get: /reports, to: reports }\n", ""),
            (
                "      - { get: /status, reply: { text: fine } }",
                "      - { get: /healthz, reply: { text: fine } }",
            ),
            (
                "\n  reports:\n    origins: { dc1: { url: \"https://reports.bank.example\" } }",
                "",
            ),
        ],
        &expect![[r#"
            exposes: route-added
              GET, HEAD api.bank.example/healthz
                + everyone; the gateway replies 200 with `content-type: text/plain; charset=utf-8` and the body `fine`

            tightens: route-removed
              GET, HEAD api.bank.example/status
                - everyone; the gateway replies 200 with `content-type: text/plain; charset=utf-8` and the body `fine`

            changes: route-removed
              GET, HEAD api.bank.example/partners/reports
                - an API key in `x-api-key`; goes to `https://reports.bank.example`
                + taken by `partners GET /partners/*`: an API key in `x-api-key`; goes to `https://dc1.bank.example`, then `https://dc2.bank.example`

            3 changes: 1 exposes, 1 tightens, 1 changes
        "#]],
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
fn another_issuer_and_another_place_for_tokens() {
    check(
        &[
            (
                "secret: one }",
                "secret: one, from: { header: x-token } }\n  staff: { issuer: \"https://staff.bank.example\", audiences: [desk], algorithms: [HS256], secret: two }",
            ),
            (
                "jwt: customers, scopes: [read] }",
                "jwt: [customers, staff], scopes: [read] }",
            ),
        ],
        &expect![[r#"
            loosens: issuer
              GET, HEAD api.bank.example/accounts/{id}
                - `https://id.bank.example`
                + `https://id.bank.example`, `https://staff.bank.example`

            changes: token-source
              GET, HEAD api.bank.example/accounts/{id}
              POST api.bank.example/accounts/{id}/transfers
                - `Authorization: Bearer`
                + the header `x-token`

            3 changes: 1 loosens, 2 changes
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
fn destinations_headers_cors_and_replies() {
    check(
        &[
            (
                "dc2: { url: \"https://dc2.bank",
                "dc2: { url: \"https://dc3.bank",
            ),
            (
                "hosts: [api.bank.example]",
                "hosts: [api.bank.example]\ncors: { origins: [\"https://app.bank.example\"] }\nheaders: { response: { set: { x-a: b } } }",
            ),
            (
                "      - get: /*\n",
                "      - { get: /*, rewrite: { path: \"/v1/{*}\" }, timeout: 1s }\n",
            ),
            ("text: fine", "status: 204"),
        ],
        &expect![[r#"
            loosens: cors-added
              GET, HEAD api.bank.example/accounts/{id}
              POST api.bank.example/accounts/{id}/transfers
              GET, HEAD api.bank.example/partners/*
              GET, HEAD api.bank.example/partners/reports
              GET, HEAD api.bank.example/status
                + `https://app.bank.example`

            changes: destination
              GET, HEAD api.bank.example/accounts/{id}
              POST api.bank.example/accounts/{id}/transfers
              GET, HEAD api.bank.example/partners/*
                - `https://dc1.bank.example`, then `https://dc2.bank.example`
                + `https://dc1.bank.example`, then `https://dc3.bank.example`

            changes: reply
              GET, HEAD api.bank.example/status
                - 200 with `content-type: text/plain; charset=utf-8` and the body `fine`
                + 204

            changes: rewrite
              GET, HEAD api.bank.example/partners/*
                - the path as it came
                + `/v1/{*}`

            changes: timeout
              GET, HEAD api.bank.example/partners/*
                - 3s
                + 1s

            changes: response-headers
              GET, HEAD api.bank.example/accounts/{id}
              POST api.bank.example/accounts/{id}/transfers
              GET, HEAD api.bank.example/partners/*
              GET, HEAD api.bank.example/partners/reports
              GET, HEAD api.bank.example/status
                - none
                + set `x-a: b`

            16 changes: 5 loosens, 11 changes
        "#]],
    );
}

#[test]
fn a_host_of_its_own_takes_requests_of_a_wildcard() {
    let old = OLD.replace("hosts: [api.bank.example]", "hosts: [\"*.bank.example\"]");
    let new = old.replace(
        "  status:\n",
        "  status:\n    hosts: [\"*.bank.example\", status.bank.example]\n",
    );
    expect![[r#"
        tightens: route-removed
          POST status.bank.example/accounts/{id}/transfers
            - a token of `https://id.bank.example` with `read` and `write`; goes to `https://dc1.bank.example`, then `https://dc2.bank.example`

        tightens: route-removed
          GET, HEAD status.bank.example/accounts/{id}
            - a token of `https://id.bank.example` with `read`; goes to `https://dc1.bank.example`, then `https://dc2.bank.example`

        tightens: route-removed
          GET, HEAD status.bank.example/partners/*
            - an API key in `x-api-key`; goes to `https://dc1.bank.example`, then `https://dc2.bank.example`

        tightens: route-removed
          GET, HEAD status.bank.example/partners/reports
            - an API key in `x-api-key`; goes to `https://reports.bank.example`

        4 changes: 4 tightens
    "#]].assert_eq(&render_human(&diff(&side(&old), &side(&new))));
}

#[test]
fn a_consumer_whose_name_a_condition_asks_for() {
    let old = OLD.replace(
        "auth: { api_key: partners }",
        "auth: { api_key: partners }\n    when: auth.subject == \"acme\"",
    );
    let new = old.replace("acme:", "zenith:");
    expect![[r#"
        changes: consumers
          GET, HEAD api.bank.example/partners/*
          GET, HEAD api.bank.example/partners/reports
            - key a6e6e4d1c7b1 of `acme`
            + key a6e6e4d1c7b1 of `zenith`

        2 changes: 2 changes
    "#]]
    .assert_eq(&render_human(&diff(&side(&old), &side(&new))));
}

#[test]
fn two_routes_that_change_places() {
    let route = |header: &str| {
        format!(
            "      - {{ name: {header}, get: '/{{id}}', match: {{ headers: {{ {header}: \"1\" }} }}, reply: {{ text: {header} }} }}\n"
        )
    };
    let swapped = |first: &str, second: &str| {
        let all = format!("      - get: /{{id}}\n{}{}", route(first), route(second));
        OLD.replace("      - get: /{id}\n", &all)
    };
    let changes = diff(&side(&swapped("x-a", "x-b")), &side(&swapped("x-b", "x-a")));
    expect![[r#"
        changes: precedence
          GET, HEAD api.bank.example/accounts/{id} where header `x-b: 1` and header `x-a: 1`
            - taken by `x-a`: a token of `https://id.bank.example` with `read`; the gateway replies 200 with `content-type: text/plain; charset=utf-8` and the body `x-a`
            + taken by `x-b`: a token of `https://id.bank.example` with `read`; the gateway replies 200 with `content-type: text/plain; charset=utf-8` and the body `x-b`

        1 change: 1 changes
    "#]].assert_eq(&render_human(&changes));
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

#[test]
fn what_was_revoked() {
    let with = |rules: &str| {
        let trust = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../examples/bank/keys/revocations.pub"
        );
        let list = format!("revocations: {{ trust: {trust}, {rules} }}");
        side(&OLD.replace("\nupstreams:", &format!("\n{list}\nupstreams:")))
    };
    let changes = |old, new| render_human(&diff(old, new));
    let (old, listed) = (side(OLD), with("store: kv"));
    expect![[r#"
        tightens: revocations
            + a list in the store `kv`, signed by 43f6b9f71bd5, asked for every 30s; after 300s without it callers are refused

        1 change: 1 tightens
    "#]].assert_eq(&changes(&old, &listed));
    expect![[r#"
        loosens: revocations
            - a list in the store `kv`, signed by 43f6b9f71bd5, asked for every 30s; after 300s without it callers are refused

        1 change: 1 loosens
    "#]].assert_eq(&changes(&listed, &old));
    let elsewhere = with("url: https://lists.bank.example, refresh: 1m, when_stale: allow");
    expect![[r#"
        loosens: revocations
            - a list in the store `kv`, signed by 43f6b9f71bd5, asked for every 30s; after 300s without it callers are refused
            + a list at `https://lists.bank.example`, signed by 43f6b9f71bd5, asked for every 60s; after 300s without it callers are let in

        1 change: 1 loosens
    "#]].assert_eq(&changes(&listed, &elsewhere));
}

#[test]
fn bound_tokens() {
    let secret = "secret: one }";
    check(
        &[(secret, "secret: one, binding: dpop, dpop: { nonce: n } }")],
        &expect![[r#"
            tightens: binding
              GET, HEAD api.bank.example/accounts/{id}
              POST api.bank.example/accounts/{id}/transfers
                - whoever holds the token
                + whoever proves to have the token's key

            tightens: proof-nonce
              GET, HEAD api.bank.example/accounts/{id}
              POST api.bank.example/accounts/{id}/transfers
                - no nonce
                + a nonce by the secret `n`

            4 changes: 4 tightens
        "#]],
    );
    let diff_of = |old: &str, new: &str| {
        let policy = |text: &str| side(&OLD.replacen(secret, text, 1));
        let changes = diff(&policy(old), &policy(new));
        let severities: BTreeSet<String> = changes
            .iter()
            .map(|change| change.severity.to_string())
            .collect();
        severities.into_iter().collect::<Vec<_>>().join(" ")
    };
    let [none, dpop, certificate, any] = [
        "secret: one }",
        "secret: one, binding: dpop }",
        "secret: one, binding: certificate }",
        "secret: one, binding: any }",
    ];
    for (old, new, expected) in [
        (dpop, none, "loosens"),
        (dpop, any, "loosens"),
        (any, certificate, "tightens"),
        (certificate, dpop, "changes"),
        (dpop, dpop, ""),
    ] {
        assert_eq!(diff_of(old, new), expected, "{old} {new}");
    }
}

#[test]
fn tunnels_to_origins() {
    check(
        &[(
            "      dc1: { url: \"https://dc1.bank.example\" }\n",
            "      dc1: { url: \"https://dc1.bank.example\", tunnel: \"spiffe://bank.example/connector/dc1\" }\n",
        )],
        &expect![[r#"
            changes: destination
              GET, HEAD api.bank.example/accounts/{id}
              POST api.bank.example/accounts/{id}/transfers
              GET, HEAD api.bank.example/partners/*
                - `https://dc1.bank.example`, then `https://dc2.bank.example`
                + `https://dc1.bank.example` by the tunnel of `spiffe://bank.example/connector/dc1`, then `https://dc2.bank.example`

            3 changes: 3 changes
        "#]],
    );
}

/// The documentation has a line for every kind.
#[test]
fn signatures_towards_origins() {
    check(
        &[(
            "    timeout: 3s\n",
            "    timeout: 3s\n    sign: { key: edge-signing, algorithm: ed25519, fields: [x-b, x-a, x-b] }\n",
        )],
        &expect![[r#"
            changes: request-signing
              GET, HEAD api.bank.example/accounts/{id}
              POST api.bank.example/accounts/{id}/transfers
              GET, HEAD api.bank.example/partners/*
                - not signed
                + signed with the secret `edge-signing` by ed25519, good for 15s, also over `x-a`, `x-b`

            3 changes: 3 changes
        "#]],
    );
}

/// By the upstream's name, as connectors find it, and not by route.
#[test]
fn what_connectors_enforce() {
    let with = |rules: &str| {
        let rules = format!("    timeout: 3s\n{rules}");
        OLD.replace("    timeout: 3s\n", &rules)
    };
    let old = with(
        "    connector: { allow: [\"dns:a.example\"], limits: { total: { rate: 60/m }, each: { rate: 1/s, per: caller }, gone: { rate: 1/s }, both: { rate: 10/s, burst: 5 }, busy: { concurrency: 9 }, kind: { concurrency: 5 } } }\n",
    );
    let new = with(
        "    connector: { signature: optional, allow: [\"spiffe://edge.example/gateway\", \"dns:a.example\"], limits: { total: { rate: 2/s, burst: 60 }, each: { rate: 1/s }, new: { rate: 1/s }, both: { rate: 5/s, burst: 10 }, busy: { concurrency: 5 }, kind: { rate: 5/s } } }\n",
    );
    let shown = [(OLD, &*old), (&*old, OLD), (&*old, &*new), (&*old, &*old)]
        .map(|(old, new)| render_human(&diff(&side(old), &side(new))));
    expect![[r#"
        loosens: connector-callers
            + connectors of `banking`: `dns:a.example`, signed or not, limits `total`: 60/m, burst 60, altogether, `each`: 1/s, burst 1, for each caller, `gone`: 1/s, burst 1, altogether, `both`: 10/s, burst 5, altogether, `busy`: 9 at once, altogether, `kind`: 5 at once, altogether

        1 change: 1 loosens
        ----
        tightens: connector-callers
            - connectors of `banking`: `dns:a.example`, signed or not, limits `total`: 60/m, burst 60, altogether, `each`: 1/s, burst 1, for each caller, `gone`: 1/s, burst 1, altogether, `both`: 10/s, burst 5, altogether, `busy`: 9 at once, altogether, `kind`: 5 at once, altogether

        1 change: 1 tightens
        ----
        loosens: connector-callers
            - connectors of `banking`: `dns:a.example`
            + connectors of `banking`: `spiffe://edge.example/gateway`, `dns:a.example`

        loosens: connector-limits
            - connectors of `banking`: `gone`: 1/s, burst 1, altogether

        loosens: connector-limits
            - connectors of `banking`: `total`: 60/m, burst 60, altogether
            + connectors of `banking`: `total`: 2/s, burst 60, altogether

        tightens: connector-signature
            - connectors of `banking`: signed or not
            + connectors of `banking`: with a good signature or none

        tightens: connector-limits
            + connectors of `banking`: `new`: 1/s, burst 1, altogether

        tightens: connector-limits
            - connectors of `banking`: `busy`: 9 at once, altogether
            + connectors of `banking`: `busy`: 5 at once, altogether

        tightens: connector-limits
            - connectors of `banking`: `each`: 1/s, burst 1, for each caller
            + connectors of `banking`: `each`: 1/s, burst 1, altogether

        changes: connector-limits
            - connectors of `banking`: `both`: 10/s, burst 5, altogether
            + connectors of `banking`: `both`: 5/s, burst 10, altogether

        changes: connector-limits
            - connectors of `banking`: `kind`: 5 at once, altogether
            + connectors of `banking`: `kind`: 5/s, burst 5, altogether

        9 changes: 3 loosens, 4 tightens, 2 changes
        ----
    "#]].assert_eq(&shown.join("----\n"));
}

/// The documentation has a line for every kind.
#[test]
fn every_kind_is_documented() {
    let page = std::fs::read_to_string("../docs/shipping.md").unwrap();
    for kind in ChangeKind::ALL {
        assert!(page.contains(&format!("`{kind}`")), "{kind}");
    }
}

#[test]
fn a_server_that_is_asked_about_tokens() {
    let asked = |definition: &str, scopes: &str| {
        let text = OLD.replace(
            "api_keys:\n",
            &format!("introspections:\n  sessions: {definition}\napi_keys:\n"),
        );
        text.replace(
            "auth: { api_key: partners }",
            &format!("auth: {{ introspect: sessions{scopes} }}"),
        )
    };
    let old = asked(
        "{ url: \"https://id.bank.example/i\", client: { id: a, secret: one }, audiences: [mobile], keep: 1m }",
        "",
    );
    let new = asked(
        "{ url: \"https://id.bank.example/j\", client: { id: a, secret: two, method: post }, audiences: [], issuer: x, cache: 1m, negative: 1s, from: { cookie: s } }",
        ", scopes: [read]",
    );
    expect![[r#"
        changes: credential-kind
          GET, HEAD api.bank.example/partners/*
          GET, HEAD api.bank.example/partners/reports
            - an API key in `x-api-key`
            + a token that `https://id.bank.example/i` vouches for

        2 changes: 2 changes
    "#]]
    .assert_eq(&render_human(&diff(&side(OLD), &side(&old))));
    expect![[r#"
        loosens: audiences
          GET, HEAD api.bank.example/partners/*
          GET, HEAD api.bank.example/partners/reports
            - `mobile`
            + none

        loosens: answer-age
          GET, HEAD api.bank.example/partners/*
          GET, HEAD api.bank.example/partners/reports
            - believed for 30s
            + believed for 60s

        tightens: answer-age
          GET, HEAD api.bank.example/partners/*
          GET, HEAD api.bank.example/partners/reports
            - kept for 60s while the server fails
            + kept for 0s while the server fails

        tightens: scopes
          GET, HEAD api.bank.example/partners/*
          GET, HEAD api.bank.example/partners/reports
            - none
            + `read`

        changes: issuer
          GET, HEAD api.bank.example/partners/*
          GET, HEAD api.bank.example/partners/reports
            - any issuer
            + `x`

        changes: token-source
          GET, HEAD api.bank.example/partners/*
          GET, HEAD api.bank.example/partners/reports
            - `Authorization: Bearer`
            + the cookie `s`

        changes: introspection
          GET, HEAD api.bank.example/partners/*
          GET, HEAD api.bank.example/partners/reports
            - `https://id.bank.example/i`
            + `https://id.bank.example/j`

        changes: introspection-client
          GET, HEAD api.bank.example/partners/*
          GET, HEAD api.bank.example/partners/reports
            - `a` with the secret `one` in a header field
            + `a` with the secret `two` in the body

        changes: answer-age
          GET, HEAD api.bank.example/partners/*
          GET, HEAD api.bank.example/partners/reports
            - disbelieved for 5s
            + disbelieved for 1s

        18 changes: 4 loosens, 4 tightens, 10 changes
    "#]]
    .assert_eq(&render_human(&diff(&side(&old), &side(&new))));
}
