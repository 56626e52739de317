//! What a server says of a token.

use serde_json::Value;

use crate::gateway::{HOST, NOW, PATH_OPAQUE, ask_where};
use crate::token::GATEWAY;

const ANSWER: &str = r#"{"active":true,"iss":"https://id.bank.example","aud":["mobile"],"sub":"ada","client_id":"app","exp":1800003600,"scope":"read write"}"#;

/// What is accepted says so in an ordinary reading of the same JSON, too.
pub fn run(octets: &[u8]) {
    if !accepts(octets) {
        return;
    }
    let answer: Value = serde_json::from_slice(octets).unwrap_or_default();
    let member = |name| answer.get(name).unwrap_or(&Value::Null);
    assert_eq!(member("active"), true);
    assert_eq!(member("iss"), "https://id.bank.example");
    let mobile = |value: &Value| value == "mobile";
    let audience = member("aud");
    assert!(
        mobile(audience)
            || audience
                .as_array()
                .is_some_and(|all| all.iter().any(mobile)),
        "the audience is another"
    );
    let text = |name| member(name).as_str().is_some_and(|text| !text.is_empty());
    assert!(
        text("sub") || answer.get("sub").is_none() && text("client_id"),
        "it speaks for nobody"
    );
    let end = answer.get("exp");
    assert!(
        end.is_none_or(|end| end.as_f64().is_some_and(|end| end > NOW)),
        "it has ended"
    );
    assert_eq!(answer.get("cnf"), None, "it is bound to a key");
}

fn accepts(answer: &[u8]) -> bool {
    let gateway = GATEWAY.as_ref();
    assert!(gateway.is_some(), "the gateway does not load");
    let ask = |gateway| ask_where(gateway, HOST, PATH_OPAQUE, Some("Bearer token"), answer);
    gateway.and_then(ask) == Some(200)
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    crate::texts([ANSWER, r#"{"active":false}"#])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without this the target would hold of a gateway that refuses everything.
    #[test]
    fn a_good_answer_is_accepted() {
        assert!(accepts(ANSWER.as_bytes()));
        assert!(!accepts(br#"{"active":false}"#));
    }
}
