//! Signatures over requests, in words.

use tidegate_shared::bundle::{SignerKey, SignerMaterial};
use tidegate_shared::digest::Digest;
use tidegate_shared::message_signature::Component;

use super::{code, on_plan, short};

pub(crate) fn signer_key(key: &SignerKey) -> String {
    let SignerKey {
        id,
        consumer,
        plan,
        algorithm,
        material,
    } = key;
    let material = match material {
        SignerMaterial::Secret(name) => format!("the secret {}", code(name)),
        SignerMaterial::Public(key) => short(&Digest::of(format!("{key:?}").as_bytes())),
    };
    let (id, consumer, algorithm) = (code(id), code(consumer), algorithm.name());
    let plan = plan.as_deref();
    let plan = plan.map_or_else(String::new, |plan| format!(" on {}", on_plan(Some(plan))));
    format!("key {id} of {consumer}{plan} for {algorithm} ({material})")
}

/// As a policy writes it.
pub(crate) fn component(component: &Component) -> String {
    code(&component.to_string().replacen('"', "", 2))
}

/// A text that a signature must have, where there is one.
pub(crate) fn required(text: Option<&str>) -> String {
    text.map_or_else(|| "any".to_owned(), code)
}

/// How often a signature is taken.
pub(crate) fn taken(once: bool) -> String {
    let how = if once {
        "once"
    } else {
        "once if it has a `nonce`"
    };
    how.to_owned()
}
