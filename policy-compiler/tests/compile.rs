//! From text to diagnostics, or to the IR: what the compiler says and what it makes.

#![cfg(test)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use proptest::prelude::*;
use tidegate_policy_compiler::source::{self, Source};
use tidegate_policy_compiler::{Output, compile, diagnostic, offline};
use tidegate_shared::bundle::PathEntry;
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
