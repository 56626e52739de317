//! What commands print.

#![cfg(test)]

#[path = "command/dev.rs"]
mod dev;
#[path = "program/tidegate.rs"]
mod program;

use std::path::Path;

use expect_test::{Expect, expect};

const POLICY: &str = r#"tidegate: v1
name: small
hosts: [h.example]
issuers:
  i: { issuer: "https://id.example", audiences: [a], algorithms: [HS256], secret: s }
apis:
  a:
    auth: { jwt: i }
    routes:
      - { get: /a, reply: { text: a } }
      - { get: /b, reply: { text: b } }
      - { get: /c, reply: { text: c } }
tests:
  - name: a token is needed
    send: GET https://h.example/a
    expect: { status: 401 }
  - send: GET https://h.example/b
    as: { jwt: i }
    expect: { status: 200 }
  - name: fails & <says> why
    send: GET https://h.example/b
    expect: { status: 200, problem: scope-insufficient }
"#;

/// The exit status and what stands on standard output.
fn tidegate(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let (status, output, _) = program::run(program::tidegate(folder).args(arguments));
    (status, output)
}

fn check(arguments: &[&str], expect: &Expect) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
    let (status, text) = tidegate(folder.path(), arguments);
    assert_eq!(status, Some(1));
    expect.assert_eq(&text);
}

#[test]
fn test_says_what_failed_and_what_was_reached() {
    check(
        &["test", "policy.yaml", "--coverage"],
        &expect![[r#"
        ok   a token is needed
        ok   GET https://h.example/b
        FAIL fails & <says> why
               status: expected 200, found 401
               problem: expected scope-insufficient, found credential-missing
               refused because: no token

        2 passed, 1 failed

        tests  let through  route (2 of 3 reached)
            1            0  a GET /a, policy.yaml:10
            2            1  a GET /b, policy.yaml:11
            0            0  a GET /c, policy.yaml:12
    "#]],
    );
}

#[test]
fn test_reports_in_junit_xml() {
    check(
        &["test", "policy.yaml", "--format", "junit", "--coverage"],
        &expect![[r#"
            <?xml version="1.0" encoding="UTF-8"?>
            <testsuites name="tidegate" tests="3" skipped="0" failures="1" errors="0">
                <testsuite name="small" tests="3" skipped="0" errors="0" failures="1">
                    <testcase name="a token is needed"/>
                    <testcase name="GET https://h.example/b"/>
                    <testcase name="fails &amp; &lt;says&gt; why">
                        <failure message="status: expected 200, found 401">status: expected 200, found 401
            problem: expected scope-insufficient, found credential-missing
            refused because: no token</failure>
                    </testcase>
                    <system-out>tests  let through  route (2 of 3 reached)
                1            0  a GET /a, policy.yaml:10
                2            1  a GET /b, policy.yaml:11
                0            0  a GET /c, policy.yaml:12
            </system-out>
                </testsuite>
            </testsuites>
        "#]],
    );
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (status, script) = tidegate(Path::new("."), &["completions", shell]);
        assert_eq!(status, Some(0), "{shell}");
        assert!(script.contains("fail-on"), "{shell}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let (status, _) = tidegate(folder.path(), &["man", "pages"]);
    assert_eq!(status, Some(0));
    let page = std::fs::read_to_string(folder.path().join("pages/tidegate-diff.1")).unwrap();
    assert!(page.contains("Exit status"), "{page}");
}
