//! Nonces that the gateway gives out, and remembers nothing of (RFC 9449 §8, §9).
//!
//! Time is cut into periods, and a period's nonce is the keyed hash of its number. Every place
//! that has the secret gives out, and takes, the same one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tidegate_shared::time::UnixMillis;

/// Seconds of a period. A nonce is good in its own and in the next one.
const PERIOD: u64 = 30;
/// Tells these hashes from whatever else is made with the secret.
const PURPOSE: &[u8] = b"tidegate dpop nonce\0";

/// What a nonce is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is the one that is given out now.
    Current,
    /// It was given out before that one, and is good for the rest of the period.
    Previous,
}

/// The nonce that proofs need now, where the policy asks for one.
pub fn current(secret: &[u8], now: UnixMillis) -> String {
    of_period(secret, now.seconds() / PERIOD)
}

/// What a nonce is worth now; `None` where that is nothing.
pub(crate) fn standing(nonce: &str, secret: &[u8], now: UnixMillis) -> Option<Standing> {
    let period = now.seconds() / PERIOD;
    if nonce == of_period(secret, period) {
        return Some(Standing::Current);
    }
    let before = of_period(secret, period.checked_sub(1)?);
    (nonce == before).then_some(Standing::Previous)
}

fn of_period(secret: &[u8], period: u64) -> String {
    let message = [PURPOSE, &period.to_be_bytes()].concat();
    URL_SAFE_NO_PAD.encode(hmac_sha256::HMAC::mac(message, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"a secret of at least 32 octets, really";
    const NOW: UnixMillis = UnixMillis(1_750_000_020_000);

    #[test]
    fn a_nonce_is_good_for_two_periods() {
        let nonce = current(SECRET, NOW);
        let after = |seconds| standing(&nonce, SECRET, NOW.plus(seconds * 1000));
        assert_eq!(after(0), Some(Standing::Current));
        assert_eq!(after(PERIOD - 1), Some(Standing::Current));
        assert_eq!(after(PERIOD), Some(Standing::Previous));
        assert_eq!(after(2 * PERIOD - 1), Some(Standing::Previous));
        assert_eq!(after(2 * PERIOD), None);
        let earlier = UnixMillis(NOW.0 - 1000 * PERIOD);
        assert_eq!(standing(&nonce, SECRET, earlier), None);
    }

    #[test]
    fn a_nonce_of_another_secret_is_worth_nothing() {
        let nonce = current(b"another secret of 32 octets and more", NOW);
        assert_eq!(standing(&nonce, SECRET, NOW), None);
        assert_eq!(standing("", SECRET, UnixMillis(0)), None);
    }
}
