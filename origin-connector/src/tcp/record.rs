//! One line and one measurement for each forwarded connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::TcpError;
use crate::metrics::{ListenerLabels, Metrics, TcpLabels};
use crate::splice::Traffic;
use crate::upstream::Lease;

/// What is known of a connection so far. Dropping it writes the line, so each connection has
/// exactly one, however it ends.
#[derive(Debug)]
pub(super) struct TcpRecord {
    listener: String,
    peer: SocketAddr,
    metrics: Arc<Metrics>,
    /// The caller's name, where TLS ends here.
    pub(super) identity: Option<String>,
    /// Whom the client asked for, where TLS goes on.
    pub(super) server_name: Option<String>,
    /// The endpoint; it counts as busy until the connection ends.
    pub(super) lease: Option<Lease<()>>,
    pub(super) traffic: Traffic,
    /// A stable label.
    result: &'static str,
    cause: Option<String>,
    started: Instant,
}

impl TcpRecord {
    pub(super) fn begin(listener: &str, peer: SocketAddr, metrics: Arc<Metrics>) -> Self {
        let record = Self {
            listener: listener.to_owned(),
            peer,
            metrics,
            identity: None,
            server_name: None,
            lease: None,
            traffic: Traffic::default(),
            result: "cut",
            cause: None,
            started: Instant::now(),
        };
        let open = &record.metrics.tcp_open;
        open.get_or_create(&record.labels()).inc();
        record
    }

    /// Notes how the connection ended.
    pub(super) fn end(&mut self, error: Option<&TcpError>) {
        self.result = error.map_or("complete", TcpError::label);
        self.cause = error.map(TcpError::to_string);
    }

    fn labels(&self) -> ListenerLabels {
        ListenerLabels {
            listener: self.listener.clone(),
        }
    }
}

impl Drop for TcpRecord {
    fn drop(&mut self) {
        let labels = self.labels();
        self.metrics.tcp_open.get_or_create(&labels).dec();
        let labels = TcpLabels {
            listener: self.listener.clone(),
            result: self.result,
        };
        self.metrics.tcp_connections.get_or_create(&labels).inc();
        tracing::info!(
            target: "access",
            listener = self.listener,
            peer = %self.peer,
            identity = self.identity,
            server_name = self.server_name,
            endpoint = self.lease.as_ref().map(|lease| tracing::field::display(lease.address())),
            octets_sent = self.traffic.sent(),
            octets_received = self.traffic.received(),
            result = self.result,
            cause = self.cause,
            duration_ms = self.started.elapsed().as_secs_f64() * 1000.0,
            "connection"
        );
    }
}
