//! SPIFFE IDs: what the specification allows is read as it stands, and nothing else.

use serde::Deserialize;
use tidegate_shared::spiffe::SpiffeId;

#[derive(Deserialize)]
struct Case {
    id: String,
    ok: bool,
}

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn ids() {
    let text = std::fs::read(crate::vectors().join("spiffe/id-cases.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_slice(&text).unwrap();
    for Case { id, ok } in &cases {
        let read = id.parse::<SpiffeId>();
        assert_eq!(read.is_ok(), *ok, "{id:?}: {read:?}");
        if let Ok(read) = read {
            assert_eq!(read.as_str(), id);
        }
    }
    let read = cases.iter().filter(|case| case.ok).count();
    println!(
        "SPIFFE IDs: {} cases: {read} read, {} refused as they should be",
        cases.len(),
        cases.len() - read
    );
}
