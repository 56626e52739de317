//! The ten commands of docs/shipping.md, as they stand there.

use std::path::Path;
use std::process::Command;

#[test]
fn the_ten_commands_go_there_and_back() {
    let document = include_str!("../../../docs/shipping.md");
    let (_, rest) = document.split_once("```sh\n").unwrap();
    let (commands, _) = rest.split_once("```").unwrap();
    assert_eq!(commands.lines().count(), 10);

    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_tidegate")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-e", "-c", commands])
        .env("PATH", path)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{shown}\n{errors}");
    assert!(shown.contains("limit-changed"), "{shown}");

    let (_, history) = shown.split_once("sequence  rollout  bundle\n").unwrap();
    let rows: Vec<Vec<_>> = history
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let [back, there, first] = &rows[..] else {
        panic!("{history}");
    };
    assert_eq!((back[0], there[0], first[0]), ("3", "2", "1"));
    assert_eq!((back[1], there[1]), ("100%", "10%"));
    assert_eq!(back[2], first[2]);
    assert_ne!(there[2], first[2]);
}
