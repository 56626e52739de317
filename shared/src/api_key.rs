//! API keys as people hold them: `PREFIX_`, 30 random base62 digits, and 6 of a checksum, as
//! GitHub's tokens are.
//!
//! The prefix lets scanners find a key that has leaked; the checksum (CRC-32 of the 30 digits)
//! catches one that was mistyped or invented, without a look-up. Neither is a secret's worth: what
//! makes a key good is that its digest is known.

mod record;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

pub use record::{ApiKeyRecord, Ended};

/// `0` to `9`, `A` to `Z`, `a` to `z`.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Random digits: 178 bits.
const RANDOM: usize = 30;
/// Digits of the checksum: enough for 32 bits.
const CHECKSUM: usize = 6;

/// What the keys of a ring begin with, before a `_`: a small letter, then up to 15 small letters
/// and digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApiKeyPrefix(String);

impl ApiKeyPrefix {
    /// As it stands in a key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a text may be a key of this prefix: the form and the checksum.
    ///
    /// # Errors
    /// [`InvalidApiKey`], which repeats nothing of the text.
    pub fn check(&self, key: &str) -> Result<(), InvalidApiKey> {
        let digits = key
            .strip_prefix(&self.0)
            .and_then(|rest| rest.strip_prefix('_'))
            .ok_or(InvalidApiKey::Prefix)?;
        if digits.len() != RANDOM + CHECKSUM {
            return Err(InvalidApiKey::Length);
        }
        if !digits.bytes().all(|digit| digit.is_ascii_alphanumeric()) {
            return Err(InvalidApiKey::Digits);
        }
        match digits.split_at_checked(RANDOM) {
            Some((random, checksum)) if checksum_of(random) == checksum => Ok(()),
            _ => Err(InvalidApiKey::Checksum),
        }
    }

    /// A key from 32 octets of entropy.
    pub fn mint(&self, entropy: [u8; 32]) -> String {
        let mut number = entropy;
        let random: String = (0..RANDOM).map(|_| base62(divide(&mut number))).collect();
        let checksum = checksum_of(&random);
        format!("{self}_{random}{checksum}")
    }
}

/// `tdg`.
impl Default for ApiKeyPrefix {
    fn default() -> Self {
        Self("tdg".to_owned())
    }
}

impl fmt::Display for ApiKeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ApiKeyPrefix> for String {
    fn from(prefix: ApiKeyPrefix) -> Self {
        prefix.0
    }
}

/// The text is no prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a prefix of API keys: use a small letter, then small letters and digits, at most 16 in all"
)]
pub struct InvalidPrefix(String);

impl TryFrom<String> for ApiKeyPrefix {
    type Error = InvalidPrefix;

    fn try_from(text: String) -> Result<Self, InvalidPrefix> {
        let letters = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit();
        let begins = text.starts_with(|first: char| first.is_ascii_lowercase());
        if begins && text.len() <= 16 && text.bytes().all(letters) {
            Ok(Self(text))
        } else {
            Err(InvalidPrefix(text))
        }
    }
}

impl FromStr for ApiKeyPrefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidPrefix> {
        text.to_owned().try_into()
    }
}

/// Why a text cannot be a key of a ring. Nothing of the text is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidApiKey {
    /// Another ring's, or none.
    #[error("the key does not begin with the ring's prefix")]
    Prefix,
    /// Cut off, or two in one.
    #[error("the key is too short or too long")]
    Length,
    /// Something else than letters and digits.
    #[error("the key has a character that no key has")]
    Digits,
    /// Mistyped or invented.
    #[error("the key's checksum does not hold")]
    Checksum,
}

/// The public name of a key: the first eight octets of its digest. Nobody gets from it to the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKeyId([u8; 8]);

