//! Spans on their way to a collector: OTLP over HTTP, in protobuf.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Request, Response, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use prost::Message as _;
use tidegate_follow::Fetcher;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::span::{Span, text_attribute};
use crate::config;
use crate::metrics::Metrics;

/// Spans in one request.
const BATCH: usize = 512;

/// How long a collector may take for an answer, and how long that may be.
const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER: usize = 64 * 1024;

/// How often a request is tried, and the pauses between.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The conventions by which attributes are named.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.37.0";

/// Sends spans as long as there may be more.
#[derive(Debug)]
pub(crate) struct Exporter {
    config: config::Traces,
    spans: mpsc::Receiver<Span>,
    fetcher: Fetcher,
    metrics: Arc<Metrics>,
    /// Said in the log already.
    fault: Option<String>,
}

/// What came of a request.
#[derive(Debug)]
enum Outcome {
    /// The collector has them, but for so many.
    Taken(u64),
    /// It may take them later; when, if it says so.
    Later(String, Option<Duration>),
    /// It will never take them.
    Refused(String),
}

impl Exporter {
    pub(super) fn new(
        config: config::Traces,
        spans: mpsc::Receiver<Span>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, rustls::Error> {
        Ok(Self {
            config,
            spans,
            fetcher: Fetcher::new()?,
            metrics,
            fault: None,
        })
    }

    /// Sends until nobody records spans any more or `finish`, and then what is left.
    pub(crate) async fn run(mut self, finish: CancellationToken) {
        loop {
            let (batch, last) = self.gather(&finish).await;
            if !batch.is_empty() {
                self.send(batch).await;
            }
            if last {
                return;
            }
        }
    }

    /// A batch, and whether it is the last one.
    async fn gather(&mut self, finish: &CancellationToken) -> (Vec<Span>, bool) {
        let mut batch = Vec::new();
        let first = tokio::select! {
            first = self.spans.recv() => first,
            () = finish.cancelled() => self.spans.try_recv().ok(),
        };
        let Some(first) = first else {
            return (batch, true);
        };
        batch.push(first);
        let end = Instant::now() + self.config.every;
        while let Some(room) = BATCH.checked_sub(batch.len()).filter(|room| *room > 0) {
            let more = timeout_at(end, self.spans.recv_many(&mut batch, room));
            tokio::select! {
                biased;
                more = more => match more {
                    Ok(1..) => {}
                    Ok(0) => return (batch, true),
                    Err(_) => break,
                },
                () = finish.cancelled() => break,
            }
        }
        (batch, false)
    }

    /// Tries as often as the specification allows. What is not taken is counted.
    async fn send(&mut self, batch: Vec<Span>) {
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let body = self.encode(batch);
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let (reason, error) = match self.attempt(&body).await {
                Outcome::Taken(rejected) => {
                    self.fault = None;
                    let taken = count.saturating_sub(rejected);
                    self.metrics.spans_exported.inc_by(taken);
                    self.metrics.drop_spans("rejected", rejected);
                    return;
                }
                Outcome::Later(error, wish) if attempt < ATTEMPTS => {
                    self.complain(error);
                    let jittered = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
                    sleep(wish.unwrap_or(jittered).min(LONGEST_PAUSE)).await;
                    attempt += 1;
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                    continue;
                }
                Outcome::Later(error, _) => ("unavailable", error),
                Outcome::Refused(error) => ("refused", error),
            };
            self.complain(error);
            self.metrics.drop_spans(reason, count);
            return;
        }
    }

    fn encode(&self, batch: Vec<Span>) -> Vec<u8> {
        let attributes = self.config.resource.iter();
        let attributes = attributes.map(|(name, text)| text_attribute(name, text));
        let scope = InstrumentationScope {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let spans = ScopeSpans {
            scope: Some(scope),
            spans: batch.into_iter().map(Into::into).collect(),
            schema_url: SCHEMA.to_owned(),
        };
        let spans = ResourceSpans {
            resource: Some(Resource {
                attributes: attributes.collect(),
                ..Resource::default()
            }),
            scope_spans: vec![spans],
            schema_url: SCHEMA.to_owned(),
        };
        ExportTraceServiceRequest {
            resource_spans: vec![spans],
        }
        .encode_to_vec()
    }

    async fn attempt(&self, body: &[u8]) -> Outcome {
        let agent = concat!("tidegate-connector/", env!("CARGO_PKG_VERSION"));
        let mut request = Request::post(&self.config.endpoint)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(USER_AGENT, agent);
        for (name, value) in &self.config.headers {
            request = request.header(name, value);
        }
        let request = match request.body(body.to_vec()) {
            Ok(request) => request,
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        match self.fetcher.fetch(request, ANSWER, PATIENCE).await {
            Ok(response) => judge(&response),
            Err(error) => Outcome::Later(error.to_string(), None),
        }
    }

    /// The same trouble once.
    fn complain(&mut self, error: String) {
        if self.fault.as_ref() != Some(&error) {
            let endpoint = &self.config.endpoint;
            tracing::warn!(%endpoint, error, "the collector does not take spans");
            self.fault = Some(error);
        }
    }
}

/// OTLP 1.x, "OTLP/HTTP Response".
fn judge(response: &Response<Vec<u8>>) -> Outcome {
    let status = response.status();
    if status.is_success() {
        let answer = ExportTraceServiceResponse::decode(response.body().as_slice());
        let partial = answer.ok().and_then(|answer| answer.partial_success);
        let rejected = partial.map_or(0, |partial| partial.rejected_spans);
        return Outcome::Taken(u64::try_from(rejected).unwrap_or(0));
    }
    let error = format!("it answers {status}");
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Outcome::Later(error, retry_after(response.headers())),
        _ => Outcome::Refused(error),
    }
}

/// In seconds; a date is no more precise than the pauses that are made without one.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    use super::*;

    fn answer(status: u16, retry_after: Option<&str>, body: Vec<u8>) -> String {
        let mut response = Response::builder().status(status);
        if let Some(value) = retry_after {
            response = response.header(RETRY_AFTER, value);
        }
        format!("{:?}", judge(&response.body(body).unwrap()))
    }

    #[test]
    fn judges_answers_as_the_specification_does() {
        let partial = ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess {
                rejected_spans: 3,
                error_message: "too old".to_owned(),
            }),
        };
        assert_eq!(answer(200, None, Vec::new()), "Taken(0)");
        assert_eq!(answer(200, None, partial.encode_to_vec()), "Taken(3)");
        for (status, expected) in [
            (400, "Refused"),
            (413, "Refused"),
            (301, "Refused"),
            (500, "Refused"),
            (429, "Later"),
            (502, "Later"),
            (503, "Later"),
            (504, "Later"),
        ] {
            let outcome = answer(status, None, Vec::new());
            assert!(outcome.starts_with(expected), "{status}: {outcome}");
        }
        let wish = answer(503, Some("7"), Vec::new());
        assert!(wish.ends_with("Some(7s))"), "{wish}");
    }
}
