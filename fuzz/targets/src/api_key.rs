//! The text of an API key.

use tidegate_shared::api_key::{ApiKeyId, ApiKeyPrefix};

/// A text that is taken for a key has the form of one, and no swap of two random digits goes unseen.
pub fn run(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else {
        return;
    };
    if let Ok(id) = text.parse::<ApiKeyId>() {
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
    }
    let Some((prefix, digits)) = text.split_once('_') else {
        return;
    };
    let Ok(prefix) = prefix.parse::<ApiKeyPrefix>() else {
        return;
    };
    if prefix.check(text).is_err() {
        return;
    }
    assert!(digits.len() == 36 && digits.bytes().all(|digit| digit.is_ascii_alphanumeric()));
    let mut typed = digits.as_bytes().to_vec();
    for at in 1..30 {
        typed.swap(at - 1, at);
        let other = format!("{prefix}_{}", String::from_utf8_lossy(&typed));
        assert!(other == text || prefix.check(&other).is_err(), "`{other}`");
        typed.swap(at - 1, at);
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let prefix = ApiKeyPrefix::default();
    let keys = (0..4).map(|octet| prefix.mint([octet; 32]).into_bytes());
    keys.collect()
}
