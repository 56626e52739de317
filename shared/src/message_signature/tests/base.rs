use expect_test::{Expect, expect};

use super::Request;
use crate::message_signature::{Component, SignatureFields};

/// The base of a signature that covers this, and nothing more.
fn base(covered: &str, request: &Request<'_>) -> Result<String, String> {
    let fields = SignatureFields::parse(&format!("s=({covered})"), "s=:AA==:").unwrap();
    let signature = fields.signature("s").unwrap();
    let signature = signature.map_err(|error| error.to_string())?;
    let base = signature.base(request).map_err(|error| error.to_string())?;
    let last = format!("\n\"@signature-params\": ({covered})");
    Ok(base.strip_suffix(&last).unwrap().to_owned())
}

fn check(covered: &str, request: &Request<'_>, expected: &Expect) {
    expected.assert_eq(&base(covered, request).unwrap_or_else(|error| format!("refused: {error}")));
}

/// §2.2.1 to §2.2.7.
#[test]
fn derived_components() {
    check(
        "\"@method\" \"@target-uri\" \"@authority\" \"@scheme\" \"@request-target\" \"@path\" \"@query\"",
        &Request {
            authority: "WWW.Example.com:443",
            ..Request::default()
        },
        &expect![[r#"
            "@method": POST
            "@target-uri": https://www.example.com/path?param=value
            "@authority": www.example.com
            "@scheme": https
            "@request-target": /path?param=value
            "@path": /path
            "@query": ?param=value"#]],
    );
    check(
        "\"@authority\" \"@path\" \"@query\" \"@target-uri\"",
        &Request {
            scheme: "http",
            authority: "localhost:8080",
            target: "",
            ..Request::default()
        },
        &expect![[r#"
            "@authority": localhost:8080
            "@path": /
            "@query": ?
            "@target-uri": http://localhost:8080/"#]],
    );
}

/// §2.2.8, with its examples.
#[test]
fn query_parameters() {
    let request = Request {
        target: "/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something&qux=&twice=1&twice=1&plus=%2B",
        ..Request::default()
    };
    check(
        "\"@query-param\";name=\"var\" \"@query-param\";name=\"bar\" \"@query-param\";name=\"fa%C3%A7ade%22%3A%20\" \"@query-param\";name=\"qux\" \"@query-param\";name=\"plus\"",
        &request,
        &expect![[r#"
            "@query-param";name="var": this%20is%20a%20big%0Amultiline%20value
            "@query-param";name="bar": with%20plus%20whitespace
            "@query-param";name="fa%C3%A7ade%22%3A%20": something
            "@query-param";name="qux": 
            "@query-param";name="plus": %2B"#]],
    );
    for absent in ["twice", "none", "fa%c3%a7ade%22%3A%20"] {
        let covered = format!("\"@query-param\";name=\"{absent}\"");
        assert!(base(&covered, &request).is_err(), "{absent}");
    }
}

/// §2.1 to §2.1.3, with their examples.
#[test]
fn fields() {
    let request = Request {
        fields: vec![
            ("x-ows-header", "   Leading and trailing whitespace.   "),
            ("cache-control", "max-age=60"),
            ("cache-control", "   must-revalidate"),
            ("example-dict", "  a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
            ("x-empty-header", ""),
            ("priority", "u=1,   i"),
            ("example-header", "value, with, lots"),
            ("example-header", "of, commas"),
        ],
        ..Request::default()
    };
    check(
        "\"x-ows-header\" \"cache-control\" \"x-empty-header\" \"example-dict\" \"priority\";sf \"example-dict\";key=\"a\" \"example-dict\";key=\"d\" \"example-dict\";key=\"b\" \"example-dict\";key=\"c\" \"example-header\";bs",
        &request,
        &expect![[r#"
            "x-ows-header": Leading and trailing whitespace.
            "cache-control": max-age=60, must-revalidate
            "x-empty-header": 
            "example-dict": a=1,    b=2;x=1;y=2,   c=(a   b   c), d
            "priority";sf: u=1, i
            "example-dict";key="a": 1
            "example-dict";key="d": ?1
            "example-dict";key="b": 2;x=1;y=2
            "example-dict";key="c": (a b c)
            "example-header";bs: :dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:"#]],
    );
    for absent in [
        "\"x-none\"",
        "\"example-dict\";key=\"e\"",
        "\"example-header\";key=\"a\"",
        "\"x-none\";bs",
        "\"@status\"",
    ] {
        assert!(base(absent, &request).is_err(), "{absent}");
    }
}

/// A line feed in a value would begin a line of the base (§7.5.2); octets above ASCII have
/// several readings.
#[test]
fn values_that_are_no_line_are_refused() {
    for value in ["a\n\"@method\": GET", "a\rb", "\u{e4}", "a\0b"] {
        let request = Request {
            fields: vec![("x-a", value)],
            ..Request::default()
        };
        assert!(base("\"x-a\"", &request).is_err(), "{value:?}");
    }
}

#[test]
fn what_is_not_understood_is_refused() {
    let request = Request::default();
    for (covered, expected) in [
        (
            "\"x\";tr",
            "the parameter `tr` is not supported: trailers are passed on unseen",
        ),
        (
            "\"@method\";req",
            "the parameter `req` is not supported: it is for the signature of a response",
        ),
        ("\"x\";bs;sf", "`x` does not go with such a parameter `bs`"),
        ("\"x\";sf=?0", "`x` does not go with such a parameter `sf`"),
        (
            "\"x\";other",
            "`x` does not go with such a parameter `other`",
        ),
        (
            "\"x\";sf",
            "`x` has no known structure, so that it has no form `sf`",
        ),
        (
            "\"@path\";sf",
            "`@path` does not go with such a parameter `sf`",
        ),
        (
            "\"@query-param\"",
            "`@query-param` does not go with such a parameter `name`",
        ),
        (
            "\"@query-param\";name=a",
            "`@query-param` does not go with such a parameter `name`",
        ),
        (
            "\"Date\"",
            "`\"Date\"` is no component: write a field's name in lower case, or `@method` and the like, and parameters after it",
        ),
        (
            "date",
            "`date` is no component: write a field's name in lower case, or `@method` and the like, and parameters after it",
        ),
        ("\"@method\" \"@method\"", "it covers a component twice"),
    ] {
        assert_eq!(
            base(covered, &request),
            Err(expected.to_owned()),
            "{covered}"
        );
    }
    let params = base("\"@signature-params\"", &request).unwrap_err();
    assert!(params.starts_with("`@signature-params` is no derived component"));
}

/// What a policy writes is what a signature has.
#[test]
fn identifiers_go_both_ways() {
    for (written, identifier) in [
        ("@method", "\"@method\""),
        ("content-digest", "\"content-digest\""),
        (
            "@query-param;name=\"a\\\"b\"",
            "\"@query-param\";name=\"a\\\"b\"",
        ),
        ("signature;key=\"sig\"", "\"signature\";key=\"sig\""),
        ("priority;sf", "\"priority\";sf"),
        ("priority;bs", "\"priority\";bs"),
    ] {
        let component: Component = written.parse().unwrap();
        assert_eq!(component.to_string(), identifier);
    }
    assert!("a\"b".parse::<Component>().is_err());
    assert!("a b".parse::<Component>().is_err());
}
