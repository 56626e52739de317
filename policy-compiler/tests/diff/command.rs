//! The exit status, for scripts, and bundles.

use std::path::Path;

use tidegate_shared::trust::SigningKey;

use crate::{compiled, program};

const POLICY: &str = r#"
tidegate: v1
name: small
hosts: [h.example]
issuers:
  i: { issuer: "https://id.example", audiences: [a], algorithms: [HS256], secret: s }
apis:
  a:
    auth: { jwt: i, scopes: [s] }
    routes:
      - { get: /a, reply: { text: a } }
"#;

/// The exit status and what stands on standard error.
fn diff(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut diff = program::tidegate(folder);
    let (status, _, errors) = program::run(diff.arg("diff").args(arguments));
    (status, errors)
}

#[test]
fn the_exit_status_is_that_of_diff() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        std::fs::write(folder.path().join(name), content).unwrap();
    };
    let public = POLICY.replace("{ jwt: i, scopes: [s] }", "public");
    write("old.yaml", POLICY.as_bytes());
    write("more.yaml", POLICY.replace("[s]", "[]").as_bytes());
    write("public.yaml", public.as_bytes());
    write("broken.yaml", b"tidegate: v1");
    let [key, other] = [1, 2].map(|seed| SigningKey::from_seed([seed; 32]));
    write(
        "old.bundle",
        &compiled(POLICY).unwrap().sign(7, &key).unwrap(),
    );
    write("trust", key.trust_key().to_string().as_bytes());
    write("distrust", other.trust_key().to_string().as_bytes());
    for (arguments, status) in [
        (&["old.yaml", "old.yaml"][..], 0),
        (&["old.yaml", "public.yaml"], 1),
        (&["old.yaml", "public.yaml", "--fail-on", "exposes"], 1),
        (&["old.yaml", "more.yaml", "--fail-on", "exposes"], 0),
        (&["old.yaml", "more.yaml", "--fail-on", "loosens"], 1),
        (&["more.yaml", "old.yaml", "--fail-on", "loosens"], 0),
        (&["old.bundle", "old.yaml", "--trust", "trust"], 0),
        (&["old.bundle", "public.yaml", "--trust", "trust"], 1),
        (&["old.bundle", "old.yaml", "--trust", "distrust"], 2),
        (&["old.bundle", "old.yaml"], 2),
        (&["old.yaml", "broken.yaml"], 2),
        (&["old.yaml", "absent.yaml"], 2),
        (&["old.yaml"], 2),
    ] {
        let (found, errors) = diff(folder.path(), arguments);
        assert_eq!(found, Some(status), "{arguments:?}: {errors}");
        assert_eq!(errors.is_empty(), status != 2, "{arguments:?}: {errors}");
    }
}
