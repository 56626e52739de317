//! The bounds on everything that a peer could otherwise let grow or last.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use tidegate_shared::units::{ByteSize, Span};

use super::Problems;
use serde::Deserialize;

/// `[limits]`: spans of time as `10s`, sizes as `64KiB`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsFile {
    /// Connections open at a time on each listener; more wait in its queue. 10000 by default.
    pub connections: Option<u64>,
    /// HTTP/2 streams open at a time on one connection. 250 by default.
    pub streams: Option<u64>,
    /// Octets of a request head. `64KiB` by default.
    pub header_bytes: Option<String>,
    /// How long an HTTP/1.1 connection may take to its next complete request head, waiting
    /// included. `60s` by default.
    pub header_read_timeout: Option<String>,
    /// How long a TLS handshake may take, or a client to say whom it asks for where TLS goes on.
    /// `10s` by default.
    pub handshake_timeout: Option<String>,
    /// How long a body, an upgraded or forwarded connection, or a connection without a request
    /// may stand still. `5m` by default.
    pub idle_timeout: Option<String>,
    /// How long connecting to a backend may take. `5s` by default.
    pub connect_timeout: Option<String>,
    /// How long a backend may take to its response head, from the last sign of progress of the
    /// request body. `30s` by default.
    pub response_head_timeout: Option<String>,
}

/// Checked bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(crate) connections: usize,
    pub(crate) streams: u32,
    pub(crate) header_bytes: u32,
    pub(crate) header_read: Duration,
    pub(crate) handshake: Duration,
    pub(crate) idle: Duration,
    pub(crate) connect: Duration,
    pub(crate) response_head: Duration,
}

impl Limits {
    pub(super) fn check(file: LimitsFile, problems: &mut Problems) -> Option<Self> {
        let LimitsFile {
            connections,
            streams,
            header_bytes,
            header_read_timeout,
            handshake_timeout,
            idle_timeout,
            connect_timeout,
            response_head_timeout,
        } = file;
        let connections = within(connections.unwrap_or(10_000), 1..=1_000_000);
        let connections = problems.take("limits.connections", connections);
        let streams = within(streams.unwrap_or(250), 1..=10_000);
        let streams = problems.take("limits.streams", streams);
        let header_bytes = size(header_bytes.as_deref().unwrap_or("64KiB"), 8192..=1 << 20);
        let header_bytes = problems.take("limits.header_bytes", header_bytes);
        let mut timeout = |name: &str, text: Option<String>, default: &str, most: u64| {
            let bounds = Duration::from_millis(1)..=Duration::from_secs(most);
            problems.take(
                format!("limits.{name}"),
                span(text.as_deref(), default, bounds),
            )
        };
        let header_read = timeout("header_read_timeout", header_read_timeout, "60s", 3600);
        let handshake = timeout("handshake_timeout", handshake_timeout, "10s", 300);
        let idle = timeout("idle_timeout", idle_timeout, "5m", 86_400);
        let connect = timeout("connect_timeout", connect_timeout, "5s", 300);
        let response_head = timeout("response_head_timeout", response_head_timeout, "30s", 3600);
        Some(Self {
            connections: usize::try_from(connections?).ok()?,
            streams: u32::try_from(streams?).ok()?,
            header_bytes: header_bytes?,
            header_read: header_read?,
            handshake: handshake?,
            idle: idle?,
            connect: connect?,
            response_head: response_head?,
        })
    }
}

pub(super) fn within<T: PartialOrd + Display>(
    value: T,
    bounds: RangeInclusive<T>,
) -> Result<T, String> {
    if bounds.contains(&value) {
        return Ok(value);
    }
    let (least, most) = bounds.into_inner();
    Err(format!("`{value}` is not between `{least}` and `{most}`"))
}

fn size(text: &str, bounds: RangeInclusive<u32>) -> Result<u32, String> {
    let ByteSize(octets) = text.parse().map_err(|error| format!("{error}"))?;
    within(u32::try_from(octets).unwrap_or(u32::MAX), bounds)
}

/// A span of time within bounds; `default` where nothing is written.
pub(super) fn span(
    text: Option<&str>,
    default: &str,
    bounds: RangeInclusive<Duration>,
) -> Result<Duration, String> {
    let text = text.unwrap_or(default);
    let Span(millis) = text.parse().map_err(|error| format!("{error}"))?;
    let span = Duration::from_millis(millis);
    if bounds.contains(&span) {
        return Ok(span);
    }
    let bound = |span: &Duration| Span(u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
    Err(format!(
        "`{text}` is not between `{}` and `{}`",
        bound(bounds.start()),
        bound(bounds.end())
    ))
}