impl From<Digest> for ApiKeyId {
    fn from(Digest([a, b, c, d, e, f, g, h, ..]): Digest) -> Self {
        Self([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no key's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the id of an API key: one has 16 hexadecimal digits")]
pub struct InvalidApiKeyId(String);

impl FromStr for ApiKeyId {
    type Err = InvalidApiKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidApiKeyId> {
        let mut octets = [0; 8];
        hex::decode_to_slice(text, &mut octets).map_err(|_| InvalidApiKeyId(text.to_owned()))?;
        Ok(Self(octets))
    }
}

fn checksum_of(random: &str) -> String {
    let mut rest = crc32fast::hash(random.as_bytes());
    let mut digits = ['0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = base62(rest % 62);
        rest /= 62;
    }
    digits.iter().collect()
}

/// Divides a big-endian number by 62; gives the remainder.
fn divide(number: &mut [u8; 32]) -> u32 {
    let mut remainder = 0;
    for octet in number {
        let dividend = remainder << 8 | u32::from(*octet);
        // What remained was below 62, so this quotient is one octet.
        [.., *octet] = (dividend / 62).to_be_bytes();
        remainder = dividend % 62;
    }
    remainder
}

fn base62(value: u32) -> char {
    let digit = usize::try_from(value).ok().and_then(|at| BASE62.get(at));
    digit.copied().map_or('0', char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token that GitHub publishes as an example: the same alphabet, the same checksum.
    #[test]
    fn the_checksum_is_that_of_a_published_token() {
        assert_eq!(checksum_of("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"), "0mLq17");
        let prefix: ApiKeyPrefix = "ghp".parse().unwrap();
        let published = "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";
        assert_eq!(prefix.check(published), Ok(()));
    }

    #[test]
    fn every_key_that_is_minted_is_well_formed_and_takes_part_of_all_entropy() {
        let prefix = ApiKeyPrefix::default();
        let mut seen = std::collections::BTreeSet::new();
        for octet in 0..32 {
            let mut entropy = [0xa5; 32];
            entropy[octet] ^= 1;
            let key = prefix.mint(entropy);
            assert_eq!(prefix.check(&key), Ok(()), "{key}");
            assert!(seen.insert(key));
        }
        assert_eq!(prefix.check(&prefix.mint([0; 32])), Ok(()));
        assert_eq!(prefix.check(&prefix.mint([0xff; 32])), Ok(()));
    }

    #[test]
    fn no_single_mistake_goes_unseen() {
        let prefix = ApiKeyPrefix::default();
        let key = prefix.mint([7; 32]);
        for (at, own) in key.bytes().enumerate() {
            for other in BASE62.iter().copied().filter(|other| *other != own) {
                let mut typed = key.clone().into_bytes();
                typed[at] = other;
                let typed = String::from_utf8(typed).unwrap();
                assert!(prefix.check(&typed).is_err(), "{typed}");
            }
        }
    }

    #[test]
    fn each_deviation_is_named() {
        let prefix: ApiKeyPrefix = "bank".parse().unwrap();
        let key = prefix.mint([1; 32]);
        for (text, why) in [
            (String::new(), InvalidApiKey::Prefix),
            ("bank".to_owned(), InvalidApiKey::Prefix),
            (key.replace("bank", "tdg"), InvalidApiKey::Prefix),
            ("bank_".to_owned(), InvalidApiKey::Length),
            (format!("{key}0"), InvalidApiKey::Length),
            (format!("{key}{key}"), InvalidApiKey::Length),
            (format!("bank_{}", "-".repeat(36)), InvalidApiKey::Digits),
            (format!("bank_{}", "é".repeat(18)), InvalidApiKey::Digits),
            (format!("bank_{}", "0".repeat(36)), InvalidApiKey::Checksum),
        ] {
            assert_eq!(prefix.check(&text), Err(why), "{text}");
        }
    }

    #[test]
    fn prefixes_are_small_letters_and_digits() {
        for good in ["a", "bank", "b2b", "abcdefghijklmnop"] {
            assert_eq!(good.parse::<ApiKeyPrefix>().unwrap().as_str(), good);
        }
        for bad in ["", "2b", "Bank", "a_b", "a-b", "é", "abcdefghijklmnopq"] {
            assert_eq!(
                bad.parse::<ApiKeyPrefix>(),
                Err(InvalidPrefix(bad.to_owned()))
            );
        }
    }

    #[test]
    fn a_key_is_named_by_the_beginning_of_its_digest() {
        let id = ApiKeyId::from(Digest::of(b"abc"));
        assert_eq!(id.to_string(), "ba7816bf8f01cfea");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("ba78".parse::<ApiKeyId>().is_err());
    }
}
