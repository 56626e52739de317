//! Which route takes a request.

use expect_test::expect;
use tidegate_policy_compiler::diff::{diff, render_human};

use super::{OLD, check};
use crate::side;

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
