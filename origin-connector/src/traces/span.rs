//! A span, and the form in which OTLP has it.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1 as otlp;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tidegate_shared::trace::TraceContext;

/// Octets of a text; what is longer is cut off. That bounds what waits to be sent.
const LONGEST: usize = 1024;

/// That it is known whether the parent is of another process, and that it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Server,
    Client,
}

/// What is sent of a span.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Span {
    trace_id: [u8; 16],
    id: [u8; 8],
    flags: u8,
    kind: Kind,
    pub(super) name: &'static str,
    pub(super) parent: Option<[u8; 8]>,
    /// Whether the parent is of another process.
    pub(super) remote: bool,
    began: SystemTime,
    pub(super) ended: SystemTime,
    attributes: Vec<(&'static str, Attribute)>,
    /// Where it failed; why, if that is known.
    failure: Option<Option<String>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Attribute {
    Text(Cow<'static, str>),
    Number(i64),
}

impl Span {
    pub(super) fn new(kind: Kind, of: &TraceContext, id: [u8; 8], began: SystemTime) -> Self {
        Self {
            trace_id: of.trace_id,
            id,
            flags: of.flags,
            kind,
            name: "HTTP",
            parent: None,
            remote: false,
            began,
            ended: began,
            attributes: Vec::with_capacity(12),
            failure: None,
        }
    }

    pub(super) fn label(&mut self, name: &'static str, label: &'static str) {
        let label = Attribute::Text(Cow::Borrowed(label));
        self.attributes.push((name, label));
    }

    pub(super) fn text(&mut self, name: &'static str, text: impl Into<String>) {
        let text = Attribute::Text(Cow::Owned(clip(text.into())));
        self.attributes.push((name, text));
    }

    /// Nothing where there is none.
    pub(super) fn number(&mut self, name: &'static str, number: Option<impl Into<i64>>) {
        if let Some(number) = number {
            self.attributes
                .push((name, Attribute::Number(number.into())));
        }
    }

    pub(super) fn fail(&mut self, cause: Option<&str>) {
        self.failure = Some(cause.map(|cause| clip(cause.to_owned())));
    }
}

fn clip(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

/// An attribute whose value is a text.
pub(super) fn text_attribute(name: &str, text: &str) -> KeyValue {
    attribute(name, Value::StringValue(text.to_owned()))
}

fn attribute(name: &str, value: Value) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

impl From<Span> for otlp::Span {
    fn from(span: Span) -> Self {
        let Span {
            trace_id,
            id,
            flags,
            kind,
            name,
            parent,
            remote,
            began,
            ended,
            attributes,
            failure,
        } = span;
        let kind = match kind {
            Kind::Server => SpanKind::Server,
            Kind::Client => SpanKind::Client,
        };
        let attributes = attributes.into_iter().map(|(name, value)| match value {
            Attribute::Text(text) => attribute(name, Value::StringValue(text.into_owned())),
            Attribute::Number(number) => attribute(name, Value::IntValue(number)),
        });
        let remote = if remote { IS_REMOTE } else { 0 };
        Self {
            trace_id: trace_id.to_vec(),
            span_id: id.to_vec(),
            parent_span_id: parent.map(Vec::from).unwrap_or_default(),
            flags: u32::from(flags) | HAS_IS_REMOTE | remote,
            name: name.to_owned(),
            kind: kind.into(),
            start_time_unix_nano: nanoseconds(began),
            // The clock may have been set back meanwhile.
            end_time_unix_nano: nanoseconds(ended.max(began)),
            attributes: attributes.collect(),
            status: failure.map(|cause| otlp::Status {
                message: cause.unwrap_or_default(),
                code: StatusCode::Error.into(),
            }),
            ..Self::default()
        }
    }
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
