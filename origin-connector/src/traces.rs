//! Spans of exchanges, for OpenTelemetry: one for each exchange, and one for each attempt at an
//! endpoint, whose id the endpoint is told by `traceparent`.

mod export;
mod span;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::HeaderValue;
use http::{Method, Request, StatusCode, Version};
use tidegate_admin::method_label;
use tidegate_shared::problem::Problem;
use tidegate_shared::trace::TraceContext;
use tokio::sync::mpsc;

use crate::access::AccessRecord;
use crate::config::{self, Protocol};
use crate::headers::trace::{Adopted, TRACEPARENT};
use crate::metrics::Metrics;
pub(crate) use export::Exporter;
use span::{Kind, Span};

/// Spans that may wait to be sent.
const QUEUE: usize = 8192;

/// W3C Trace Context §3.2.2.5.1.
const SAMPLED: u8 = 1;

/// Decides which exchanges are recorded, and hands spans on.
#[derive(Debug)]
pub(crate) struct Traces {
    config: config::Traces,
    queue: mpsc::Sender<Span>,
    metrics: Arc<Metrics>,
}

/// The span of an exchange that is under way.
#[derive(Debug)]
pub(crate) struct Exchange {
    traces: Arc<Traces>,
    /// Its id is the `parent_id` of what it causes.
    context: TraceContext,
    /// The caller's span, if any.
    parent: Option<[u8; 8]>,
    began: SystemTime,
}

/// The span of an attempt at an endpoint. It is handed on when it is dropped.
#[derive(Debug)]
pub(crate) struct Attempt<'e> {
    exchange: &'e Exchange,
    span: Option<Span>,
}

impl Traces {
    /// And what is to be kept running for the spans to arrive.
    pub(crate) fn new(
        config: config::Traces,
        metrics: &Arc<Metrics>,
    ) -> Result<(Arc<Self>, Exporter), rustls::Error> {
        let (queue, spans) = mpsc::channel(QUEUE);
        let exporter = Exporter::new(config.clone(), spans, metrics.clone())?;
        let traces = Self {
            config,
            queue,
            metrics: metrics.clone(),
        };
        Ok((Arc::new(traces), exporter))
    }

    /// Whether nothing is different by this configuration.
    pub(crate) fn is_of(&self, config: &config::Traces) -> bool {
        self.config == *config
    }

    /// The span of an exchange, if it is to be recorded.
    pub(crate) fn begin(self: &Arc<Self>, adopted: Adopted) -> Option<Box<Exchange>> {
        let Adopted { trace, begun } = adopted;
        let recorded = match (begun, trace.flags & SAMPLED != 0) {
            (true, _) => is_within(self.config.sample, trace.trace_id),
            (false, true) => true,
            (false, false) => is_within(self.config.unsampled, trace.trace_id),
        };
        if !recorded {
            return None;
        }
        // A trace that begins here begins with this span.
        let (id, parent) = match begun {
            true => (trace.parent_id, None),
            false => (draw_id(), Some(trace.parent_id)),
        };
        let context = TraceContext {
            flags: trace.flags | SAMPLED,
            ..trace.child(id)
        };
        Some(Box::new(Exchange {
            traces: self.clone(),
            context,
            parent,
            began: SystemTime::now(),
        }))
    }

    /// Hands a span on. Nobody waits for it.
    fn hand_on(&self, span: Span) {
        if self.queue.try_send(span).is_err() {
            self.metrics.drop_spans("queue-full", 1);
        }
    }
}

/// The same traces everywhere, as the samplers of OpenTelemetry's libraries choose them.
fn is_within(share: f64, trace_id: [u8; 16]) -> bool {
    let [_, _, _, _, _, _, _, _, low @ ..] = trace_id;
    let drawn = u64::from_be_bytes(low) >> 1;
    // The highest ids are rounded up.
    share >= 1.0 || (drawn as f64) < share * 2_f64.powi(63)
}

/// Never all zeros.
fn draw_id() -> [u8; 8] {
    fastrand::u64(1..).to_be_bytes()
}

