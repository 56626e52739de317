//! A watched roll-out, on a folder, with records that are made up.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{prepared, tidegate};
use crate::kit::digest;

/// Steps that do not wait.
const HASTY: &str = "publish two --to site --watch - --settle 0s --step-minimum 0s --step-maximum 30s --format json";

fn begin(folder: &Path, arguments: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Records of so many requests of a bundle, of which every so many-th is refused.
fn records(name: &str, requests: usize, refused: usize) -> String {
    let bundle = digest(name);
    let record = |number: usize| {
        let (decision, status) = if number.is_multiple_of(refused) {
            ("refuse", 403)
        } else {
            ("reply", 200)
        };
        // The clock runs backwards.
        let time = 9_000_000 - number;
        format!(
            r#"{{"time":{time},"request_id":"r","bundle":"{bundle}","decision":"{decision}","phase":"authorise","status":{status},"duration_ms":1,"end":"complete"}}"#
        ) + "\n"
    };
    (1..=requests).map(record).collect()
}

/// Gives the command all of its input, and waits for its end.
fn finish(mut child: Child, input: &str) -> (Option<i32>, Vec<Value>, String) {
    let mut stdin = child.stdin.take().unwrap();
    // It may end before it has read everything.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    let events = String::from_utf8(stdout).unwrap();
    let events = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    (
        status.code(),
        events.collect(),
        String::from_utf8(stderr).unwrap(),
    )
}

fn status(folder: &Path) -> Value {
    let (_, shown, _) = tidegate(folder, "status --to site --format json");
    serde_json::from_str(&shown).unwrap_or_default()
}

fn until(what: impl Fn() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn one_published() -> tempfile::TempDir {
    let folder = prepared();
    let (status, _, error) = tidegate(folder.path(), "publish one --to site");
    assert_eq!(status, Some(0), "{error}");
    folder
}

#[test]
fn a_bundle_that_refuses_more_is_rolled_back_by_itself() {
    let folder = one_published();
    let input = [
        records("one", 4000, 20),
        "malformed\n".to_owned(),
        "{\"message\":\"of something else\"}\n".to_owned(),
        "a".repeat(1_100_000) + "\n",
        records("elsewhere", 3, 1),
        records("two", 1000, 5),
    ];
    let child = begin(folder.path(), HASTY);
    let (code, events, error) = finish(child, &input.concat());
    assert_eq!(code, Some(3), "{error}");
    let [begun, back, after] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(
        (&begun["event"], &begun["rollout"]),
        (&"published".into(), &5.into())
    );
    assert_eq!(back["event"], "rolled-back");
    assert_eq!((&back["malformed"], &back["other"]), (&2.into(), &3.into()));
    let refusals = &back["compared"][0];
    assert_eq!(refusals["finding"], "worse");
    assert!(refusals["new"]["whole"].as_u64() >= Some(200), "{refusals}");
    assert_eq!(after["bundle"], digest("one").to_string());
    let status = status(folder.path());
    assert_eq!(
        (&status["sequence"], &status["rollout"]),
        (&3.into(), &100.into())
    );
    assert_eq!(status["bundle"], digest("one").to_string());
    assert!(error.is_empty(), "{error}");
}

#[test]
fn one_that_is_interrupted_goes_on_from_where_it_is_and_gives_up_without_data() {
    let folder = one_published();
    let child = begin(folder.path(), HASTY);
    until(|| status(folder.path())["rollout"] == 5);
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(status(folder.path())["sequence"], 2);

    // It is not published again: the sequence is the same. Then one step, and nothing more comes.
    let input = records("one", 4000, 20) + &records("two", 4000, 20);
    let (code, events, error) = finish(begin(folder.path(), HASTY), &input);
    assert_eq!(code, Some(4), "{error}");
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event["event"].as_str().unwrap(),
                event["rollout"].as_u64().unwrap(),
                event["sequence"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("published", 5, 2),
            ("stepped-on", 5, 2),
            ("published", 25, 3),
            ("gave-up", 25, 3),
        ]
    );
    assert_eq!(events[3]["enough"], false);
    assert_eq!(
        events[3]["compared"][0]["excess"],
        serde_json::json!([null, null])
    );
    assert_eq!(status(folder.path())["rollout"], 25);
}

#[test]
fn whoever_publishes_meanwhile_ends_it() {
    let folder = one_published();
    std::fs::write(folder.path().join("three"), crate::kit::bundle("three")).unwrap();
    let mut child = begin(folder.path(), HASTY);
    let input = child.stdin.take().unwrap();
    until(|| status(folder.path())["rollout"] == 5);
    let other = "publish three --to site --rollout 10%";
    assert_eq!(tidegate(folder.path(), other).0, Some(0));
    let output = child.wait_with_output().unwrap();
    drop(input);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("someone else published meanwhile: sequence 3"),
        "{error}"
    );
    assert_eq!(status(folder.path())["bundle"], digest("three").to_string());
}

#[test]
fn what_cannot_be_watched_is_said_before_anything_is_published() {
    let folder = one_published();
    for (arguments, expected) in [
        ("--watch - --steps 100%", "a step below 100%"),
        ("--watch .", "cannot read `.`"),
        ("--steps 5%", "--watch <FILE>"),
    ] {
        let (status, _, error) =
            tidegate(folder.path(), &format!("publish two --to site {arguments}"));
        assert_ne!(status, Some(0), "{arguments}");
        assert!(error.contains(expected), "{arguments}: {error}");
    }
    assert_eq!(status(folder.path())["sequence"], 1);
}
