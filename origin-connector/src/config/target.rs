//! Where something is, at however many addresses, and what is done about those that fail.

use std::path::PathBuf;
use std::time::Duration;

use http::uri::Authority;

use super::Problems;
use super::balance::{Ejection, EjectionFile, RetryFile};
use super::endpoints::Endpoints;
use super::limits::span;

/// What connections go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Invariant: has a host and a port.
    pub(crate) address: Authority,
    pub(crate) endpoints: Endpoints,
    /// How long what a name resolves to is used.
    pub(crate) resolve_interval: Duration,
    /// How many endpoints may be tried, the first included.
    pub(crate) attempts: usize,
    pub(crate) ejection: Ejection,
}

/// The fields that make a [`Target`], but for the address.
#[derive(Default)]
pub(super) struct Written {
    pub(super) endpoints: Option<Vec<String>>,
    pub(super) endpoints_file: Option<PathBuf>,
    pub(super) resolve_interval: Option<String>,
    pub(super) retry: RetryFile,
    pub(super) ejection: EjectionFile,
}

impl Written {
    /// `None` for an address that was found wanting already.
    pub(super) fn check(
        self,
        address: Option<Authority>,
        section: &str,
        problems: &mut Problems,
    ) -> Option<Target> {
        let Self {
            endpoints,
            endpoints_file,
            resolve_interval,
            retry,
            ejection,
        } = self;
        let endpoints = Endpoints::check(endpoints, endpoints_file, section, problems);
        let bounds = Duration::from_secs(1)..=Duration::from_secs(3600);
        let resolve_interval = span(resolve_interval.as_deref(), "10s", bounds);
        let resolve_interval =
            problems.take(format!("{section}.resolve_interval"), resolve_interval);
        let attempts = retry.check(section, problems);
        let ejection = ejection.check(section, problems);
        Some(Target {
            address: address?,
            endpoints: endpoints?,
            resolve_interval: resolve_interval?,
            attempts: attempts?,
            ejection: ejection?,
        })
    }
}
