//! What must hold besides the credential.

use super::super::change::ChangeKind;
use super::expression::Asked;
use super::{Difference, sets};
use crate::meaning::Meaning;

/// Compares expressions as they are written: which of two asks for more is not known.
pub(super) fn compare(old: &Meaning<'_>, new: &Meaning<'_>) -> Option<Difference> {
    sets::required(ChangeKind::Conditions, asked(old), asked(new), Asked::words)
}

fn asked<'s>(meaning: &Meaning<'s>) -> Vec<Asked<'s>> {
    let conditions = meaning.conditions.iter();
    conditions
        .map(|condition| Asked::of(condition, meaning))
        .collect()
}
