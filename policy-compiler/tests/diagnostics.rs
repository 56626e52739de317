//! Every diagnostic as its reader sees it: each policy of `policies/` stands beside the report
//! that it must give. `UPDATE_EXPECT=1` writes the reports anew.

#![cfg(test)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use proptest::prelude::*;
use tidegate_policy_compiler::source::{self, Source};
use tidegate_policy_compiler::{compile, diagnostic, json_schema};

/// The codes that are a contract: people search for them, scripts match on them.
const CODES: [&str; 39] = [
    "alias",
    "ambiguous-consumer",
    "ambiguous-credential",
    "ambiguous-issuer",
    "any-cors",
    "auth-in-shadow",
    "certificate-of-anyone",
    "condition-needs-identity",
    "conflicting-path",
    "constant-condition",
    "duplicate-definition",
    "duplicate-key",
    "duplicate-route",
    "file-not-found",
    "file-too-large",
    "invalid-certificate",
    "invalid-combination",
    "invalid-condition",
    "invalid-key-set",
    "invalid-value",
    "key-confusion",
    "limit-needs-identity",
    "missing-auth",
    "missing-field",
    "missing-target",
    "no-tests",
    "plaintext-origin",
    "secret-in-policy",
    "signature-covers-too-little",
    "token-in-query",
    "too-deep",
    "unknown-field",
    "unknown-parameter",
    "unknown-reference",
    "unreachable-alternative",
    "unreachable-route",
    "unused-definition",
    "wrong-type",
    "yaml-syntax",
];

/// Policy files, and folders of them; the reports name them by these paths.
fn policies() -> Vec<PathBuf> {
    let mut policies: Vec<PathBuf> = std::fs::read_dir("tests/policies")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .map_or(path.is_dir(), |kind| kind == "yaml")
        })
        .filter(|path| !path.ends_with("keys"))
        .collect();
    policies.sort();
    policies
}

fn report(path: &Path) -> (String, BTreeSet<&'static str>) {
    let sources = source::read(path).unwrap();
    let output = compile(&sources);
    assert_eq!(output.ir.is_none(), output.diagnostics.has_errors());
    let codes = output.diagnostics.iter().map(|found| found.code).collect();
    let text = diagnostic::render_human(&output.diagnostics, &sources, false);
    (text, codes)
}

#[test]
fn each_policy_gives_the_report_beside_it() {
    for policy in policies() {
        let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join(policy.with_extension("txt"));
        expect_file![expected].assert_eq(&report(&policy).0);
    }
}

#[test]
fn every_code_is_held_by_a_policy() {
    let mut seen: BTreeSet<&str> = policies()
        .iter()
        .flat_map(|policy| report(policy).1)
        .collect();
    // A file of that size is made where it is tested, with the other hostile ones.
    seen.insert("file-too-large");
    assert_eq!(seen, BTreeSet::from(CODES));
}

#[test]
fn scripts_get_one_object_a_finding() {
    let sources = source::read(Path::new("tests/policies/unknown-field.yaml")).unwrap();
    let output = compile(&sources);
    let lines = diagnostic::render_json(&output.diagnostics, &sources);
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(
        first,
        serde_json::json!({
            "severity": "error",
            "code": "unknown-field",
            "message": "there is no field `limt` here",
            "file": "tests/policies/unknown-field.yaml",
            "line": 10,
            "column": 5,
            "text": "limt",
            "suggestion": "did you mean `limit`?",
        })
    );
    assert_eq!(lines.lines().count(), 2);
}

#[test]
fn the_schema_asks_for_no_more_than_the_compiler() {
    let schema = json_schema();
    assert_eq!(schema["required"], serde_json::json!(["tidegate"]));
    assert_eq!(schema["properties"]["name"]["type"], "string");
    let jwt = &schema["$defs"]["JwtAuth"];
    assert_eq!(jwt["required"], serde_json::json!(["jwt"]));
    let api = &schema["$defs"]["Api"]["properties"]["auth"];
    assert_eq!(api["$ref"], "#/$defs/Auth");
}

#[test]
fn a_reply_keeps_its_numbers() {
    let text = "
tidegate: v1
name: p
hosts: [api.example]
apis:
  a:
    auth: public
    routes:
      - get: /
        reply: { json: [-1, 0, 1.5, -2.5, 18446744073709551615, inf] }
";
    let output = compile(&[Source {
        path: "policy.yaml".into(),
        text: text.to_owned(),
    }]);
    let ir = output.ir.unwrap();
    let route = &ir.hosts[0].1.routes[0];
    let tidegate_shared::bundle::Target::Reply(reply) = &route.target else {
        panic!("{route:?}");
    };
    let body = std::str::from_utf8(&reply.body).unwrap();
    assert_eq!(body, r#"[-1,0,1.5,-2.5,18446744073709551615,"inf"]"#);
}

proptest! {
    /// Whatever stands in a file, the compiler answers, and its answer can be shown.
    #[test]
    fn any_text_is_answered(
        lines in prop::collection::vec(
            prop_oneof![
                "[ ]{0,6}(- )?(tidegate|name|hosts|apis|a|routes|get|auth|match|limits|key): ?[\\[\\]{}a-z0-9/*\"'é]{0,12}",
                "\\PC{0,20}",
                Just("tidegate: v1".to_owned()),
            ],
            0..12,
        )
    ) {
        let sources = [Source { path: "policy.yaml".into(), text: lines.join("\n") }];
        let output = compile(&sources);
        prop_assert_eq!(output.ir.is_none(), output.diagnostics.has_errors());
        diagnostic::render_human(&output.diagnostics, &sources, true);
        diagnostic::render_json(&output.diagnostics, &sources);
    }
}
