//! The GitHub Action and the hooks for pre-commit: what they name exists, and does what they say.

#![cfg(test)]

use std::path::Path;
use std::process::{Command, Output};

use saphyr_parser::{Event, Parser};

const ACTION: &str = include_str!("../../action.yml");
const HOOKS: &str = include_str!("../../.pre-commit-hooks.yaml");

/// The scalars of a document; it is well-formed.
fn scalars(text: &str) -> Vec<String> {
    let events = Parser::new_from_str(text).map(|event| event.unwrap().0);
    let scalar = |event| {
        if let Event::Scalar(value, ..) = event {
            Some(value.into_owned())
        } else {
            None
        }
    };
    events.filter_map(scalar).collect()
}

/// What stands behind a key, each time.
fn behind(text: &str, key: &str) -> Vec<String> {
    let scalars = scalars(text);
    let pairs = scalars.windows(2).filter(|pair| pair[0] == key);
    pairs.map(|pair| pair[1].clone()).collect()
}

fn run(folder: &Path, program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let tidegate = Path::new(env!("CARGO_BIN_EXE_tidegate")).parent().unwrap();
    let path = format!("{}:{}", tidegate.display(), std::env::var("PATH").unwrap());
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("PATH", path)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn done(output: Output) -> String {
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A repository with a policy that is committed.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    done(run(at, "tidegate", &["init", "shop"], &[]));
    done(run(at, "git", &["init", "-q"], &[]));
    done(run(at, "git", &["add", "-A"], &[]));
    let identity = ["-c", "user.name=a", "-c", "user.email=a@a.example"];
    let commit = [&identity[..], &["commit", "-qm", "a"]].concat();
    done(run(at, "git", &commit, &[]));
    folder
}

fn edit(folder: &Path, from: &str, to: &str) {
    let policy = folder.join("shop/policy.yaml");
    let text = std::fs::read_to_string(&policy).unwrap();
    assert!(text.contains(from));
    std::fs::write(policy, text.replace(from, to)).unwrap();
}

/// Runs the action's steps as GitHub does; whether all succeed, and the summary.
fn act(folder: &Path) -> (bool, String) {
    let summary = folder.join("summary");
    std::fs::write(&summary, "").unwrap();
    let record = r#"{"request_id":"r","method":"GET","host":"h","path":"/","phase":"route","status":404,"problem":"no-route"}"#;
    std::fs::write(folder.join("records"), record).unwrap();
    let variables = [
        ("POLICY", "shop"),
        ("BASE", "HEAD"),
        ("FAIL_ON", "exposes"),
        ("REQUESTS", "records"),
        ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
    ];
    let scripts = behind(ACTION, "run");
    assert_eq!(scripts.len(), 3);
    let step = |script: &String| {
        let arguments = ["--noprofile", "--norc", "-eo", "pipefail", "-c", script];
        let output = run(folder, "bash", &arguments, &variables);
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        output.status.success()
    };
    let all = scripts.iter().all(step);
    (all, std::fs::read_to_string(summary).unwrap())
}

#[test]
fn the_action_says_what_changes_and_fails_where_it_must() {
    let folder = repository();
    edit(folder.path(), "rate: 60/m", "rate: 90/m");
    assert!(!act(folder.path()).0, "a test of the policy fails");
    edit(folder.path(), "q=60;w=60", "q=90;w=60");
    let (succeeds, summary) = act(folder.path());
    assert!(succeeds, "{summary}");
    assert!(summary.contains("| loosens | limit-changed |"), "{summary}");
    assert!(
        summary.contains("0 of 1 request get another verdict"),
        "{summary}"
    );

    edit(folder.path(), "rate: 90/m", "rate:   90/m");
    assert!(!act(folder.path()).0, "another layout");
}

/// Every input has a use, and every use an input.
#[test]
fn the_action_uses_its_inputs() {
    for input in ["policy", "base", "fail-on", "requests"] {
        assert!(ACTION.contains(&format!("\n  {input}:\n")), "{input}");
        assert!(
            ACTION.contains(&format!("${{{{ inputs.{input} }}}}")),
            "{input}"
        );
    }
    assert_eq!(ACTION.matches("${{ inputs.").count(), 5);
    assert_eq!(behind(ACTION, "using"), ["composite"]);
    assert_eq!(behind(ACTION, "shell"), ["bash", "bash", "bash"]);
}

#[test]
fn each_hook_runs() {
    let folder = repository();
    let (entries, arguments) = (behind(HOOKS, "entry"), behind(HOOKS, "args"));
    let ids = behind(HOOKS, "id");
    assert_eq!(ids, ["tidegate-fmt", "tidegate-check", "tidegate-test"]);
    assert_eq!(behind(HOOKS, "language"), ["system"; 3]);
    assert_eq!((entries.len(), arguments.len()), (3, 3));
    for (entry, argument) in entries.iter().zip(arguments) {
        let words: Vec<&str> = entry.split(' ').chain([argument.as_str()]).collect();
        done(run(&folder.path().join("shop"), words[0], &words[1..], &[]));
    }
}
