//! From text to diagnostics, or to the IR: what the compiler says and what it makes.

#![cfg(test)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use matchit::Router;
use proptest::prelude::*;
use tidegate_policy_compiler::source::{self, Source};
use tidegate_policy_compiler::{Output, compile, diagnostic, offline};
use tidegate_shared::bundle::PathEntry;
use tidegate_shared::pattern::PathPattern;
use tidegate_shared::trust::SigningKey;

fn policies() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/policies")
}

fn bank() -> Output {
    compile(&source::read(&policies().join("bank.yaml")).unwrap())
}

#[test]
fn the_bank_compiles_without_a_finding() {
    let sources = source::read(&policies().join("bank.yaml")).unwrap();
    let output = compile(&sources);
    let report = diagnostic::render_human(&output.diagnostics, &sources, false);
    assert_eq!(report, "");
    assert_eq!(output.ir.unwrap().route_count(), 5);
}

#[test]
fn compiling_twice_gives_the_same_octets() {
    let key = SigningKey::from_seed([5; 32]);
    let [a, b] = [bank(), bank()].map(|output| output.ir.unwrap().sign(1, &key).unwrap());
    assert_eq!(a, b);
}

fn compile_text(text: &str) -> (Output, Vec<Source>) {
    let sources = vec![Source {
        path: "policy.yaml".into(),
        text: text.to_owned(),
    }];
    (compile(&sources), sources)
}

#[test]
fn hostile_yaml_gets_an_error_and_not_a_crash() {
    for (text, code) in [
        ("[".repeat(100_000), "yaml-syntax"),
        ("{a: ".repeat(100_000), "yaml-syntax"),
        (
            (0..2_000)
                .map(|depth| format!("{}a:\n", " ".repeat(depth)))
                .collect::<String>(),
            "too-deep",
        ),
        ("- ".repeat(100_000), "too-deep"),
        ("a: &x [1]\nb: [*x, *x]\n".to_owned(), "alias"),
        ("a: !!binary x\n".to_owned(), "yaml-syntax"),
        ("a: [\n".to_owned(), "yaml-syntax"),
        ("a: 1\n---\nb: 1\n".to_owned(), "yaml-syntax"),
        (format!("a: [{}]\n", "1,".repeat(250_000)), "file-too-large"),
        (String::new(), "missing-field"),
    ] {
        let (output, _) = compile_text(&text);
        let codes: Vec<_> = output
            .diagnostics
            .iter()
            .map(|diagnostic| diagnostic.code)
            .collect();
        assert!(
            codes.contains(&code),
            "{codes:?} for {}…",
            text.chars().take(20).collect::<String>()
        );
        assert!(output.ir.is_none());
    }
}

/// What the documentation shows compiles: its pieces together are one policy.
#[test]
fn the_documented_language_is_the_language() {
    let documentation =
        std::fs::read_to_string(policies().join("../../../docs/policy.md")).unwrap();
    let pieces = documentation
        .split("```yaml\n")
        .skip(1)
        .filter_map(|piece| piece.split("```").next());
    let text: String = pieces.collect();
    let bank = policies().join("../../../examples/bank/policy.yaml");
    let sources = vec![Source { path: bank, text }];
    let output = compile(&sources);
    let report = diagnostic::render_human(&output.diagnostics, &sources, false);
    assert!(output.ir.is_some(), "{report}");
}

