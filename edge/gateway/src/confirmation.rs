//! What a token says it is bound to: `cnf` (RFC 7800 §3.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use tidegate_shared::digest::Digest;

/// What whoever sends the token must have. Where both are there, both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Confirmation {
    /// `jkt`: the thumbprint of the key that signs proofs (RFC 9449 §6.1).
    pub(crate) key: Option<Digest>,
    /// `x5t#S256`: the digest of the client's certificate (RFC 8705 §3.1).
    pub(crate) certificate: Option<Digest>,
}

/// The token says that it is bound, and to nothing that the gateway could hold it to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidConfirmation;

impl Confirmation {
    /// What the claims of a token say. Members that are not understood are left out (RFC 7800
    /// §3.1), but where no other is there, nothing would be confirmed.
    pub(crate) fn of(claims: &Map<String, Value>) -> Result<Self, InvalidConfirmation> {
        let Some(value) = claims.get("cnf") else {
            return Ok(Self::default());
        };
        let members = value.as_object().ok_or(InvalidConfirmation)?;
        let digest = |name: &str| members.get(name).map(digest).transpose();
        let confirmation = Self {
            key: digest("jkt")?,
            certificate: digest("x5t#S256")?,
        };
        if confirmation == Self::default() {
            return Err(InvalidConfirmation);
        }
        Ok(confirmation)
    }
}

fn digest(value: &Value) -> Result<Digest, InvalidConfirmation> {
    let octets = value.as_str().and_then(|text| {
        let octets = URL_SAFE_NO_PAD.decode(text).ok()?;
        octets.try_into().ok()
    });
    octets.map(Digest).ok_or(InvalidConfirmation)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_understood_alone_confirms_nothing() {
        let one = URL_SAFE_NO_PAD.encode([1; 32]);
        let both = (Some(Digest([1; 32])), Some(Digest([1; 32])));
        for (cnf, expected) in [
            (json!({ "jkt": one }), Some((both.0, None))),
            (json!({ "x5t#S256": one }), Some((None, both.1))),
            (json!({ "jkt": one, "x5t#S256": one }), Some(both)),
            (json!({ "jkt": one, "kid": "a" }), Some((both.0, None))),
            (json!({ "kid": "a" }), None),
            (json!({ "jkt": one, "x5t#S256": "AA" }), None),
            (json!({ "jkt": 7 }), None),
            (json!({ "jkt": format!("{one}=") }), None),
            (json!({}), None),
            (json!(null), None),
            (json!(one), None),
        ] {
            let claims = json!({ "cnf": cnf });
            let found = Confirmation::of(claims.as_object().unwrap()).ok();
            let found = found.map(|found| (found.key, found.certificate));
            assert_eq!(found, expected, "{claims}");
        }
        assert_eq!(Confirmation::of(&Map::new()), Ok(Confirmation::default()));
    }
}
