//! Fresh keys for a policy, and the ones that it had for a policy that takes its place.

use std::collections::HashMap;

use jwt_simple::algorithms::HS256Key;
use tidegate_shared::bundle::{Issuer, IssuerKeys, RingKeys, Tables};
use tidegate_shared::digest::Digest;
use tidegate_shared::message_signature::SignatureAlgorithm;
use tidegate_shared::trust::SigningKey;

use super::signer::Signer;
use super::{CredentialError, Credentials, failed, random};
use crate::Ir;
use crate::proof::ProofKey;

impl Credentials {
    /// Puts a fresh key into each issuer, and a fresh API key into each consumer.
    ///
    /// # Errors
    /// [`CredentialError`] where no key can be made.
    pub fn install(ir: &mut Ir) -> Result<Self, CredentialError> {
        let mut issuers = Vec::new();
        for issuer in &mut ir.tables.issuers {
            let (signer, keys) = Signer::of(issuer)?;
            if let Some(keys) = keys {
                issuer.keys = IssuerKeys::Pinned(vec![keys]);
                issuer.remote = None;
            }
            issuers.push((issuer.clone(), signer));
        }
        share_secrets(&mut issuers);
        let mut api_keys = HashMap::new();
        for (ring, index) in ir.tables.api_keys.iter().zip(0..) {
            let prefix = ring.prefix.clone().unwrap_or_default();
            for consumer in ring.consumers() {
                let mut entropy = [0; 32];
                getrandom::fill(&mut entropy).map_err(failed)?;
                api_keys.insert((index, consumer.to_owned()), prefix.mint(entropy));
            }
        }
        pin(&api_keys, ir);
        let verifies = |name: &str| {
            let mut keys = ir.tables.issuers.iter().map(|issuer| &issuer.keys);
            keys.any(|keys| matches!(keys, IssuerKeys::Secret(own) if own == name))
        };
        let mut own = HashMap::new();
        for (name, _) in ir.tables.secrets().filter(|(name, _)| !verifies(name)) {
            let secret = if signs_with_a_pair(name, &ir.tables) {
                signing_key()?
            } else {
                random()?
            };
            own.insert(name.to_owned(), secret);
        }
        Ok(Self {
            issuers,
            api_keys,
            own,
            holder: ProofKey::default(),
        })
    }

    /// As [`install`](Self::install), but issuers and consumers that were there before keep
    /// their keys, so that credentials given out stay good, and so do the platform's other secrets.
    ///
    /// # Errors
    /// [`CredentialError`] where no key can be made.
    pub fn renew(&mut self, ir: &mut Ir) -> Result<(), CredentialError> {
        let before = std::mem::replace(self, Self::install(ir)?);
        for (issuer, signer) in before.issuers {
            let kept = self
                .issuers
                .iter_mut()
                .zip(&mut ir.tables.issuers)
                .find(|((new, _), _)| {
                    new.name == issuer.name && new.algorithms == issuer.algorithms
                });
            if let Some(((own, own_signer), definition)) = kept {
                definition.keys = issuer.keys.clone();
                own.keys = issuer.keys;
                *own_signer = signer;
            }
        }
        share_secrets(&mut self.issuers);
        for ((ring, consumer), key) in before.api_keys {
            let prefix = usize::try_from(ring)
                .ok()
                .and_then(|ring| ir.tables.api_keys.get(ring)?.prefix.as_ref());
            if prefix.is_none_or(|prefix| prefix.check(&key).is_ok()) {
                let own = self.api_keys.entry((ring, consumer));
                own.and_modify(|own| *own = key);
            }
        }
        pin(&self.api_keys, ir);
        for (name, secret) in before.own {
            let pair = |secret: &str| secret.parse::<SigningKey>().is_ok();
            if let Some(own) = self.own.get_mut(&name)
                && pair(own) == pair(&secret)
            {
                *own = secret;
            }
        }
        Ok(())
    }
}

/// Gives each consumer its one key.
fn pin(keys: &HashMap<(u32, String), String>, ir: &mut Ir) {
    for (ring, index) in ir.tables.api_keys.iter_mut().zip(0..) {
        let RingKeys::Pinned(pinned) = &mut ring.keys else {
            continue;
        };
        *pinned = pinned.with_keys(|consumer| {
            let key = keys.get(&(index, consumer.to_owned()));
            key.map(|key| Digest::of(key.as_bytes()))
        });
    }
}

/// Issuers that name one secret have one.
fn share_secrets(issuers: &mut [(Issuer, Signer)]) {
    let mut secrets: HashMap<String, HS256Key> = HashMap::new();
    for (issuer, signer) in issuers {
        if let (IssuerKeys::Secret(name), Signer::Secret(key)) = (&issuer.keys, signer) {
            let first = secrets.entry(name.clone()).or_insert_with(|| key.clone());
            *key = first.clone();
        }
    }
}

/// Whether requests to an upstream are signed with the secret as one half of a pair.
fn signs_with_a_pair(name: &str, tables: &Tables) -> bool {
    let mut signing = tables.upstreams.iter().filter_map(|one| one.sign.as_ref());
    signing.any(|sign| sign.key == name && sign.algorithm == SignatureAlgorithm::Ed25519)
}

fn signing_key() -> Result<String, CredentialError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(failed)?;
    Ok(SigningKey::from_seed(seed).to_secret_text())
}
