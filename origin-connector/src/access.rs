//! One line and one measurement for each exchange.

use std::sync::Arc;
use std::time::Instant;

use http::{Method, StatusCode, Version};
use tidegate_admin::method_label;
use tidegate_limits::Slot;
use tidegate_shared::problem::Problem;
use tidegate_shared::trace::TraceContext;

use crate::caller::Caller;
use crate::metrics::{Metrics, RefusalLabels, RequestLabels};
use crate::room::Place;
use crate::server::activity::Busy;
use crate::traces::Exchange;
use crate::upstream::Booking;

/// What is known of an exchange so far. Dropping it writes the access line, so each exchange has
/// exactly one, however it ends.
///
/// It holds no header value, and of the target no query: both may be secret.
#[derive(Debug)]
pub(crate) struct AccessRecord {
    pub(crate) caller: Arc<Caller>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) method: Method,
    pub(crate) version: Version,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) backend: Option<String>,
    /// The key of the gateway that signed the request.
    pub(crate) signed_by: Option<String>,
    /// The endpoint that answers; it counts as busy until the exchange ends.
    pub(crate) booking: Option<Booking>,
    /// Among the requests that the backend has at a time.
    pub(crate) place: Option<Place>,
    /// Among the requests that the policy's limits allow at a time.
    pub(crate) slots: Vec<Slot>,
    pub(crate) trace: Option<TraceContext>,
    /// The span, where one is recorded.
    pub(crate) span: Option<Box<Exchange>>,
    pub(crate) status: Option<StatusCode>,
    pub(crate) problem: Option<Problem>,
    pub(crate) cause: Option<String>,
    /// Whether the response went out to its end.
    pub(crate) complete: bool,
    started: Instant,
    /// Keeps the connection from counting as idle.
    _busy: Busy,
}

impl AccessRecord {
    /// It is handed on often, and big.
    pub(crate) fn begin<B>(
        caller: Arc<Caller>,
        metrics: Arc<Metrics>,
        busy: Busy,
        request: &http::Request<B>,
    ) -> Box<Self> {
        metrics.active_requests.inc();
        Box::new(Self {
            caller,
            metrics,
            method: request.method().clone(),
            version: request.version(),
            host: String::new(),
            path: request.uri().path().to_owned(),
            backend: None,
            signed_by: None,
            booking: None,
            place: None,
            slots: Vec::new(),
            trace: None,
            span: None,
            status: None,
            problem: None,
            cause: None,
            complete: false,
            started: Instant::now(),
            _busy: busy,
        })
    }
}

impl Drop for AccessRecord {
    fn drop(&mut self) {
        let duration = self.started.elapsed();
        if let Some(span) = self.span.take() {
            span.end(self);
        }
        self.metrics.active_requests.dec();
        let labels = RequestLabels {
            http_request_method: method_label(self.method.as_str()),
            http_response_status_code: self.status.map_or(0, |status| status.as_u16().into()),
            backend: self.backend.clone().unwrap_or_default(),
        };
        let seconds = duration.as_secs_f64();
        self.metrics
            .durations
            .get_or_create(&labels)
            .observe(seconds);
        if let Some(problem) = self.problem {
            let labels = RefusalLabels {
                problem: problem.name(),
            };
            self.metrics.refusals.get_or_create(&labels).inc();
        }
        let mut digits = [0; 32];
        let trace_id = self.trace.and_then(|trace| {
            hex::encode_to_slice(trace.trace_id, &mut digits).ok()?;
            std::str::from_utf8(&digits).ok()
        });
        tracing::info!(
            target: "access",
            peer = %self.caller.peer,
            identity = %self.caller.identity,
            method = %self.method,
            version = ?self.version,
            host = self.host,
            path = self.path,
            backend = self.backend,
            signed_by = self.signed_by,
            endpoint = self.booking.as_ref().map(|booking| tracing::field::display(booking.address())),
            status = self.status.map(|status| status.as_u16()),
            problem = self.problem.map(Problem::name),
            cause = self.cause,
            complete = self.complete,
            duration_ms = seconds * 1000.0,
            trace_id,
            "request"
        );
    }
}
