//! Where something is, at however many addresses, and what is done about those that fail.

use std::path::PathBuf;

use http::uri::Authority;

use super::Problems;
use super::balance::{Ejection, EjectionFile, Retry, RetryFile};
use super::endpoints::Endpoints;

/// What connections go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Invariant: has a host and a port.
    pub(crate) address: Authority,
    pub(crate) endpoints: Endpoints,
    pub(crate) retry: Retry,
    pub(crate) ejection: Ejection,
}

/// The fields that make a [`Target`], but for the address.
#[derive(Default)]
pub(super) struct Written {
    pub(super) endpoints: Option<Vec<String>>,
    pub(super) endpoints_file: Option<PathBuf>,
    pub(super) srv: Option<String>,
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
            srv,
            retry,
            ejection,
        } = self;
        let endpoints = Endpoints::check(endpoints, endpoints_file, srv, section, problems);
        let retry = retry.check(section, problems);
        let ejection = ejection.check(section, problems);
        Some(Target {
            address: address?,
            endpoints: endpoints?,
            retry: retry?,
            ejection: ejection?,
        })
    }
}
