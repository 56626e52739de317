//! Out-dialling: where no connection comes in from outside, the connector opens it, and the gateway
//! sends its requests over it. Once the connection is there, it is served as one that came in.

mod error;
mod lane;
mod message_stream;
mod web_socket;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use prometheus_client::metrics::gauge::Gauge;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::metrics::{DialLabels, DialledLabels, Metrics};
use crate::server::Server;
use lane::Lane;

/// A gateway that is dialled.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) config: config::Dial,
    metrics: Arc<Metrics>,
    open: Arc<OpenTunnels>,
    tunnels: OnceLock<Gauge>,
    /// Its tunnels finish what is under way, and no more are opened.
    pub(crate) retired: CancellationToken,
    /// A tunnel was open.
    pub(crate) reached: CancellationToken,
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
        metrics: &Arc<Metrics>,
        open: &Arc<OpenTunnels>,
        drain: &CancellationToken,
    ) -> Self {
        Self {
            tunnels: OnceLock::new(),
            config,
            metrics: metrics.clone(),
            open: open.clone(),
            retired: drain.child_token(),
            reached: CancellationToken::new(),
        }
    }

    /// The name in logs and metrics.
    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Keeps the tunnels open, until the drain begins or it is retired.
    pub(crate) async fn keep(self: Arc<Self>, server: Arc<Server>) {
        // So that one that was never reached is seen.
        self.tunnels();
        let mut lanes = JoinSet::new();
        for number in 0..self.config.tunnels {
            let lane = Lane::new(self.clone(), server.clone(), number);
            lanes.spawn(lane.keep());
        }
        lanes.join_all().await;
    }

    /// Takes note that it is no longer in force: nobody is to miss its tunnels.
    pub(crate) fn leave(&self) {
        self.metrics.tunnels.remove(&self.labels());
    }

    /// What counts its tunnels, whether or not that is still shown.
    fn tunnels(&self) -> &Gauge {
        let shown = || self.metrics.tunnels.get_or_create(&self.labels()).clone();
        self.tunnels.get_or_init(shown)
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
        self.tunnels().inc();
        self.reached.cancel();
        Open(self.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Self(gateway) = self;
        gateway.open.0.fetch_sub(1, Ordering::Relaxed);
        gateway.tunnels().dec();
    }
}