impl Exchange {
    /// Begins an attempt at an endpoint, the first one with the number 0, and has the endpoint told of
    /// it.
    pub(crate) fn attempt<B>(
        &self,
        number: usize,
        request: &mut Request<B>,
        upstream: &config::Upstream,
        endpoint: SocketAddr,
    ) -> Attempt<'_> {
        let id = draw_id();
        let told = self.context.child(id).to_string();
        if let Ok(told) = HeaderValue::try_from(told) {
            request.headers_mut().insert(TRACEPARENT, told);
        }
        let mut span = Span::new(Kind::Client, &self.context, id, SystemTime::now());
        span.parent = Some(self.context.parent_id);
        name(&mut span, request.method());
        let (scheme, address) = (upstream.scheme(), &upstream.target.address);
        // Without the query, which may be secret.
        let url = format!("{scheme}://{address}{}", request.uri().path());
        span.text("url.full", url);
        span.text("server.address", address.host());
        span.number("server.port", address.port_u16());
        peer(&mut span, endpoint);
        let version = match upstream.protocol {
            Protocol::Http1 => "1.1",
            Protocol::Http2 => "2",
        };
        span.label("network.protocol.version", version);
        if number > 0 {
            span.number("http.request.resend_count", u32::try_from(number).ok());
        }
        Attempt {
            exchange: self,
            span: Some(span),
        }
    }

    /// Ends with the exchange.
    pub(crate) fn end(&self, record: &AccessRecord) {
        let mut span = Span::new(
            Kind::Server,
            &self.context,
            self.context.parent_id,
            self.began,
        );
        span.parent = self.parent;
        span.remote = self.parent.is_some();
        name(&mut span, &record.method);
        span.label("url.scheme", "https");
        span.text("url.path", record.path.as_str());
        if !record.host.is_empty() {
            span.text("server.address", record.host.as_str());
        }
        peer(&mut span, record.caller.peer);
        span.label("network.protocol.version", version(record.version));
        span.text("tidegate.caller", record.caller.identity.to_string());
        if let Some(backend) = &record.backend {
            span.text("tidegate.backend", backend.as_str());
        }
        if let Some(problem) = record.problem {
            span.label("tidegate.problem", problem.name());
        }
        let status = record.status.map(|status| status.as_u16());
        span.number("http.response.status_code", status);
        // What is the caller's fault is no error of a server.
        if let Some(status) = status.filter(|status| *status >= 500) {
            match record.problem {
                Some(problem) => span.label("error.type", problem.name()),
                None => span.text("error.type", status.to_string()),
            }
            span.fail(record.cause.as_deref());
        } else if !record.complete {
            span.label("error.type", "incomplete");
            span.fail(record.cause.as_deref());
        }
        span.ended = SystemTime::now();
        self.traces.hand_on(span);
    }
}

impl Attempt<'_> {
    /// Notes the answer's head, with which an attempt ends.
    pub(crate) fn answered(mut self, status: StatusCode) {
        if let Some(span) = &mut self.span {
            span.number("http.response.status_code", Some(status.as_u16()));
            if status.is_client_error() || status.is_server_error() {
                span.text("error.type", status.as_u16().to_string());
                span.fail(None);
            }
        }
        self.hand_on();
    }

    /// Notes that there was none.
    pub(crate) fn failed(mut self, problem: Problem, cause: &str) {
        if let Some(span) = &mut self.span {
            span.label("error.type", problem.name());
            span.fail(Some(cause));
        }
        self.hand_on();
    }

    fn hand_on(&mut self) {
        if let Some(mut span) = self.span.take() {
            span.ended = SystemTime::now();
            self.exchange.traces.hand_on(span);
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        // The caller is gone.
        if let Some(span) = &mut self.span {
            span.label("error.type", "cancelled");
            span.fail(None);
        }
        self.hand_on();
    }
}

/// There is no route whose pattern could be part of the name.
fn name(span: &mut Span, method: &Method) {
    let label = method_label(method.as_str());
    span.label("http.request.method", label);
    if label == "_OTHER" {
        span.text("http.request.method_original", method.as_str());
    } else {
        span.name = label;
    }
}

fn peer(span: &mut Span, address: SocketAddr) {
    span.text("network.peer.address", address.ip().to_string());
    span.number("network.peer.port", Some(address.port()));
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_traces_is_chosen_by_their_ids() {
        let low = |low: u64| {
            let mut id = [0xff; 16];
            let (_, half) = id.split_at_mut(8);
            half.copy_from_slice(&low.to_be_bytes());
            id
        };
        for (share, id, expected) in [
            (0.0, 0, false),
            (1.0, u64::MAX, true),
            (0.5, u64::MAX / 2 - 1024, true),
            (0.5, u64::MAX / 2 + 1024, false),
        ] {
            assert_eq!(is_within(share, low(id)), expected, "{share} {id}");
        }
        let chosen = (0..10_000).filter(|_| is_within(0.1, low(fastrand::u64(..))));
        let chosen = chosen.count();
        assert!((800..1200).contains(&chosen), "{chosen}");
    }
}
