//! Out-dialling: where no connection comes in from outside, the connector opens it, and the gateway
//! sends its requests over it. Once the connection is there, it is served as one that came in.

mod backoff;
mod error;
mod lane;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use crate::config;
use crate::metrics::{DialLabels, DialledLabels, Metrics};
use crate::server::Server;
use crate::upstream::Dns;
use lane::Lane;

/// A gateway that is dialled.
#[derive(Debug)]
pub(crate) struct Gateway {
    config: config::Dial,
    dns: Arc<Dns>,
    metrics: Arc<Metrics>,
    open: Arc<OpenTunnels>,
}

/// How many tunnels are open, to all gateways.
#[derive(Debug, Default)]
pub(crate) struct OpenTunnels(AtomicUsize);

impl OpenTunnels {
    /// Whether requests can come in over any.
    pub(crate) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// A tunnel that is open, while this is there.
#[derive(Debug)]
struct Open(Arc<Gateway>);

impl Gateway {
    pub(crate) fn new(
        config: config::Dial,
        dns: &Arc<Dns>,
        metrics: &Arc<Metrics>,
        open: &Arc<OpenTunnels>,
    ) -> Self {
        let gateway = Self {
            config,
            dns: dns.clone(),
            metrics: metrics.clone(),
            open: open.clone(),
        };
        // So that one that was never reached is seen.
        let tunnels = &gateway.metrics.tunnels;
        tunnels.get_or_create(&gateway.labels()).set(0);
        gateway
    }

    /// The name in logs and metrics.
    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Keeps the tunnels open, until the drain begins.
    pub(crate) async fn keep(self: Arc<Self>, server: Arc<Server>) {
        let mut lanes = JoinSet::new();
        for number in 0..self.config.tunnels {
            let lane = Lane::new(self.clone(), server.clone(), number);
            lanes.spawn(lane.keep());
        }
        lanes.join_all().await;
    }

    fn labels(&self) -> DialLabels {
        DialLabels {
            dial: self.config.name.clone(),
        }
    }

    fn count(&self, result: &'static str) {
        let labels = DialledLabels {
            dial: self.config.name.clone(),
            result,
        };
        self.metrics.dials.get_or_create(&labels).inc();
    }

    fn opened(self: &Arc<Self>) -> Open {
        self.open.0.fetch_add(1, Ordering::Relaxed);
        self.metrics.tunnels.get_or_create(&self.labels()).inc();
        Open(self.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Self(gateway) = self;
        gateway.open.0.fetch_sub(1, Ordering::Relaxed);
        let tunnels = &gateway.metrics.tunnels;
        tunnels.get_or_create(&gateway.labels()).dec();
    }
}
