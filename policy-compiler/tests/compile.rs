//! From text to diagnostics, or to the IR: what the compiler says and what it makes.

#![cfg(test)]

use std::path::PathBuf;

use tidegate_policy_compiler::source::{self, Source};
use tidegate_policy_compiler::{Output, compile, diagnostic};
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
