//! The commands, on a folder.

use std::path::Path;

use serde_json::Value;

use crate::kit::{bundle, digest, key};
use crate::program;

/// The exit status, standard output and standard error.
pub(crate) fn tidegate(folder: &Path, arguments: &str) -> (Option<i32>, String, String) {
    program::run(program::tidegate(folder).args(arguments.split_whitespace()))
}

pub(crate) fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tidegate.key"), key().to_secret_text()).unwrap();
    for name in ["one", "two"] {
        std::fs::write(folder.path().join(name), bundle(name)).unwrap();
    }
    folder
}

#[test]
fn publish_status_rollback_and_history() {
    let folder = prepared();
    let run = |arguments: &str| {
        let (status, output, error) = tidegate(folder.path(), arguments);
        assert_eq!(status, Some(0), "{arguments}: {error}");
        output
    };
    let status =
        || -> Value { serde_json::from_str(&run("status --to site --format json")).unwrap() };
    let published = run("publish one --to site");
    assert!(published.contains("sequence  1\n"), "{published}");
    assert!(published.contains("expires   in 29 d"), "{published}");
    run("publish two --to site --rollout 25% --expires 7d");
    assert_eq!(status()["rollout"], 25);
    assert_eq!(status()["previous"], digest("one").to_string());
    run("rollback --to site");
    assert_eq!(status()["bundle"], digest("one").to_string());
    run("rollback --to site --to-sequence 2");
    assert_eq!(status()["sequence"], 4);
    let [one, two] = ["one", "two"].map(digest);
    assert_eq!(
        run("history --to site"),
        format!(
            "sequence  rollout  bundle\n       4     100%  {two}\n       3     100%  {one}\n       2      25%  {two}\n       1     100%  {one}\n"
        )
    );
}

#[test]
fn a_bundle_in_shadow_is_beside_what_is_in_force() {
    let folder = prepared();
    let run = |arguments: &str| {
        let (status, output, error) = tidegate(folder.path(), arguments);
        assert_eq!(status, Some(0), "{arguments}: {error}");
        output
    };
    let status =
        || -> Value { serde_json::from_str(&run("status --to site --format json")).unwrap() };
    let (code, _, error) = tidegate(folder.path(), "publish two --to site --shadow");
    assert_eq!(code, Some(1));
    assert!(error.contains("nothing was published"), "{error}");
    run("publish one --to site");
    let [one, two] = ["one", "two"].map(|name| digest(name).to_string());
    for (arguments, share) in [("--shadow", 100), ("--shadow=5%", 5)] {
        let shown = run(&format!("publish two --to site {arguments}"));
        let line = format!("shadow    {two}, for {share}% of requests\n");
        assert!(shown.contains(&line), "{shown}");
        let status = status();
        assert_eq!(status["bundle"], one);
        assert_eq!(status["shadow"]["bundle"], two);
        assert_eq!(status["shadow"]["share"], share);
    }
    run("publish one --to site");
    assert_eq!(status()["shadow"], Value::Null);
    let (code, _, error) = tidegate(folder.path(), "publish two --to site --shadow --rollout 5%");
    assert_eq!(code, Some(2));
    assert!(error.contains("cannot be used with"), "{error}");
}

#[test]
fn what_is_wrong_is_said() {
    let folder = prepared();
    let says = |arguments: &str, expected: &str| {
        let (status, _, error) = tidegate(folder.path(), arguments);
        assert_ne!(status, Some(0), "{arguments}");
        assert!(error.contains(expected), "{arguments}: {error}");
    };
    says(
        "status --to site",
        "nothing was published on channel `production` yet",
    );
    says("publish tidegate.key --to site", "not a bundle");
    says("publish missing --to site", "cannot read `missing`");
    says(
        "publish one --to site --rollout 5%",
        "all readers run this one or none",
    );
    says("publish one --to site --expires 999d", "more than 400 days");
    says(
        "publish one --to site --channel A/B",
        "`A/B` is not a channel",
    );
    says("publish one --to ftp://site", "`ftp://site` is no target");
    says(
        "publish one --to kv:a1/b2",
        "CLOUDFLARE_API_TOKEN is not set",
    );
    assert!(!folder.path().join("site").exists());

    assert_eq!(tidegate(folder.path(), "publish one --to site").0, Some(0));
    let other = tidegate_shared::trust::SigningKey::from_seed([6; 32]);
    std::fs::write(folder.path().join("other.key"), other.to_secret_text()).unwrap();
    says("status --to site --key other.key", "which is not trusted");
    says(
        "publish one --to site --key other.key",
        "readers would refuse this bundle",
    );
}
