//! The compact serialisation (RFC 7515 §3.1, §7.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use serde_json::Value;

use super::InvalidJws;
use crate::json;

/// The longest token in octets; more is refused before anything is decoded.
const MAX_TOKEN: usize = 16 * 1024;

/// A token in its parts. Nothing of it is verified.
#[derive(Debug)]
pub struct Token<'t> {
    pub(super) header: Header,
    /// What is signed: header and payload, still encoded.
    pub(super) message: &'t str,
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

/// What the gateway reads of a token's header. `jku`, `x5u` and `x5c` are never looked at (RFC
/// 8725 §3.10).
#[derive(Debug)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
    pub(super) jwk: Option<Value>,
}

impl<'t> Token<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// [`InvalidJws::Shape`].
    pub fn parse(token: &'t str) -> Result<Self, InvalidJws> {
        if token.len() > MAX_TOKEN {
            return Err(InvalidJws::Shape("it is too long"));
        }
        let (message, signature) = token
            .rsplit_once('.')
            .ok_or(InvalidJws::Shape("it has not three parts"))?;
        let (header, payload) = message
            .split_once('.')
            .ok_or(InvalidJws::Shape("it has not three parts"))?;
        // Strict: no padding, no other alphabet, no stray bits; a dot too many fails here too.
        let decode = |part: &str| {
            URL_SAFE_NO_PAD
                .decode(part)
                .map_err(|_| InvalidJws::Shape("not base64url"))
        };
        Ok(Self {
            header: Header::parse(&decode(header)?)?,
            message,
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }

    /// `alg` of the header.
    pub(crate) fn algorithm(&self) -> &str {
        &self.header.alg
    }

    /// `typ` of the header.
    pub(crate) fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// `jwk` of the header: the key that a proof of possession brings (RFC 9449 §4.2). To verify
    /// an access token with it would be to believe whoever made the token.
    pub(crate) fn own_key(&self) -> Option<&Value> {
        self.header.jwk.as_ref()
    }
}

impl Header {
    fn parse(octets: &[u8]) -> Result<Self, InvalidJws> {
        let mut members = json::object(octets).ok_or(InvalidJws::Shape(
            "its header is no JSON object of unique members",
        ))?;
        let text = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(value) => value
                .as_str()
                .map(|text| Some(text.to_owned()))
                .ok_or(InvalidJws::Shape("a header member is no text")),
        };
        // RFC 7515 §4.1.11: an extension that is not understood must not be ignored, and none is.
        if members.contains_key("crit") {
            return Err(InvalidJws::Shape("it has critical extensions"));
        }
        let alg = text("alg")?.ok_or(InvalidJws::Shape("its header names no algorithm"))?;
        Ok(Self {
            alg,
            kid: text("kid")?,
            typ: text("typ")?,
            jwk: members.remove("jwk"),
        })
    }
}
