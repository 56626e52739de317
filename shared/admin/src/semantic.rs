//! HTTP metrics by the semantic conventions of OpenTelemetry.

use prometheus_client::metrics::histogram::Histogram;

/// The bucket boundaries that the conventions advise for `http.server.request.duration`, in seconds.
const DURATIONS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// For `http_server_request_duration_seconds`.
pub fn duration_histogram() -> Histogram {
    Histogram::new(DURATIONS)
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
