//! The examples of draft-ietf-httpapi-ratelimit-headers: each `RateLimit-Policy` that a policy can
//! bring about comes out of the core as it stands in the draft.

use std::fmt::Write;

use http::HeaderValue;
use serde::Deserialize;
use tidegate_policy_compiler::source::Source;
use tidegate_policy_compiler::{compile, offline};

#[derive(Deserialize)]
struct Vector {
    field: String,
    value: String,
}

/// One limit: `"name";q=100;w=60`.
struct Item<'v> {
    name: &'v str,
    quota: &'v str,
    unit: char,
}

impl<'v> Item<'v> {
    /// `None` where a policy cannot say it: another window than its units, another parameter.
    fn of(text: &'v str) -> Option<Self> {
        let (name, parameters) = text.trim().strip_prefix('"')?.split_once("\";q=")?;
        let (quota, window) = parameters.split_once(";w=")?;
        let unit = match window {
            "1" => 's',
            "60" => 'm',
            "3600" => 'h',
            "86400" => 'd',
            _ => return None,
        };
        let plain = name.bytes().all(|octet| octet.is_ascii_lowercase());
        plain.then_some(Self { name, quota, unit })
    }
}

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn policies_are_announced_as_in_the_draft() {
    let file = crate::vectors().join("ratelimit-headers/draft-examples.json");
    let vectors: Vec<Vector> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let (mut sent, mut standings, mut inexpressible) = (0, 0, Vec::new());
    for Vector { field, value } in &vectors {
        if field != "RateLimit-Policy" {
            standings += 1;
            continue;
        }
        let items: Option<Vec<Item<'_>>> = value.split(',').map(Item::of).collect();
        match items {
            Some(items) => {
                assert_announced(value, &items);
                sent += 1;
            }
            None => inexpressible.push(value.as_str()),
        }
    }
    println!(
        "RateLimit fields: {} examples: {sent} policies sent as they stand; not run: {standings} that \
         state a counter at some moment, {} that no limit can say: {}",
        vectors.len(),
        inexpressible.len(),
        inexpressible.join(" | ")
    );
}

fn assert_announced(value: &str, items: &[Item<'_>]) {
    let mut limits = String::new();
    for Item { name, quota, unit } in items {
        writeln!(limits, "  {name}: {{ rate: {quota}/{unit}, key: global }}").unwrap();
    }
    let names: Vec<&str> = items.iter().map(|item| item.name).collect();
    let names = names.join(", ");
    // Lists are written with one space after each comma.
    let members: Vec<&str> = value.split(',').map(str::trim).collect();
    let field = HeaderValue::from_str(&members.join(", ")).unwrap();
    let sources = [Source {
        path: "policy.yaml".into(),
        text: format!(
            "tidegate: v1\nname: draft\nhosts: [api.example.com]\nlimits:\n{limits}apis:\n  all:\n    \
             auth: public\n    limit: [{names}]\n    routes: [ {{ get: /, reply: {{ text: ok }} }} ]\n\
             tests:\n  - send: GET https://api.example.com/\n    expect: {{ status: 200, headers: \
             {{ ratelimit-policy: {} }} }}\n",
            serde_json::Value::from(field.to_str().unwrap())
        ),
    }];
    let ir = compile(&sources).ir.unwrap();
    for result in offline::run(&ir).unwrap() {
        assert!(result.failures.is_empty(), "{value}: {:?}", result.failures);
    }
}
