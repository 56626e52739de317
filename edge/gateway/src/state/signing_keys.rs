//! Keys that sign requests to origins, each read once: reading one of Ed25519 costs about as much as
//! signing with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_shared::message_signature::{InvalidSecret, SignatureAlgorithm, SigningSecret};

/// Keys that are kept. A policy has one or two.
const MOST: usize = 64;

/// The keys by the names of their secrets.
#[derive(Debug, Default)]
pub(crate) struct SigningKeys(Mutex<HashMap<String, Known>>);

struct Known {
    algorithm: SignatureAlgorithm,
    secret: Vec<u8>,
    key: Arc<SigningSecret>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.key.fmt(f)
    }
}

impl SigningKeys {
    /// The key that a secret is. The secret counts as it is now, whatever was remembered.
    pub(crate) fn read(
        &self,
        name: &str,
        algorithm: SignatureAlgorithm,
        secret: &[u8],
    ) -> Result<Arc<SigningSecret>, InvalidSecret> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = keys.get(name);
        let known = known.filter(|known| known.algorithm == algorithm && known.secret == secret);
        if let Some(known) = known {
            return Ok(Arc::clone(&known.key));
        }
        let key = Arc::new(SigningSecret::new(algorithm, secret)?);
        if keys.len() >= MOST {
            keys.clear();
        }
        let known = Known {
            algorithm,
            secret: secret.to_owned(),
            key: Arc::clone(&key),
        };
        keys.insert(name.to_owned(), known);
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    #[test]
    fn a_key_is_read_again_where_its_secret_changes() {
        let keys = SigningKeys::default();
        let read = |name: &str, secret| keys.read(name, SignatureAlgorithm::HmacSha256, secret);
        let first = read("a", SECRET).unwrap();
        assert!(Arc::ptr_eq(&first, &read("a", SECRET).unwrap()));
        let other = read("a", &[7; 32]).unwrap();
        assert!(!Arc::ptr_eq(&first, &other));
        assert!(Arc::ptr_eq(&other, &read("a", &[7; 32]).unwrap()));
        assert_eq!(read("a", b"weak").unwrap_err(), InvalidSecret::Weak);
        let ed25519 = keys.read("a", SignatureAlgorithm::Ed25519, SECRET);
        assert!(matches!(ed25519, Err(InvalidSecret::Key(_))));
    }

    #[test]
    fn no_number_of_names_lets_it_grow() {
        let keys = SigningKeys::default();
        for name in 0..1_000 {
            let algorithm = SignatureAlgorithm::HmacSha256;
            assert!(keys.read(&name.to_string(), algorithm, SECRET).is_ok());
        }
        assert!(keys.0.lock().unwrap().len() <= MOST);
    }
}
