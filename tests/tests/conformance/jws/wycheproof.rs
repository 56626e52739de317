//! Tokens of Project Wycheproof.

use super::*;

/// Vectors that contradict RFC 7515 §2, by which base64url has no other character, RFC 7517 §4.4,
/// by which a key's `alg` is the one that it is for, or each other.
const MISTAKEN: [(u64, &str); 6] = [
    (346, "a token of PS384 and a key for PS256"),
    (350, "a token of PS384 and a key for PS256"),
    (367, "octet for octet the valid vector 357"),
    (370, "octet for octet the valid vector 357"),
    (372, "`?` within base64url is said to be valid"),
    (373, "`?` within base64url is said to be valid"),
];

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn signatures() {
    tokens("json_web_signature_test", &MISTAKEN);
}

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn keys() {
    tokens("json_web_key_test", &[]);
}

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn crypto() {
    tokens("json_web_crypto_test", &[]);
}

fn tokens(name: &str, mistaken: &[(u64, &str)]) {
    let mut suite = Suite::new(name);
    let file = read(&format!("wycheproof/{name}.json"));
    for group in file["testGroups"].as_array().unwrap() {
        let jwk = group.get("public").unwrap_or(&group["private"]);
        let keys = Keys::of(jwk);
        for test in group["tests"].as_array().unwrap() {
            let id = test["tcId"].as_u64().unwrap();
            let valid = test["result"] == "valid";
            let vector = id.to_string();
            let token = match test.get("jws") {
                Some(Value::String(token)) => token.clone(),
                Some(json) => json.to_string(),
                None => {
                    suite.leave_out(vector, "encrypted (JWE)");
                    continue;
                }
            };
            if let Some((_, why)) = mistaken.iter().find(|(mistaken, _)| *mistaken == id) {
                suite.leave_out(vector, format!("a mistaken vector, {why}"));
            } else if let Keys::Unsupported(why) = keys {
                suite.leave_out(vector, why);
            } else if valid && jwk["crv"] == "P-521" {
                suite.leave_out(vector, "P-521");
            } else {
                let comment = test["comment"].as_str().unwrap();
                suite.run(format!("{id} {comment}"), valid, keys.accept(&token));
            }
        }
    }
    suite.finish();
}
