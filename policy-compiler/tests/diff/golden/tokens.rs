//! Tokens, and who vouches for them.

use std::collections::BTreeSet;

use expect_test::expect;
use tidegate_policy_compiler::diff::{diff, render_human};

use super::{OLD, check};
use crate::side;

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
