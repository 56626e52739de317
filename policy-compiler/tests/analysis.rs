//! What is worth knowing of a policy as a whole: each policy of `analysis/` stands beside the
//! report that it must give. `UPDATE_EXPECT=1` writes the reports anew.

#![cfg(test)]

#[path = "program/tidegate.rs"]
mod program;

use std::path::{Path, PathBuf};

use expect_test::expect_file;
use serde_json::Value;
use serde_sarif::sarif::{ResultLevel, Sarif};
use tidegate_policy_compiler::analysis::analyse;
use tidegate_policy_compiler::compile;
use tidegate_policy_compiler::diagnostic::{self, Diagnostics};
use tidegate_policy_compiler::source::{self, Source};
use tidegate_shared::time::UnixMillis;

/// The beginning of 2027.
const NOW: UnixMillis = UnixMillis(1_798_761_600_000);

/// The codes that are a contract, each with a policy of that name.
const CODES: [&str; 4] = [
    "expires-soon",
    "limit-never-reached",
    "open-beside-closed",
    "open-route",
];

fn analysed(path: &Path) -> (Diagnostics, Vec<Source>) {
    let sources = source::read(path).unwrap();
    let mut output = compile(&sources);
    let ir = output.ir.as_ref().unwrap();
    output.diagnostics.extend(analyse(ir, NOW));
    (output.diagnostics, sources)
}

fn policy(code: &str) -> PathBuf {
    Path::new("tests/analysis")
        .join(code)
        .with_extension("yaml")
}

#[test]
fn each_policy_gives_the_report_beside_it() {
    for code in CODES {
        let (diagnostics, sources) = analysed(&policy(code));
        assert!(diagnostics.iter().any(|found| found.code == code), "{code}");
        let report = diagnostic::render_human(&diagnostics, &sources, false);
        let expected = policy(code).with_extension("txt");
        expect_file![Path::new(env!("CARGO_MANIFEST_DIR")).join(expected)].assert_eq(&report);
    }
}

/// The types are made from the schema of SARIF 2.1.0.
#[test]
fn a_report_has_the_shape_of_sarif() {
    for path in [
        "tests/policies/unknown-field.yaml",
        "tests/analysis/limit-never-reached.yaml",
    ] {
        let mut check = program::tidegate(Path::new("."));
        let (_, text, _) = program::run(check.args(["check", "--format", "sarif", path]));
        let log: Sarif = serde_json::from_str(&text).unwrap();
        // What the types do not know is dropped.
        let as_value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(serde_json::to_value(&log).unwrap(), as_value(&text));
        let [run] = &log.runs[..] else {
            panic!("{text}");
        };
        let rules = run.tool.driver.rules.as_ref().unwrap();
        for result in run.results.as_ref().unwrap() {
            assert!(
                rules
                    .iter()
                    .any(|rule| Some(&rule.id) == result.rule_id.as_ref())
            );
        }
    }
}

#[test]
fn sarif_names_places_as_text_does() {
    let (diagnostics, sources) = analysed(&policy("limit-never-reached"));
    let log: Sarif =
        serde_json::from_value(diagnostic::render_sarif(&diagnostics, &sources)).unwrap();
    let results = log.runs[0].results.as_ref().unwrap();
    let of_limit = results
        .iter()
        .find(|result| result.rule_id.as_deref() == Some("limit-never-reached"))
        .unwrap();
    assert!(matches!(of_limit.level, Some(ResultLevel::Warning)));
    let physical = of_limit.locations.as_ref().unwrap()[0]
        .physical_location
        .as_ref()
        .unwrap();
    let region = physical.region.as_ref().unwrap();
    assert_eq!(
        (region.start_line, region.start_column),
        (Some(13), Some(3))
    );
    let file = physical.artifact_location.as_ref().unwrap().uri.as_deref();
    assert_eq!(file, Some("tests/analysis/limit-never-reached.yaml"));
}
