//! Payloads of envelopes whose signature holds.

use tidegate_edge::Gateway;
use tidegate_shared::bundle::Bundle;
use tidegate_shared::envelope::{Signed, Verified};

use crate::gateway;

/// What was read is the same once written and read again, and can be loaded or not.
pub fn run(octets: &[u8]) {
    let Some(bundle) = verified(octets) else {
        return;
    };
    let again = bundle.content().encode().ok();
    let again = again.and_then(|payload| verified(&payload));
    assert_eq!(
        again.as_ref().map(Verified::content),
        Some(bundle.content())
    );
    let _ = Gateway::load(bundle);
}

fn verified(payload: &[u8]) -> Option<Verified<Bundle>> {
    let signed = gateway::sign(payload.to_vec());
    Signed::parse(&signed).ok()?.verify(&gateway::trust()).ok()
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    vec![gateway::payload()]
}
