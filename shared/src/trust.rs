//! Keys that sign bundles, and the keys that a gateway trusts.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_compact::{KeyPair, Noise, PublicKey, Seed, Signature};

use crate::digest::Digest;

/// Names a key: the first eight octets of the SHA-256 of the public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 8]);

impl KeyId {
    fn of(key: &PublicKey) -> Self {
        let Digest([a, b, c, d, e, f, g, h, ..]) = Digest::of(key.as_ref());
        Self([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const PUBLIC: &str = "ed25519:";
const SECRET: &str = "ed25519-secret:";

/// The text is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// No signing key. The text is not repeated: it may be a secret.
    #[error("not a signing key: one begins with `{SECRET}` and comes from `tidegate keys new`")]
    Signing,
    /// No trust key.
    #[error(
        "`{0}` is not a trust key: one begins with `{PUBLIC}` and comes from `tidegate keys new`"
    )]
    Trust(String),
    /// A signing key where a trust key is expected.
    #[error(
        "a signing key stands where a trust key is expected: it is a secret, keep it out of here"
    )]
    SecretInTrust,
    /// No key at all.
    #[error("no trust key: without one no bundle can be accepted")]
    Empty,
}

/// A key that signs bundles (Ed25519, RFC 8032). A secret: never shown.
#[derive(Clone)]
pub struct SigningKey(KeyPair);

impl SigningKey {
    /// A key from 32 octets of entropy.
    ///
    /// # Panics
    /// On 32 zeros, which no entropy gives.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(KeyPair::from_seed(Seed::new(seed)))
    }

    /// The text to keep in a file that only its owner reads.
    pub fn to_secret_text(&self) -> String {
        format!(
            "{SECRET}{}",
            URL_SAFE_NO_PAD.encode(self.0.sk.seed().as_ref())
        )
    }

    /// The public half.
    pub fn trust_key(&self) -> TrustKey {
        TrustKey(self.0.pk)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sk.sign(message, None::<Noise>).to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.trust_key().id())
    }
}

impl FromStr for SigningKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let encoded = text
            .trim()
            .strip_prefix(SECRET)
            .ok_or(InvalidKey::Signing)?;
        let seed = decode(encoded).ok_or(InvalidKey::Signing)?;
        KeyPair::try_from_seed(Seed::new(seed))
            .map(Self)
            .map_err(|_| InvalidKey::Signing)
    }
}

/// The public half of a signing key.
#[derive(Clone, PartialEq, Eq)]
pub struct TrustKey(PublicKey);

impl TrustKey {
    /// The key's name in an envelope.
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.0)
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}

impl fmt::Display for TrustKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", URL_SAFE_NO_PAD.encode(self.0.as_ref()))
    }
}

impl fmt::Debug for TrustKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TrustKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        if text.starts_with(SECRET) {
            return Err(InvalidKey::SecretInTrust);
        }
        let invalid = || InvalidKey::Trust(text.to_owned());
        let octets: [u8; 32] = text
            .strip_prefix(PUBLIC)
            .and_then(decode)
            .ok_or_else(invalid)?;
        let key = PublicKey::new(octets);
        key.validate().map_err(|_| invalid())?;
        Ok(Self(key))
    }
}

fn decode(encoded: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(encoded).ok()?.try_into().ok()
}

/// The keys whose bundles a gateway accepts. As text: one key a line (or separated by white
/// space), a `#` begins a comment. Two keys stand there while one replaces the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustKeys(Vec<TrustKey>);

impl TrustKeys {
    /// Checks a signature by the key of that name; `None` where the key is not among them.
    pub(crate) fn verify(&self, id: KeyId, message: &[u8], signature: &[u8]) -> Option<bool> {
        let key = self.0.iter().find(|key| key.id() == id)?;
        Some(key.verify(message, signature))
    }
}

impl From<TrustKey> for TrustKeys {
    fn from(key: TrustKey) -> Self {
        Self(vec![key])
    }
}

impl FromStr for TrustKeys {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let words = text.lines().flat_map(|line| {
            line.split('#')
                .next()
                .unwrap_or_default()
                .split_whitespace()
        });
        let keys = words.map(str::parse).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            Err(InvalidKey::Empty)
        } else {
            Ok(Self(keys))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_go_both_ways() {
        let key = SigningKey::from_seed([7; 32]);
        let again: SigningKey = key.to_secret_text().parse().unwrap();
        assert_eq!(again.trust_key(), key.trust_key());
        assert_eq!(key.trust_key().to_string().parse(), Ok(key.trust_key()));
    }

    #[test]
    fn a_secret_is_never_shown() {
        let key = SigningKey::from_seed([7; 32]);
        assert_eq!(
            format!("{key:?}"),
            format!("SigningKey({})", key.trust_key().id())
        );
        let error = key.to_secret_text().parse::<TrustKeys>().unwrap_err();
        assert_eq!(error, InvalidKey::SecretInTrust);
        let broken = format!("{}x", key.to_secret_text());
        let error = broken.parse::<SigningKey>().unwrap_err();
        assert!(!error.to_string().contains("BwcH"), "{error}");
    }

    #[test]
    fn trust_takes_several_keys_and_comments() {
        let [a, b] = [1, 2].map(|n| SigningKey::from_seed([n; 32]).trust_key());
        let text = format!("# old\n{a} # until June\n\n{b}\n");
        assert_eq!(text.parse(), Ok(TrustKeys(vec![a, b])));
        assert_eq!("# nothing\n".parse::<TrustKeys>(), Err(InvalidKey::Empty));
    }
}
