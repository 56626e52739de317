//! Signed envelopes.

use tidegate_shared::bundle::Bundle;
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope::Signed;

use crate::gateway;

/// Only what was signed is accepted: an envelope has one encoding and one signature.
pub fn run(octets: &[u8]) {
    let Ok(signed) = Signed::parse(octets) else {
        return;
    };
    assert_eq!(signed.digest(), Digest::of(octets));
    if signed.verify::<Bundle>(&gateway::trust()).is_ok() {
        assert!(octets == gateway::signed(), "a forged envelope is accepted");
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    vec![gateway::signed()]
}
