//! One of the two policies that are compared.

use std::fmt;

use tidegate_edge::Gateway;
use tidegate_shared::bundle::{
    Bundle, ConnectorRules, HostRoutes, InvalidBundle, RevocationRules, Tables,
};
use tidegate_shared::host::{self, HostPattern};

use crate::offline::{self, OfflineError};

/// A policy to compare, with a gateway that runs it.
#[derive(Debug)]
pub struct Side {
    bundle: Bundle,
    /// The routes of each host, decoded. Invariant: sorted by host.
    hosts: Vec<(HostPattern, HostRoutes)>,
    gateway: Gateway,
}

/// A bundle cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum SideError {
    /// Its routes cannot be read.
    #[error(transparent)]
    Bundle(#[from] InvalidBundle),
    /// No gateway would load it.
    #[error(transparent)]
    Gateway(#[from] OfflineError),
}

impl Side {
    /// A side from a bundle: a compiled one, or [`Ir::bundle`](crate::Ir::bundle).
    ///
    /// # Errors
    /// [`SideError`].
    pub fn new(bundle: Bundle) -> Result<Self, SideError> {
        let sections = bundle.hosts.iter();
        let hosts =
            sections.map(|section| Ok((section.host().clone(), section.decode(&bundle.tables)?)));
        Ok(Self {
            hosts: hosts.collect::<Result<_, InvalidBundle>>()?,
            gateway: offline::load(&bundle)?,
            bundle,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.bundle.header.name
    }

    pub(super) fn revocations(&self) -> Option<&RevocationRules> {
        self.bundle.tables.revocations.as_ref()
    }

    /// The names of the upstreams.
    pub(super) fn upstreams(&self) -> impl Iterator<Item = &str> {
        let upstreams = self.bundle.tables.upstreams.iter();
        upstreams.map(|upstream| upstream.name.as_str())
    }

    /// What the connectors of the upstream of this name enforce.
    pub(super) fn connector(&self, name: &str) -> Option<&ConnectorRules> {
        let mut upstreams = self.bundle.tables.upstreams.iter();
        let upstream = upstreams.find(|upstream| upstream.name == name)?;
        upstream.connector.as_ref()
    }

    /// The hosts that have routes of their own.
    pub(super) fn patterns(&self) -> impl Iterator<Item = &HostPattern> {
        self.hosts.iter().map(|(pattern, _)| pattern)
    }

    /// What serves a host, or every host of a wildcard.
    pub(super) fn host(&self, pattern: &HostPattern) -> Option<Host<'_>> {
        let found = host::closest(&self.hosts, |(pattern, _)| pattern, pattern.as_str());
        found.map(|(_, routes)| Host { side: self, routes })
    }
}

/// The routes that serve a host.
#[derive(Clone, Copy)]
pub(super) struct Host<'s> {
    side: &'s Side,
    routes: &'s HostRoutes,
}

impl<'s> Host<'s> {
    pub(super) fn tables(&self) -> &'s Tables {
        &self.side.bundle.tables
    }

    pub(super) fn routes(&self) -> &'s HostRoutes {
        self.routes
    }

    pub(super) fn gateway(&self) -> &'s Gateway {
        &self.side.gateway
    }
}

impl fmt::Debug for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}
