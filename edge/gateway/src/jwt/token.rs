//! The compact serialisation of JWS (RFC 7515 §3.1, §7.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{InvalidToken, json};

/// The longest token in octets; more is refused before anything is decoded.
pub(super) const MAX_TOKEN: usize = 16 * 1024;

/// A token in its parts. Nothing of it is verified.
#[derive(Debug)]
pub(super) struct Token<'t> {
    pub(super) header: Header,
    /// What is signed: header and payload, still encoded.
    pub(super) message: &'t str,
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

/// What the gateway reads of a token's header. `jku`, `jwk`, `x5u` and `x5c` are never looked at:
/// a token does not bring its own key (RFC 8725 §3.10).
#[derive(Debug)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
}

impl<'t> Token<'t> {
    pub(super) fn parse(token: &'t str) -> Result<Self, InvalidToken> {
        if token.len() > MAX_TOKEN {
            return Err(InvalidToken::Shape("it is too long"));
        }
        let (message, signature) = token
            .rsplit_once('.')
            .ok_or(InvalidToken::Shape("it has not three parts"))?;
        let (header, payload) = message
            .split_once('.')
            .ok_or(InvalidToken::Shape("it has not three parts"))?;
        // Strict: no padding, no other alphabet, no stray bits; a dot too many fails here too.
        let decode = |part: &str| {
            URL_SAFE_NO_PAD
                .decode(part)
                .map_err(|_| InvalidToken::Shape("not base64url"))
        };
        Ok(Self {
            header: Header::parse(&decode(header)?)?,
            message,
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }
}

impl Header {
    fn parse(octets: &[u8]) -> Result<Self, InvalidToken> {
        let members = json::object(octets).ok_or(InvalidToken::Shape(
            "its header is no JSON object of unique members",
        ))?;
        let text = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(value) => value
                .as_str()
                .map(Some)
                .ok_or(InvalidToken::Shape("a header member is no text")),
        };
        // RFC 7515 §4.1.11: an extension that is not understood must not be ignored, and none is.
        if members.contains_key("crit") {
            return Err(InvalidToken::Shape("it has critical extensions"));
        }
        // RFC 8725 §3.11: other kinds of JWT are not access tokens.
        let kind = text("typ")?.map(|kind| kind.to_ascii_lowercase());
        let kind = kind
            .as_deref()
            .map(|kind| kind.strip_prefix("application/").unwrap_or(kind));
        if !matches!(kind, None | Some("jwt" | "at+jwt")) {
            return Err(InvalidToken::Shape(
                "its type is neither `JWT` nor `at+jwt`",
            ));
        }
        let alg = text("alg")?
            .ok_or(InvalidToken::Shape("its header names no algorithm"))?
            .to_owned();
        Ok(Self {
            alg,
            kid: text("kid")?.map(str::to_owned),
        })
    }
}
