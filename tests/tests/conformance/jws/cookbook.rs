//! The JWS examples of RFC 7520 §4.

use super::*;

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn examples() {
    let mut suite = Suite::new("RFC 7520 §4");
    let folder = crate::vectors().join("jose-cookbook/jws");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in names {
        let example = read(&format!("jose-cookbook/jws/{name}"));
        let Some(token) = example["output"]["compact"].as_str() else {
            suite.leave_out(name, "the JSON serialisation");
            continue;
        };
        let mut jwk = example["input"]["key"].clone();
        if jwk["crv"] == "P-521" {
            suite.leave_out(name, "P-521");
            continue;
        }
        let members = jwk.as_object_mut().unwrap();
        members.retain(|name, _| !["d", "p", "q", "dp", "dq", "qi"].contains(&name.as_str()));
        let keys = Keys::of(&jwk);
        // A token without its payload says nothing: it is refused like any other whose signature
        // does not hold over what came.
        let detached = token.contains("..");
        suite.run(name.as_str(), !detached, keys.accept(token));
        let (message, _) = token.rsplit_once('.').unwrap();
        suite.run(
            format!("{name} unsigned"),
            false,
            keys.accept(&format!("{message}.")),
        );
    }
    suite.finish();
}