#[test]
fn routes_of_one_path_may_name_its_parameters_differently() {
    let (output, _) = compile_text(
        r#"
tidegate: v1
name: p
hosts: [h.example]
limits: { each: { rate: 1/m, key: 'request.path["id"]' } }
upstreams: { u: { origins: { o: { url: "https://o.example" } } } }
apis:
  a:
    auth: public
    limit: [each]
    to: u
    routes:
      - { get: "/{number}/x", limit: [] }
      - { post: "/{id}/x", rewrite: { path: "/y/{id}" } }
      - { put: "/z/{id}" }
      - { delete: "/{own}/x", limit: [], when: 'request.path["own"] == "7"' }
tests:
  - { send: POST https://h.example/7/x, expect: { to: u, path: /y/7 } }
  - { send: POST https://h.example/7/x, repeat: 2, expect: { status: 429 } }
  - { send: PUT https://h.example/z/7, repeat: 2, expect: { status: 429 } }
  - { send: DELETE https://h.example/7/x, expect: { to: u } }
  - { send: DELETE https://h.example/8/x, expect: { problem: condition-unmet } }
"#,
    );
    let results = offline::run(&output.ir.unwrap()).unwrap();
    let failures: Vec<_> = results.iter().flat_map(|result| &result.failures).collect();
    assert_eq!(failures, Vec::<&String>::new());
}

proptest! {
    /// The compiler puts such paths into no router to see that it takes them.
    #[test]
    fn a_router_takes_all_paths_whose_parameters_are_whole_segments(paths in prop::collection::btree_set("(/(a|b|ab|\\{p\\})){1,6}/?", 1..40)) {
        let mut router = Router::new();
        for path in paths {
            let segments = path.split('/').enumerate();
            let named = segments.map(|(index, segment)| segment.replace('p', &format!("p{index}")));
            let pattern: PathPattern = named.collect::<Vec<_>>().join("/").parse().unwrap();
            for path in pattern.router_paths() {
                prop_assert!(router.insert(path, ()).is_ok(), "{}", pattern);
            }
        }
    }

    /// Beside a path stand exactly those that overlap it and are less specific.
    #[test]
    fn a_path_knows_which_others_to_try(paths in prop::collection::btree_set("(/(a|b|\\{p\\}|v\\{p\\}|\\{p\\}c)){1,3}(/\\*)?", 1..9)) {
        let numbered = |path: &String| {
            let segments = path.split('/').enumerate();
            let named = segments.map(|(index, segment)| segment.replace('p', &format!("p{index}")));
            named.collect::<Vec<_>>().join("/")
        };
        let routes: String = paths
            .iter()
            .map(|path| format!("      - {{ get: \"{}\", reply: {{}} }}\n", numbered(path)))
            .collect();
        let text = format!("tidegate: v1\nname: p\nhosts: [h.example]\napis:\n  a:\n    auth: public\n    routes:\n{routes}");
        let Some(ir) = compile_text(&text).0.ir else {
            return Err(TestCaseError::reject("the router holds not all of the paths"));
        };
        let entries = &ir.hosts[0].1.paths;
        for entry in entries {
            let less = |other: &&PathEntry| {
                other.pattern.overlaps(&entry.pattern) && other.pattern.cmp_specificity(&entry.pattern).is_lt()
            };
            let expected: BTreeSet<&str> = entries.iter().filter(less).map(|other| other.pattern.as_str()).collect();
            let found: Vec<_> = entry.otherwise.iter().map(|index| &entries[*index as usize].pattern).collect();
            prop_assert!(found.is_sorted_by(|a, b| a.cmp_specificity(b).is_ge()));
            let found: BTreeSet<&str> = found.into_iter().map(|pattern| pattern.as_str()).collect();
            prop_assert_eq!(found, expected, "{}", entry.pattern);
        }
    }
}

#[test]
fn keys_of_a_store_can_be_tried_offline() {
    let text = r#"
tidegate: v1
name: p
hosts: [api.example]
api_keys:
  partners: { store: kv, prefix: bank }
apis:
  a:
    auth: { api_key: partners }
    routes: [ { get: /, reply: { status: 204 } } ]
tests:
  - { send: "GET https://api.example/", as: { api_key: partners, consumer: acme }, expect: { status: 204 } }
  - { send: "GET https://api.example/", expect: { status: 401 } }
"#;
    let source = Source {
        path: "policy.yaml".into(),
        text: text.to_owned(),
    };
    let ir = compile(&[source]).ir.unwrap();
    for result in offline::run(&ir).unwrap() {
        assert!(result.failures.is_empty(), "{result:?}");
    }
}

#[test]
fn several_credentials_and_what_was_revoked_can_be_tried_offline() {
    let text = r#"
tidegate: v1
name: p
hosts: [api.example]
issuers:
  customers: { issuer: "https://id.example", audiences: [x], algorithms: [HS256], secret: one }
  bound: { issuer: "https://b.example", audiences: [x], algorithms: [HS256], secret: two, binding: certificate }
introspections:
  sessions:
    url: https://id.example/introspect
    client: { id: gateway, secret: client }
    audiences: [x]
    from: { cookie: session }
    plan: { claim: tier, default: free }
  proven:
    url: https://id.example/introspect
    client: { id: gateway, secret: client }
    audiences: [x]
    binding: dpop
    dpop: { nonce: nonces }
plans: { free: { limit: [few] }, gold: { limit: [] } }
limits: { few: { rate: 1/h } }
api_keys:
  partners: { consumers: { acme: { sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, scopes: [read], plan: gold } } }
  stored: { store: kv, header: x-stored }
certificates:
  machines:
    issuer: CN=M
    consumers:
      van: { spiffe: "spiffe://m.example/fleet/**", subject: CN=van }
      pinned: { sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 }
revocations: { store: kv, trust: keys/revocations.pub }
apis:
  a:
    routes:
      - { get: /both, auth: { all: [{ api_key: partners, scopes: [read] }, { jwt: customers, scopes: [write] }] }, when: 'auth.scopes == ["read"]', reply: { status: 204 } }
      - { get: /stored, auth: { api_key: stored, scopes: [read] }, reply: { status: 204 } }
      - { get: /bound, auth: { all: [{ certificate: machines }, { jwt: bound }] }, when: auth.certificate.issuer == "CN=M", reply: { status: 204 } }
      - { get: /token, auth: { jwt: customers }, reply: { status: 204 } }
      - { get: /session, auth: { introspect: sessions }, reply: { status: 204 } }
      - { get: /proven, auth: { introspect: proven }, reply: { status: 204 } }
tests:
  - { send: "GET https://api.example/both", as: [{ api_key: partners, consumer: acme }, { jwt: customers, scopes: [write] }], expect: { status: 204 } }
  - { send: "GET https://api.example/both", as: [{ api_key: partners, consumer: acme }, { jwt: customers }], expect: { problem: scope-insufficient } }
  - { send: "GET https://api.example/both", as: { api_key: partners, consumer: acme }, expect: { problem: credential-missing } }
  - { send: "GET https://api.example/both", as: [{ api_key: partners, consumer: acme, revoked: true }, { jwt: customers, scopes: [write] }], expect: { problem: credential-revoked } }
  - { send: "GET https://api.example/stored", as: { api_key: stored, consumer: anyone, scopes: [read] }, expect: { status: 204 } }
  - { send: "GET https://api.example/stored", as: { api_key: stored, consumer: anyone }, expect: { problem: scope-insufficient } }
  - { send: "GET https://api.example/stored", as: { api_key: stored, consumer: anyone, scopes: [read], revoked: true }, expect: { problem: credential-revoked } }
  - { send: "GET https://api.example/bound", as: [{ certificate: machines, consumer: van }, { jwt: bound }], expect: { status: 204 } }
  - { send: "GET https://api.example/bound", as: [{ certificate: machines, consumer: pinned }, { jwt: bound }], expect: { status: 204 } }
  - { send: "GET https://api.example/bound", as: [{ certificate: machines, consumer: van, revoked: true }, { jwt: bound }], expect: { problem: credential-revoked } }
  - { send: "GET https://api.example/bound", as: { jwt: bound }, expect: { problem: credential-invalid } }
  - { send: "GET https://api.example/token", as: { jwt: customers, subject: eve, revoked: true }, expect: { problem: credential-revoked } }
  - { send: "GET https://api.example/token", as: [{ jwt: customers }, { jwt: customers }], expect: { problem: credential-ambiguous } }
  - { send: "GET https://api.example/session", as: { introspect: sessions, claims: { tier: gold } }, repeat: 3, expect: { status: 204 } }
  - { send: "GET https://api.example/session", as: { introspect: sessions }, repeat: 2, expect: { problem: rate-limited } }
  - { send: "GET https://api.example/session", as: { introspect: sessions, revoked: true }, expect: { problem: credential-revoked } }
  - { send: "GET https://api.example/proven", as: { introspect: proven }, repeat: 2, expect: { status: 204 } }
  - { send: "GET https://api.example/proven", as: { introspect: proven, claims: { cnf: { kid: a } } }, expect: { problem: credential-invalid } }
"#;
    let source = Source {
        path: policies().join("../../../examples/bank/policy.yaml"),
        text: text.to_owned(),
    };
    let sources = [source];
    let output = compile(&sources);
    let report = diagnostic::render_human(&output.diagnostics, &sources, false);
    let ir = output.ir.unwrap_or_else(|| panic!("{report}"));
    let results = offline::run(&ir).unwrap();
    assert_eq!(results.len(), 18);
    for result in results {
        assert!(result.failures.is_empty(), "{result:?}");
    }
}
