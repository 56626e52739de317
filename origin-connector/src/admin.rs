//! Whether requests can come in, and what was counted.

use std::fmt;
use std::sync::Arc;

use tidegate_admin::Process;

use crate::dial::OpenTunnels;
use crate::server::Server;

/// What health and metrics are asked of.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) server: Arc<Server>,
    pub(crate) tunnels: Arc<OpenTunnels>,
}

impl Process for Observed {
    fn obstacle(&self) -> Option<&'static str> {
        if self.server.drain.is_cancelled() {
            return Some("draining");
        }
        let generation = self.server.generation();
        let policy = &generation.proxy.policy;
        if policy.as_ref().is_some_and(|policy| !policy.is_ready()) {
            return Some("no policy yet");
        }
        if self.server.reloader.is_over() {
            return Some("an identity has expired");
        }
        // Who listens is ready for whoever can connect.
        let reachable = generation.config.listen.is_some() || self.tunnels.any();
        (!reachable).then_some("no tunnel")
    }

    fn exposition(&self) -> Result<String, fmt::Error> {
        self.server.metrics.exposition()
    }

    fn remarks(&self) -> Vec<String> {
        self.server.reloader.complaints()
    }
}
