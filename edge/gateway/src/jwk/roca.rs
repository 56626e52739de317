//! CVE-2017-15361: the moduli of one maker of smart cards can be factored, and betray themselves.

/// Whether a modulus has the mark: modulo each of these primes it is a power of 65537. Of sound
/// moduli fewer than one in 2²⁷ has it.
pub(super) fn suspect(modulus: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89,
        97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.into_iter().all(|prime| {
        let rest = modulus
            .iter()
            .fold(0, |rest, octet| (rest * 256 + u32::from(*octet)) % prime);
        is_power(rest, 65_537 % prime, prime)
    })
}

/// Whether `value` is a power of `base` modulo `prime`. Invariant: all are below 256.
fn is_power(value: u32, base: u32, prime: u32) -> bool {
    let mut power = 1;
    // The powers repeat after at most `prime - 1` steps.
    for _ in 1..prime {
        if power == value {
            return true;
        }
        power = power * base % prime;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_65537_have_the_mark() {
        // 65537 to the fourth, and the same and one.
        let marked = 65_537_u128.pow(4).to_be_bytes();
        let sound = (65_537_u128.pow(4) + 1).to_be_bytes();
        assert!(suspect(&marked));
        assert!(!suspect(&sound));
    }
}
