//! Counts and durations for Prometheus. HTTP metrics carry the names and labels of the
//! OpenTelemetry semantic conventions; the connector's own begin with `tidegate_connector_`.

mod lost_lines;

use std::fmt;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use tidegate_admin::{Durations, durations, register_http};

pub(crate) use lost_lines::LostLines;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub(crate) http_request_method: &'static str,
    pub(crate) http_response_status_code: u32,
    pub(crate) backend: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct HandshakeLabels {
    pub(crate) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RefusalLabels {
    pub(crate) problem: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct SignatureLabels {
    pub(crate) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ReloadLabels {
    pub(crate) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct PolicyLabels {
    pub(crate) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ExpiryLabels {
    pub(crate) of: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct AgentLabels {
    pub(crate) endpoint: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct BackendLabels {
    pub(crate) backend: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct EndpointLabels {
    pub(crate) backend: String,
    pub(crate) state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct LookupLabels {
    pub(crate) backend: String,
    pub(crate) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OverloadLabels {
    pub(crate) backend: String,
    pub(crate) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ListenerLabels {
    pub(crate) listener: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct TcpLabels {
    pub(crate) listener: String,
    pub(crate) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DialLabels {
    pub(crate) dial: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DialledLabels {
    pub(crate) dial: String,
    pub(crate) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct SpanLabels {
    pub(crate) reason: &'static str,
}

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) durations: Durations<RequestLabels>,
    pub(crate) active_requests: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) handshakes: Family<HandshakeLabels, Counter>,
    pub(crate) refusals: Family<RefusalLabels, Counter>,
    pub(crate) gateway_signatures: Family<SignatureLabels, Counter>,
    pub(crate) endpoints: Family<EndpointLabels, Gauge>,
    pub(crate) lookups: Family<LookupLabels, Counter>,
    pub(crate) ejections: Family<BackendLabels, Counter>,
    pub(crate) retries: Family<BackendLabels, Counter>,
    pub(crate) retries_refused: Family<BackendLabels, Counter>,
    pub(crate) overloads: Family<OverloadLabels, Counter>,
    pub(crate) tcp_open: Family<ListenerLabels, Gauge>,
    pub(crate) tcp_connections: Family<TcpLabels, Counter>,
    pub(crate) tunnels: Family<DialLabels, Gauge>,
    pub(crate) dials: Family<DialledLabels, Counter>,
    pub(crate) config_reloads: Family<ReloadLabels, Counter>,
    /// Seconds since the Unix epoch.
    pub(crate) config_loaded: Gauge<f64, AtomicU64>,
    pub(crate) certificate_reloads: Family<ReloadLabels, Counter>,
    pub(crate) key_reloads: Family<ReloadLabels, Counter>,
    pub(crate) agents: Family<AgentLabels, Gauge>,
    pub(crate) policy_looks: Family<PolicyLabels, Counter>,
    pub(crate) policy_sequence: Gauge,
    pub(crate) spans_exported: Counter,
    pub(crate) spans_dropped: Family<SpanLabels, Counter>,
    pub(crate) lost_lines: LostLines,
    /// Seconds since the Unix epoch.
    pub(crate) expiry: Family<ExpiryLabels, Gauge<i64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            durations: durations(),
            active_requests: Gauge::default(),
            connections: Gauge::default(),
            handshakes: Family::default(),
            refusals: Family::default(),
            gateway_signatures: Family::default(),
            endpoints: Family::default(),
            lookups: Family::default(),
            ejections: Family::default(),
            retries: Family::default(),
            retries_refused: Family::default(),
            overloads: Family::default(),
            tcp_open: Family::default(),
            tcp_connections: Family::default(),
            tunnels: Family::default(),
            dials: Family::default(),
            config_reloads: Family::default(),
            config_loaded: Gauge::default(),
            certificate_reloads: Family::default(),
            key_reloads: Family::default(),
            agents: Family::default(),
            policy_looks: Family::default(),
            policy_sequence: Gauge::default(),
            spans_exported: Counter::default(),
            spans_dropped: Family::default(),
            lost_lines: LostLines::default(),
            expiry: Family::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        register_http(&mut self.registry, &self.durations, &self.active_requests);
        let own = self.registry.sub_registry_with_prefix("tidegate_connector");
        own.register(
            "connections",
            "Connections open, handshakes included",
            self.connections.clone(),
        );
        own.register(
            "tls_handshakes",
            "Handshakes by result",
            self.handshakes.clone(),
        );
        own.register(
            "refusals",
            "Requests answered by the connector itself, by problem",
            self.refusals.clone(),
        );
        own.register(
            "gateway_signatures",
            "Requests that must or may be signed by a gateway, by result",
            self.gateway_signatures.clone(),
        );
        own.register(
            "endpoints",
            "Addresses of a backend by state; one that is ejected and unwell counts as both",
            self.endpoints.clone(),
        );
        own.register(
            "lookups",
            "Questions where the endpoints of a backend are, by result",
            self.lookups.clone(),
        );
        own.register(
            "ejections",
            "Endpoints left out for a time after failures in a row",
            self.ejections.clone(),
        );
        own.register(
            "retries",
            "Times that a request or connection was tried again",
            self.retries.clone(),
        );
        own.register(
            "retries_refused",
            "Times that it was not because the budget was spent",
            self.retries_refused.clone(),
        );
        own.register(
            "overloads",
            "Requests refused because of a backend's limits, by reason",
            self.overloads.clone(),
        );
        own.register(
            "tcp_open",
            "Connections that are being forwarded as they are",
            self.tcp_open.clone(),
        );
        own.register(
            "tcp_connections",
            "Connections that were forwarded as they are or refused, by result",
            self.tcp_connections.clone(),
        );
        own.register(
            "tunnels",
            "Tunnels open to a gateway that is dialled",
            self.tunnels.clone(),
        );
        own.register(
            "dials",
            "Attempts to open a tunnel, by result",
            self.dials.clone(),
        );
        own.register(
            "config_reloads",
            "Attempts to load the configuration again, by result",
            self.config_reloads.clone(),
        );
        own.register_with_unit(
            "config_last_reload_success_timestamp",
            "When the configuration in force was loaded, since the Unix epoch",
            Unit::Seconds,
            self.config_loaded.clone(),
        );
        own.register(
            "gateway_key_reloads",
            "Attempts to load changed keys of gateways, by result",
            self.key_reloads.clone(),
        );
        own.register(
            "certificate_reloads",
            "Attempts to load changed certificates, by result",
            self.certificate_reloads.clone(),
        );
        own.register(
            "workload_api",
            "Whether the agent of SPIFFE answers, as 1 or 0",
            self.agents.clone(),
        );
        own.register(
            "policy_looks",
            "Looks at the policy's channel, by what came of them",
            self.policy_looks.clone(),
        );
        own.register(
            "policy_sequence",
            "The sequence of the channel's statement that is followed",
            self.policy_sequence.clone(),
        );
        own.register(
            "spans_exported",
            "Spans that a collector has taken",
            self.spans_exported.clone(),
        );
        own.register(
            "spans_dropped",
            "Spans that no collector has got, by reason",
            self.spans_dropped.clone(),
        );
        own.register(
            "log_lines_lost",
            "Lines of the log that nobody took in time",
            self.lost_lines.shown.clone(),
        );
        own.register_with_unit(
            "expiry",
            "When the connector's certificates and the first revocation list expire, since the Unix epoch",
            Unit::Seconds,
            self.expiry.clone(),
        );
        let started: Gauge<f64, AtomicU64> = Gauge::default();
        started.set(now());
        self.registry.register_with_unit(
            "process_start_time",
            "When the process started, since the Unix epoch",
            Unit::Seconds,
            started,
        );
    }

    /// Takes note that a configuration has come into force.
    pub(crate) fn config_in_force(&self) {
        self.config_loaded.set(now());
    }

    /// Counts spans that are lost.
    pub(crate) fn drop_spans(&self, reason: &'static str, count: u64) {
        if count > 0 {
            let labels = SpanLabels { reason };
            self.spans_dropped.get_or_create(&labels).inc_by(count);
        }
    }

    /// The exposition in the text format of OpenMetrics.
    pub(crate) fn exposition(&self) -> Result<String, fmt::Error> {
        self.lost_lines.refresh();
        tidegate_admin::exposition(&self.registry)
    }
}

/// Seconds since the Unix epoch.
fn now() -> f64 {
    let since_epoch = std::time::SystemTime::UNIX_EPOCH.elapsed();
    since_epoch.unwrap_or_default().as_secs_f64()
}
