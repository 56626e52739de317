//! Which signatures over requests are accepted.

use tidegate_shared::bundle::Signers;

use super::super::change::ChangeKind;
use super::{Difference, sets};
use crate::words;

pub(super) fn compare(old: &Signers, new: &Signers) -> Vec<Difference> {
    let Signers {
        // Names the buckets of limits by caller, as one of them or another.
        name: _,
        keys,
        components,
        max_age,
        leeway,
        label,
        tag,
        once,
    } = old;
    let differences = [
        sets::allowed(ChangeKind::SignatureKeys, keys, &new.keys, |key| {
            words::signer_key(key)
        }),
        sets::required(
            ChangeKind::SignatureComponents,
            components,
            &new.components,
            |component| words::component(component),
        ),
        sets::amount(ChangeKind::SignatureAge, max_age, &new.max_age, |age| {
            age.to_string()
        }),
        sets::amount(ChangeKind::Leeway, leeway, &new.leeway, |leeway| {
            leeway.to_string()
        }),
        Difference::between(ChangeKind::SignatureLabel, label, &new.label, |label| {
            words::required(label.as_deref())
        }),
        Difference::between(ChangeKind::SignatureTag, tag, &new.tag, |tag| {
            words::required(tag.as_deref())
        }),
        Difference::between(ChangeKind::SignatureOnce, once, &new.once, |once| {
            words::taken(*once)
        }),
    ];
    differences.into_iter().flatten().collect()
}
