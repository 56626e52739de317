//! What `replay` makes of requests, by two policies.

#![cfg(test)]

#[path = "program/tidegate.rs"]
mod program;

use std::path::Path;

use expect_test::{Expect, expect};
use serde_json::json;

/// What both policies have; routes follow.
const BEGINNING: &str = r#"tidegate: v1
name: bank
hosts: [api.bank.example]
issuers:
  customers: { issuer: "https://id.bank.example", audiences: [mobile], algorithms: [HS256], secret: one }
api_keys:
  partners: { store: keys }
upstreams:
  banking: { origins: { dc1: { url: "https://dc1.bank.example" } }, timeout: 3s }
  ledger: { origins: { dc1: { url: "https://dc2.bank.example" } }, timeout: 3s }
apis:
  accounts:
    to: banking
    routes:
"#;

const OLD: &str = r"
      - { get: '/accounts/{id}', auth: { jwt: customers, scopes: [read] } }
      - { post: '/accounts/{id}', auth: { jwt: customers, scopes: [write] } }
      - { get: '/quotes/{symbol}', auth: { jwt: customers } }
      - { get: /partners, auth: { api_key: partners } }
      - { get: /gold, auth: { jwt: customers }, when: 'auth.claims.tier == `gold`' }
      - { get: /open, auth: public }
      - { get: /by-field, auth: public, match: { headers: { x-beta: '1' } }, reply: { status: 204 } }
";

const NEW: &str = r"
      - { get: '/accounts/{id}', auth: { jwt: customers, scopes: [read] }, to: ledger }
      - { post: '/accounts/{id}', auth: { jwt: customers, scopes: [write, audit] } }
      - { get: '/quotes/{symbol}', auth: public }
      - { get: /partners, auth: { jwt: customers } }
      - { get: /gold, auth: { jwt: customers }, when: 'auth.claims.tier == `gold`' }
      - { get: /open, auth: public }
";

fn record(
    method: &str,
    path: &str,
    consumer: Option<&str>,
    refused: Option<(&str, &str, u16)>,
) -> String {
    let (phase, problem, status) = match refused {
        Some((phase, problem, status)) => (phase, Some(problem), status),
        None => ("forward", None, 200),
    };
    let mut record = json!({
        "time": 1, "request_id": "r", "method": method, "host": "api.bank.example", "path": path,
        "client": "192.0.2.7", "phase": phase, "status": status,
    });
    let members = record.as_object_mut().unwrap();
    members.extend(consumer.map(|consumer| ("consumer".to_owned(), consumer.into())));
    members.extend(problem.map(|problem| ("problem".to_owned(), problem.into())));
    record.to_string()
}

/// The exit status, and what stands on standard output and on standard error.
fn replay(requests: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let quoted = |routes: &str| BEGINNING.to_owned() + &routes.replace('`', "\"");
    write("old.yaml", &quoted(OLD));
    write("new.yaml", &quoted(NEW));
    write("requests", requests);
    run(
        folder.path(),
        &[
            &["replay", "old.yaml", "new.yaml", "--requests", "requests"],
            arguments,
        ]
        .concat(),
    )
}

fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    program::run(program::tidegate(folder).args(arguments))
}

fn requests() -> String {
    let denied = |problem, status| Some(("authenticate", problem, status));
    let lines = [
        record("GET", "/accounts/7", Some("alice"), None),
        record("GET", "/accounts/8", Some("bob"), None),
        record("POST", "/accounts/7", Some("alice"), None),
        record(
            "GET",
            "/quotes/ACME",
            None,
            denied("credential-missing", 401),
        ),
        record(
            "GET",
            "/quotes/ACME",
            None,
            denied("credential-missing", 401),
        ),
        "the gateway has started".to_owned(),
        record("GET", "/partners", Some("acme"), None),
        record("GET", "/gold", Some("alice"), None),
        record("GET", "/open", None, Some(("limit", "limit-exceeded", 429))),
        record("GET", "/open", None, None),
    ];
    lines.join("\n")
}

fn check(arguments: &[&str], status: i32, expect: &Expect) {
    let (code, text, _) = replay(&requests(), arguments);
    expect.assert_eq(&text);
    assert_eq!(code, Some(status));
}

