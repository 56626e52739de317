//! HTTP metrics by the semantic conventions of OpenTelemetry.

use std::fmt::Debug;
use std::hash::Hash;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The bucket boundaries that the conventions advise for `http.server.request.duration`, in seconds.
const DURATIONS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// How long requests took, by their labels.
pub type Durations<Labels> = Family<Labels, Histogram, fn() -> Histogram>;

/// None has come yet.
pub fn durations<Labels: Clone + Eq + Hash>() -> Durations<Labels> {
    Family::new_with_constructor(|| Histogram::new(DURATIONS))
}

/// Registers `http_server_request_duration_seconds` and `http_server_active_requests`.
pub fn register_http<Labels>(registry: &mut Registry, durations: &Durations<Labels>, active: &Gauge)
where
    Labels: Clone + Eq + Hash + Debug + EncodeLabelSet + Send + Sync + 'static,
{
    let http = registry.sub_registry_with_prefix("http_server");
    http.register_with_unit(
        "request_duration",
        "From the request head to the end of the response",
        Unit::Seconds,
        durations.clone(),
    );
    http.register("active_requests", "Exchanges under way", active.clone());
}

/// The method as a label. The set is closed, so that a caller cannot make series at will.
pub fn method_label(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "CONNECT" => "CONNECT",
        "TRACE" => "TRACE",
        _ => "_OTHER",
    }
}
