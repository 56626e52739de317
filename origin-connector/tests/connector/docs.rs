//! What the documentation and the examples show is taken as it stands.

use std::path::Path;

use tidegate_origin_connector::Config;

fn repository(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

fn holds(text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("connector.toml");
    std::fs::write(&path, text).unwrap();
    if let Err(error) = Config::read(&path) {
        panic!("{error}\n{text}");
    }
}

#[test]
fn every_configuration_of_the_documentation_holds() {
    let text = repository("docs/connector.md");
    let blocks: Vec<&str> = text
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    let whole = blocks[0];
    let (top, backend) = whole.split_once("[[backend]]").unwrap();
    let (top, tls) = top.split_once("[tls]").unwrap();
    holds(whole);
    for part in &blocks[1..] {
        // What a part does not say is as in the whole.
        let mut text = top.to_owned();
        if !part.contains("[tls") {
            text += &format!("[tls]{tls}");
        }
        text += part;
        if !part.contains("[[backend]]") {
            text += &format!("\n[[backend]]{backend}");
        }
        holds(&text);
    }
    assert!(blocks.len() > 5);
}

#[test]
fn the_configuration_of_the_kubernetes_manifest_holds() {
    let manifest = repository("examples/connector/kubernetes.yaml");
    let (_, rest) = manifest.split_once("connector.toml: |\n").unwrap();
    let own = rest
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with("    "));
    let lines: Vec<&str> = own.map(str::trim_start).collect();
    holds(&lines.join("\n"));
}
