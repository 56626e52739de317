use expect_test::expect;
use proptest::prelude::*;

use super::*;
use crate::compile;

fn source(text: &str) -> Source {
    Source {
        path: "policy.yaml".into(),
        text: text.to_owned(),
    }
}

#[test]
fn a_layout_keeps_comments_and_meaning() {
    let text = "# a policy\ntidegate:   v1\nname: 'bank'   # of whom\nhosts: [ a.example,b.example ]\n\n\n\n\
                apis:\n    status:   # open\n        auth: public\n        routes:\n        - {get: /status, reply: {status: 204}}\n        # the last\n";
    let once = format(&source(text)).unwrap();
    expect![[r##"
        # a policy
        tidegate: v1
        name: "bank" # of whom
        hosts: [a.example, b.example]

        apis:
          status: # open
            auth: public
            routes:
              - { get: /status, reply: { status: 204 } }
              # the last
    "##]]
    .assert_eq(&once);
    assert_eq!(format(&source(&once)).unwrap(), once);
}

#[test]
fn what_is_malformed_is_left_alone() {
    for text in ["a: [", "a: 1\na: 2\n", "a: &b c\n", "a: b: c"] {
        let error = format(&source(text)).unwrap_err();
        assert!(
            matches!(error, FormatError::Malformed(..)),
            "{text}: {error}"
        );
    }
}

/// The policies of the tests and the examples: their layout compiles to the same, and stays.
#[test]
fn every_policy_at_hand_means_the_same() {
    let mut seen = 0;
    for folder in [
        "tests/policies",
        "../examples/bank",
        "../tests/cases",
        "src/command/init",
    ] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let before = Source {
                text: std::fs::read_to_string(&path).unwrap(),
                path: path.clone(),
            };
            let Ok(text) = format(&before) else {
                // As malformed before as after.
                assert!(compile(&[before]).ir.is_none(), "{}", path.display());
                continue;
            };
            let after = Source { path, text };
            assert_eq!(format(&after).unwrap(), after.text);
            let [before, after] = [before, after].map(|source| {
                let output = compile(&[source]);
                output.ir.map(|ir| (ir.name, ir.tables, ir.hosts))
            });
            assert_eq!(before, after);
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

/// The examples are in the layout already.
#[test]
fn the_examples_stay_as_they_are() {
    for path in [
        "../examples/bank/policy.yaml",
        "src/command/init/policy.yaml",
    ] {
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(format(&source(&text)).unwrap(), text, "{path}");
    }
}

/// A value in some layout.
fn value() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        "[a-z]{1,6}",
        "\"[a-z #:{}\\[\\],'-]{0,12}\"",
        "'[a-z #:{}\\[\\],\"-]{0,12}'",
        "[0-9]{1,4}",
        "true|false|null|~|1\\.50|-3|0x1F|1e3",
    ];
    text.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[ {} ]", items.join(",  "))),
            prop::collection::vec(inner, 0..4).prop_map(|items| {
                let pairs = items
                    .iter()
                    .zip(0..)
                    .map(|(item, key)| format!("k{key}: {item}"));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
            }),
        ]
    })
}

/// A document in some layout: nested mappings and lists, comments, empty lines.
fn document() -> impl Strategy<Value = String> {
    let line = (value(), 0..3_usize, "( # [a-z]{0,8})?", any::<bool>());
    let section = (prop::collection::vec(line, 1..5), 1..5_usize, any::<bool>());
    prop::collection::vec(section, 1..4).prop_map(|sections| {
        let mut text = String::new();
        for ((lines, indent, list), number) in sections.into_iter().zip(0..) {
            text.push_str(&std::format!("s{number}:\n"));
            let indent = " ".repeat(indent);
            for ((value, empty, comment, above), number) in lines.into_iter().zip(0..) {
                if above {
                    text.push_str(&std::format!("{indent}# above {number}\n"));
                }
                let key = if list {
                    "- ".to_owned()
                } else {
                    std::format!("k{number}:  ")
                };
                text.push_str(&std::format!("{indent}{key}{value}{comment}\n"));
                text.push_str(&"\n".repeat(empty));
            }
        }
        text
    })
}

proptest! {
    /// What is laid out is the same document, and stays as it is; what would not be is left.
    #[test]
    fn a_layout_stays(text in document()) {
        let before = source(&text);
        match format(&before) {
            Ok(once) => prop_assert_eq!(format(&source(&once)).unwrap(), once),
            Err(error) => prop_assert!(matches!(error, FormatError::Malformed(..)), "{}\n{}", error, text),
        }
    }
}
