//! `[backend.limits]`: how much a backend is asked to do at a time.

use std::time::Duration;

use serde::Deserialize;

use super::Problems;
use super::limits::{span, within};

/// `[backend.limits]`. What is above them gets `503` at once, and costs the backend nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmissionFile {
    /// Requests under way at a time, from their head to the end of the response; 10000 by default.
    /// Over HTTP/1.1 that bounds the connections to each endpoint, too.
    pub requests: Option<u64>,
    /// Requests that may wait for one of those to end; 0 by default.
    pub pending: Option<u64>,
    /// For how long at most; `1s` by default.
    pub pending_timeout: Option<String>,
}

/// Checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    /// Invariant: not 0.
    pub(crate) requests: usize,
    pub(crate) pending: usize,
    pub(crate) pending_timeout: Duration,
}

impl AdmissionFile {
    pub(super) fn check(self, section: &str, problems: &mut Problems) -> Option<Admission> {
        let Self {
            requests,
            pending,
            pending_timeout,
        } = self;
        let field = |name: &str| format!("{section}.limits.{name}");
        let requests = within(requests.unwrap_or(10_000), 1..=1_000_000);
        let requests = problems.take(field("requests"), requests);
        let pending = within(pending.unwrap_or(0), 0..=1_000_000);
        let pending = problems.take(field("pending"), pending);
        let bounds = Duration::from_millis(1)..=Duration::from_secs(60);
        let timeout = span(pending_timeout.as_deref(), "1s", bounds);
        let timeout = problems.take(field("pending_timeout"), timeout);
        Some(Admission {
            requests: usize::try_from(requests?).ok()?,
            pending: usize::try_from(pending?).ok()?,
            pending_timeout: timeout?,
        })
    }
}
