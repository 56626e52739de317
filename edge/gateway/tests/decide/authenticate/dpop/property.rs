use proptest::prelude::*;

use super::*;

proptest! {
    /// A proof has one encoding and one signature: nothing of it can be changed.
    #[test]
    fn no_mutation_of_a_good_proof_is_accepted(
        place in any::<prop::sample::Index>(),
        removed in 0..3_usize,
        inserted in "[A-Za-z0-9._=-]{0,3}",
    ) {
        let good = draft().sign();
        let at = place.index(good.len());
        let end = (at + removed).min(good.len());
        let (before, after) = (good.get(..at).unwrap(), good.get(end..).unwrap());
        let mutated = format!("{before}{inserted}{after}");
        let expected = if mutated == good { "forward" } else { INVALID };
        prop_assert_eq!(verdict_of(&mutated), expected);
    }

    /// Every claim counts: a proof with other claims, well signed, is for something else.
    #[test]
    fn no_other_claim_is_accepted(
        claim in prop::sample::select(vec!["htm", "htu", "ath"]),
        value in "[ -~]{0,40}",
    ) {
        let original = draft();
        prop_assume!(original.claims[claim] != value);
        prop_assert_eq!(verdict_of(&original.claim(claim, value).sign()), INVALID);
    }
}
