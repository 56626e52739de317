use proptest::prelude::*;

use super::*;

fn pattern(text: &str) -> PathPattern {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn captures_parameters_and_the_rest() {
    for (text, path, expected) in [
        ("/", "/", Some((vec![], ""))),
        ("/a/{id}", "/a/7", Some((vec![("id", "7")], ""))),
        ("/a/{id}", "/a/", None),
        ("/a/{id}", "/a/7/", None),
        ("/a/{id}.json", "/a/7.json", Some((vec![("id", "7")], ""))),
        ("/a/{id}.json", "/a/.json", None),
        ("/a/v{n}-x", "/a/v2-x", Some((vec![("n", "2")], ""))),
        ("/api/", "/api/", Some((vec![], ""))),
        ("/api/", "/api", None),
        ("/*", "/", Some((vec![], ""))),
        ("/*", "/x/y", Some((vec![], "x/y"))),
        ("/a/*", "/a", Some((vec![], ""))),
        ("/a/*", "/a/", Some((vec![], ""))),
        ("/a/*", "/ab", None),
        ("/{t}/b/*", "/x/b/c/d", Some((vec![("t", "x")], "c/d"))),
    ] {
        let pattern = pattern(text);
        let found = pattern
            .captures(path)
            .map(|captures| (captures.parameters, captures.rest));
        assert_eq!(found, expected, "{text} on {path}");
    }
}

#[test]
fn refuses_what_is_no_pattern() {
    for (text, message) in [
        ("a", "`a` is not a path: the path does not begin with `/`"),
        (
            "/a/{id",
            "`{id` is not a valid segment: a segment holds at most one `{name}`",
        ),
        (
            "/a/id}",
            "`id}` is not a valid segment: a segment holds at most one `{name}`",
        ),
        (
            "/{a}{b}",
            "`{a}{b}` is not a valid segment: a segment holds at most one `{name}`",
        ),
        (
            "/{}",
            "`` is not a parameter name: use letters, digits, `_`, `-` and `.`",
        ),
        ("/{a}/{a}", "the parameter `a` stands twice"),
        (
            "/a*/b",
            "`/a*/b` has a `*` that is not its whole last segment: only a final `/*` is a prefix",
        ),
        ("/a/../b", "`/a/../b` is not in normal form: write `/b`"),
        (
            "/a?b",
            "`/a?b` is not a path: the path has an octet that must be percent-encoded, or an encoded control character",
        ),
    ] {
        let error = text.parse::<PathPattern>().unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
    }
}

#[test]
fn parameters_are_no_more_than_a_router_takes() {
    let of = |count: usize| -> String { (0..count).map(|n| format!("/{{p{n}}}")).collect() };
    assert_eq!(pattern(&of(MAX_PARAMETERS)).parameters().count(), 16);
    let error = of(MAX_PARAMETERS + 1).parse::<PathPattern>().unwrap_err();
    assert!(matches!(error, InvalidPattern::TooManyParameters(_)));
}

#[test]
fn a_skeleton_has_no_names() {
    for (text, expected) in [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/{id}/v{n}-x/{file}.json", "/{}/v{}-x/{}.json"),
        ("/*", "/*"),
        ("/{id}/*", "/{}/*"),
    ] {
        assert_eq!(pattern(text).skeleton(), expected);
    }
}

#[test]
fn orders_by_specificity() {
    let ordered = [
        "/a/b",
        "/a/{x}.json",
        "/a/x{y}",
        "/a/{x}",
        "/{x}/b",
        "/a/b/*",
        "/a/{x}/*",
        "/a/*",
        "/{x}/b/*",
        "/*",
    ];
    for pair in ordered.windows(2) {
        assert_eq!(
            pattern(pair[0]).cmp_specificity(&pattern(pair[1])),
            Ordering::Greater,
            "{} over {}",
            pair[0],
            pair[1]
        );
    }
}

fn any_pattern() -> impl Strategy<Value = PathPattern> {
    let segment = prop::sample::select(vec!["a", "b", "ab", "{p}", "a{p}", "{p}b"]);
    (prop::collection::vec(segment, 0..4), any::<bool>()).prop_map(|(segments, prefix)| {
        let mut text = String::new();
        for (index, segment) in segments.iter().enumerate() {
            text.push('/');
            text.push_str(&segment.replace('p', &format!("p{index}")));
        }
        if prefix {
            text.push_str("/*");
        } else if text.is_empty() {
            text.push('/');
        }
        pattern(&text)
    })
}

proptest! {
    #[test]
    fn a_shared_path_means_overlap(a in any_pattern(), b in any_pattern(), path in "(/(a|b|ab|aab)){1,5}") {
        let (in_a, in_b) = (a.captures(&path).is_some(), b.captures(&path).is_some());
        if in_a && in_b {
            prop_assert!(a.overlaps(&b) && b.overlaps(&a));
        }
        if a.covers(&b) && in_b {
            prop_assert!(in_a, "{} covers {} but lacks {}", a, b, path);
        }
    }

    #[test]
    fn never_panics(text in "\\PC*") {
        let _ = text.parse::<PathPattern>();
    }
}
