//! Who may call.

use expect_test::expect;
use tidegate_policy_compiler::diff::{diff, render_human};

use super::{OLD, PARTNERS, check, check_auth};
use crate::side;

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
