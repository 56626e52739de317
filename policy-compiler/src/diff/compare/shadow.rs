//! What is in shadow: it refuses nobody, and what it is to show is another thing.

use super::super::change::{ChangeKind, Severity};
use super::{Difference, caller};
use crate::meaning::Shadow;
use crate::words;

pub(super) fn compare(old: &Shadow<'_>, new: &Shadow<'_>, named: bool) -> Option<Difference> {
    let texts = |shadow: &Shadow<'_>| -> Vec<String> {
        let conditions = shadow.conditions.iter();
        conditions
            .map(|condition| condition.text().to_owned())
            .collect()
    };
    let same_caller = match (&old.caller, &new.caller) {
        (None, None) => true,
        (Some(old), Some(new)) => caller::compare(old, new, named).is_empty(),
        (None, Some(_)) | (Some(_), None) => false,
    };
    let same = same_caller && texts(old) == texts(new);
    (!same).then(|| {
        let [before, after] = [old, new].map(words::shadow);
        Difference::new(ChangeKind::Shadow, Severity::Changes, before, after)
    })
}
