//! Counts and durations for Prometheus, and whether requests can come in. HTTP metrics carry the
//! names and labels of the OpenTelemetry semantic conventions; the gateway's own begin with
//! `tidegate_gateway_`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tidegate_admin::{Durations, Process, durations, method_label, register_http};
use tidegate_edge::AccessRecord;

use crate::tunnels::Pool;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    http_request_method: &'static str,
    http_response_status_code: u32,
    /// Empty where none was asked.
    upstream: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    problem: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpstreamLabels {
    upstream: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TunnelLabels {
    connector: String,
}

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    durations: Durations<RequestLabels>,
    active_requests: Gauge,
    refusals: Family<RefusalLabels, Counter>,
    attempts: Family<UpstreamLabels, Counter>,
    shadow_differences: Counter,
    looks: Family<LookLabels, Counter>,
    sequence: Gauge,
    open_tunnels: Family<TunnelLabels, Gauge>,
    /// The tunnels themselves, where connectors may dial.
    tunnels: Option<Arc<Pool>>,
    draining: AtomicBool,
}

impl Metrics {
    pub(crate) fn new(tunnels: Option<Arc<Pool>>) -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            durations: durations(),
            active_requests: Gauge::default(),
            refusals: Family::default(),
            attempts: Family::default(),
            shadow_differences: Counter::default(),
            looks: Family::default(),
            sequence: Gauge::default(),
            open_tunnels: Family::default(),
            tunnels,
            draining: AtomicBool::new(false),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        register_http(&mut self.registry, &self.durations, &self.active_requests);
        let own = self.registry.sub_registry_with_prefix("tidegate_gateway");
        own.register(
            "refusals",
            "Requests that the gateway answered with a problem",
            self.refusals.clone(),
        );
        own.register(
            "attempts",
            "Attempts to have an answer of an upstream",
            self.attempts.clone(),
        );
        own.register(
            "shadow_differences",
            "Requests that the bundle in shadow would have decided otherwise",
            self.shadow_differences.clone(),
        );
        own.register(
            "bundle_looks",
            "Looks at where bundles come from, by result",
            self.looks.clone(),
        );
        own.register(
            "bundle_sequence",
            "The sequence of the channel's statement that is followed",
            self.sequence.clone(),
        );
        own.register(
            "tunnels",
            "Open tunnels, by the connector that dialled",
            self.open_tunnels.clone(),
        );
    }

    /// An exchange begins. To be followed by [`end`](Self::end).
    pub(crate) fn begin(&self) {
        self.active_requests.inc();
    }

    /// An exchange has ended.
    pub(crate) fn end(&self, record: &AccessRecord) {
        self.active_requests.dec();
        let upstream = record.upstream.clone().unwrap_or_default();
        let seconds = std::time::Duration::from_millis(record.duration_ms).as_secs_f64();
        let labels = RequestLabels {
            http_request_method: method_label(&record.method),
            http_response_status_code: record.status.into(),
            upstream: upstream.clone(),
        };
        self.durations.get_or_create(&labels).observe(seconds);
        if record.attempts > 0 {
            let attempts = self.attempts.get_or_create(&UpstreamLabels { upstream });
            attempts.inc_by(record.attempts.into());
        }
        if let Some(problem) = record.problem {
            self.refusals
                .get_or_create(&RefusalLabels { problem })
                .inc();
        }
        if record.shadow_bundle.is_some() {
            self.shadow_differences.inc();
        }
    }

    /// How a look at where bundles come from ended.
    pub(crate) fn looked(&self, outcome: Result<u64, &'static str>) {
        let result = match outcome {
            Ok(sequence) => {
                let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
                self.sequence.set(sequence);
                "followed"
            }
            Err(refused) => refused,
        };
        self.looks.get_or_create(&LookLabels { result }).inc();
    }

    /// No more connections are taken.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}

impl Process for Metrics {
    fn obstacle(&self) -> Option<&'static str> {
        let draining = self.draining.load(Ordering::Relaxed);
        draining.then_some("draining")
    }

    fn exposition(&self) -> Result<String, fmt::Error> {
        if let Some(tunnels) = &self.tunnels {
            self.open_tunnels.clear();
            for (connector, open) in tunnels.open() {
                let labels = TunnelLabels {
                    connector: connector.to_string(),
                };
                let open = i64::try_from(open).unwrap_or(i64::MAX);
                self.open_tunnels.get_or_create(&labels).set(open);
            }
        }
        tidegate_admin::exposition(&self.registry)
    }
}
