//! What a policy says to a request, as far as a caller or an origin sees it.

use crate::diff::Severity;
use crate::explain::outcome;
use crate::offline::Seen;

use super::Recorded;

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// In words.
    pub(super) words: String,
    /// The route that took it.
    pub(super) route: Option<String>,
    /// Path and query for the origin.
    path: Option<String>,
    refused: bool,
}

impl Verdict {
    pub(super) fn of(seen: &Seen) -> Self {
        Self {
            words: outcome(seen),
            route: seen.record.route.clone(),
            path: seen.path.clone(),
            refused: seen.record.problem.is_some(),
        }
    }

    /// Whether a record may have been written for it. That a limit refused depends on the
    /// requests before.
    pub(super) fn is_as(&self, recorded: &Recorded) -> bool {
        recorded.by_limit || recorded.refused == self.refused
    }
}

/// What a change means for callers; `None` where the verdicts are the same. `open` says that the
/// request carries no credential.
pub(super) fn severity([old, new]: &[Verdict; 2], open: bool) -> Option<Severity> {
    if old.words == new.words && old.path == new.path {
        return None;
    }
    Some(match (old.refused, new.refused) {
        (true, false) if open => Severity::Exposes,
        (true, false) => Severity::Loosens,
        (false, true) => Severity::Tightens,
        (true, true) | (false, false) => Severity::Changes,
    })
}
