//! Where requests go, and what holds there.

use expect_test::expect;
use tidegate_policy_compiler::diff::{diff, render_human};

use super::{OLD, check};
use crate::side;

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