#[test]
fn says_whose_verdict_changes_the_worst_first() {
    check(
        &[],
        1,
        &expect![[r#"
        exposes: 2 requests
          - refused with 401 `credential-missing` by `accounts GET /quotes/{symbol}`
          + goes to `banking` by `accounts GET /quotes/{symbol}`
            as number 4, GET https://api.bank.example/quotes/ACME by nobody in particular

        tightens: 1 request
          - goes to `banking` by `accounts GET /partners`
          + refused with 401 `credential-missing` by `accounts GET /partners`
            as number 7, GET https://api.bank.example/partners by `acme` with an API key of `partners`

        tightens: 1 request
          - goes to `banking` by `accounts POST /accounts/{id}`
          + refused with 403 `scope-insufficient` by `accounts POST /accounts/{id}`
            as number 3, POST https://api.bank.example/accounts/7 by `alice` with a token of `https://id.bank.example` with `write`

        changes: 2 requests
          - goes to `banking` by `accounts GET /accounts/{id}`
          + goes to `ledger` by `accounts GET /accounts/{id}`
            as number 1, GET https://api.bank.example/accounts/7 by `alice` with a token of `https://id.bank.example` with `read`

        6 of 9 requests get another verdict
        to 1 request the old policy gives another verdict here than the record says, which lacks what decided:
          number 8, GET https://api.bank.example/gold by `alice` with a token of `https://id.bank.example`: let through, 200 in the end, by the record; refused with 403 `condition-unmet` here
    "#]],
    );
}

#[test]
fn a_table_for_a_comment() {
    check(
        &["--format", "markdown"],
        1,
        &expect![[r#"
        **6 of 9 requests get another verdict**

        | severity | requests | before | after | example |
        |---|---|---|---|---|
        | exposes | 2 | refused with 401 `credential-missing` by `accounts GET /quotes/{symbol}` | goes to `banking` by `accounts GET /quotes/{symbol}` | number 4, GET https://api.bank.example/quotes/ACME by nobody in particular |
        | tightens | 1 | goes to `banking` by `accounts GET /partners` | refused with 401 `credential-missing` by `accounts GET /partners` | number 7, GET https://api.bank.example/partners by `acme` with an API key of `partners` |
        | tightens | 1 | goes to `banking` by `accounts POST /accounts/{id}` | refused with 403 `scope-insufficient` by `accounts POST /accounts/{id}` | number 3, POST https://api.bank.example/accounts/7 by `alice` with a token of `https://id.bank.example` with `write` |
        | changes | 2 | goes to `banking` by `accounts GET /accounts/{id}` | goes to `ledger` by `accounts GET /accounts/{id}` | number 1, GET https://api.bank.example/accounts/7 by `alice` with a token of `https://id.bank.example` with `read` |

        to 1 request the old policy gives another verdict here than the record says, which lacks what decided:
          number 8, GET https://api.bank.example/gold by `alice` with a token of `https://id.bank.example`: let through, 200 in the end, by the record; refused with 403 `condition-unmet` here
    "#]],
    );
}

#[test]
fn everyone_may_be_one_caller() {
    let caller = "jwt:customers,scope=write,scope=audit";
    check(
        &["--as", caller, "--fail-on", "exposes"],
        0,
        &expect![[r#"
        loosens: 1 request
          - refused with 401 `credential-missing` by `accounts GET /partners`
          + goes to `banking` by `accounts GET /partners`
            as number 7, GET https://api.bank.example/partners by the caller of `--as`

        1 of 9 requests gets another verdict
    "#]],
    );
}

#[test]
fn a_line_that_is_no_record_is_told_by_its_number() {
    let (_, _, told) = replay(&requests(), &[]);
    assert_eq!(
        told,
        "warning: requests:6: expected ident at line 1 column 2; left out\n"
    );
}

#[test]
fn what_does_not_change_gives_nothing_and_trouble_gives_two() {
    let open = record("GET", "/open", None, None);
    let (code, text, _) = replay(&open, &[]);
    assert_eq!(
        (code, text.as_str()),
        (Some(0), "0 of 1 request get another verdict\n")
    );
    let (code, _, told) = replay("", &[]);
    assert_eq!(code, Some(2));
    assert_eq!(told, "error: `requests` has no request to replay\n");
}

/// A field of an archive decides; the caller's token says who calls.
#[test]
fn an_archive_has_what_records_lack() {
    let archive = |fields: serde_json::Value| {
        let request = json!({
            "method": "GET", "url": "https://api.bank.example/by-field", "headers": fields,
        });
        json!({ "log": { "entries": [{ "request": request }] } }).to_string()
    };
    let (code, text, _) = replay(&archive(json!([{ "name": "X-Beta", "value": "1" }])), &[]);
    assert_eq!(code, Some(1));
    expect![[r#"
        tightens: 1 request
          - answered with 204 by `accounts GET /by-field`
          + refused with 404 `route-not-found`
            as number 1, GET https://api.bank.example/by-field by nobody in particular

        1 of 1 request gets another verdict
    "#]]
    .assert_eq(&text);
    let (code, _, _) = replay(&archive(json!([])), &[]);
    assert_eq!(code, Some(0));
}

/// Bundles are replayed as policies are.
#[test]
fn a_bundle_must_be_signed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "old.yaml",
        &(BEGINNING.to_owned() + &OLD.replace('`', "\"")),
    );
    write("requests", &requests());
    let tidegate = |arguments: &[&str]| run(folder.path(), arguments);
    assert_eq!(tidegate(&["keys", "new"]).0, Some(0));
    let compile = [
        "compile",
        "old.yaml",
        "-o",
        "old.bundle",
        "--key",
        "tidegate.key",
    ];
    assert_eq!(tidegate(&compile).0, Some(0));
    let replay = ["replay", "old.bundle", "old.yaml", "--requests", "requests"];
    assert_eq!(tidegate(&replay).0, Some(2));
    let trusted = [&replay[..], &["--trust", "tidegate.pub"]].concat();
    assert_eq!(tidegate(&trusted).0, Some(0));
}
