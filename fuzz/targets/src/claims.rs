//! Claims of tokens whose signature holds.

use serde_json::Value;

use crate::gateway::{NOW, PATH_HS256};
use crate::token;

/// What is accepted says so in an ordinary reading of the same JSON, too.
pub fn run(octets: &[u8]) {
    if !token::accepts(PATH_HS256, &format!("Bearer {}", token::hs256(octets))) {
        return;
    }
    let claims: Value = serde_json::from_slice(octets).unwrap_or_default();
    let claim = |name| claims.get(name).unwrap_or(&Value::Null);
    assert_eq!(claim("iss"), "https://id.bank.example");
    let mobile = |value: &Value| value == "mobile";
    assert!(
        mobile(claim("aud"))
            || claim("aud")
                .as_array()
                .is_some_and(|all| all.iter().any(mobile)),
        "the audience is another"
    );
    assert!(
        claim("sub")
            .as_str()
            .is_some_and(|subject| !subject.is_empty()),
        "there is no subject"
    );
    assert!(
        claim("exp").as_f64().is_some_and(|expires| expires > NOW),
        "it has expired"
    );
    for name in ["nbf", "iat"] {
        let date = claim(name);
        assert!(
            date.is_null() || date.as_f64().is_some_and(|date| date < NOW + 1.0),
            "`{name}` lies ahead"
        );
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    vec![token::claims()]
}
