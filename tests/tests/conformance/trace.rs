//! The test cases of W3C Trace Context, as far as reading `traceparent` decides them. The file of
//! vectors has their names and what they expect; the values are the ones that the names describe.

use serde::Deserialize;
use tidegate_shared::trace::TraceContext;

#[derive(Deserialize)]
struct Vector {
    test: String,
}

/// Whether a request with the field stays in the caller's trace, or begins a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trace {
    Continues,
    Begins,
}

const CASES: [(&str, Trace, &[&str]); 22] = {
    use Trace::{Begins, Continues};
    [
        (
            "test_traceparent_included_tracestate_missing",
            Continues,
            &["00-12345678901234567890123456789012-1234567890123456-01"],
        ),
        (
            "test_traceparent_duplicated",
            Begins,
            &[
                "00-12345678901234567890123456789011-1234567890123456-01, 00-12345678901234567890123456789012-1234567890123456-01",
            ],
        ),
        (
            "test_traceparent_version_0x00",
            Begins,
            &[
                "00-12345678901234567890123456789012-1234567890123456-01.",
                "00-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
            ],
        ),
        (
            "test_traceparent_version_0xcc",
            Continues,
            &[
                "cc-12345678901234567890123456789012-1234567890123456-01",
                "cc-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
            ],
        ),
        (
            "test_traceparent_version_0xff",
            Begins,
            &["ff-12345678901234567890123456789012-1234567890123456-01"],
        ),
        (
            "test_traceparent_version_illegal_characters",
            Begins,
            &[
                ".0-12345678901234567890123456789012-1234567890123456-01",
                "0.-12345678901234567890123456789012-1234567890123456-01",
            ],
        ),
        (
            "test_traceparent_version_too_long",
            Begins,
            &[
                "000-12345678901234567890123456789012-1234567890123456-01",
                "0000-12345678901234567890123456789012-1234567890123456-01",
            ],
        ),
        (
            "test_traceparent_version_too_short",
            Begins,
            &["0-12345678901234567890123456789012-1234567890123456-01"],
        ),
        (
            "test_traceparent_trace_id_all_zero",
            Begins,
            &["00-00000000000000000000000000000000-1234567890123456-01"],
        ),
        (
            "test_traceparent_trace_id_illegal_characters",
            Begins,
            &[
                "00-.2345678901234567890123456789012-1234567890123456-01",
                "00-1234567890123456789012345678901.-1234567890123456-01",
            ],
        ),
        (
            "test_traceparent_trace_id_too_long",
            Begins,
            &["00-123456789012345678901234567890123-1234567890123456-01"],
        ),
        (
            "test_traceparent_trace_id_too_short",
            Begins,
            &["00-1234567890123456789012345678901-1234567890123456-01"],
        ),
        (
            "test_traceparent_parent_id_all_zero",
            Begins,
            &["00-12345678901234567890123456789012-0000000000000000-01"],
        ),
        (
            "test_traceparent_parent_id_illegal_characters",
            Begins,
            &[
                "00-12345678901234567890123456789012-.234567890123456-01",
                "00-12345678901234567890123456789012-123456789012345.-01",
            ],
        ),
        (
            "test_traceparent_parent_id_too_long",
            Begins,
            &["00-12345678901234567890123456789012-12345678901234567-01"],
        ),
        (
            "test_traceparent_parent_id_too_short",
            Begins,
            &["00-12345678901234567890123456789012-123456789012345-01"],
        ),
        (
            "test_traceparent_trace_flags_illegal_characters",
            Begins,
            &[
                "00-12345678901234567890123456789012-1234567890123456-.0",
                "00-12345678901234567890123456789012-1234567890123456-0.",
            ],
        ),
        (
            "test_traceparent_trace_flags_too_long",
            Begins,
            &["00-12345678901234567890123456789012-1234567890123456-001"],
        ),
        (
            "test_traceparent_trace_flags_too_short",
            Begins,
            &["00-12345678901234567890123456789012-1234567890123456-1"],
        ),
        (
            "test_traceparent_ows_handling",
            Continues,
            &[
                " 00-12345678901234567890123456789012-1234567890123456-01",
                "\t00-12345678901234567890123456789012-1234567890123456-01",
                "00-12345678901234567890123456789012-1234567890123456-01 ",
                "00-12345678901234567890123456789012-1234567890123456-01\t",
                "\t 00-12345678901234567890123456789012-1234567890123456-01 \t",
            ],
        ),
        (
            "test_propagates_random_flag",
            Continues,
            &["00-12345678901234567890123456789012-1234567890123456-02"],
        ),
        (
            "test_both_traceparent_and_tracestate_missing",
            Begins,
            &[""],
        ),
    ]
};

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn traces_continue_or_begin() {
    let file = crate::vectors().join("trace-context/cases.json");
    let vectors: Vec<Vector> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let (mut held, mut left_out) = (0, Vec::new());
    for Vector { test } in &vectors {
        let Some((_, expected, values)) = CASES.iter().find(|(name, ..)| name == test) else {
            left_out.push(test.as_str());
            continue;
        };
        for value in *values {
            assert_eq!(found(value), *expected, "{test}: {value:?}");
        }
        held += 1;
    }
    assert_eq!(held, CASES.len(), "a case that is not in the file");
    println!(
        "Trace Context: {} cases: {held} held; not run, since reading one `traceparent` does not decide them: {}",
        vectors.len(),
        left_out.join(", ")
    );
}

/// A trace that continues keeps its id and its flags, under a new span.
fn found(value: &str) -> Trace {
    const SPAN: [u8; 8] = [9; 8];
    let Some(context) = TraceContext::parse(value) else {
        return Trace::Begins;
    };
    let written = context.child(SPAN).to_string();
    let expected = value
        .trim()
        .replace("-1234567890123456-", "-0909090909090909-");
    let continued = expected.get(2..55) == written.get(2..);
    if continued {
        Trace::Continues
    } else {
        Trace::Begins
    }
}
