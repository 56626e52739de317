//! *Accept*: one unambiguous reading of the request, or none.

use std::borrow::Cow;

use http::{HeaderName, Method};
use tidegate_shared::problem::Problem;
use tidegate_shared::trace::TraceContext;
use tidegate_shared::{host, path};

use crate::head::RequestHead;
use crate::refusal::Refusal;

/// The longest path and query together, in octets.
const MAX_TARGET: usize = 16 * 1024;

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A request target with a single reading.
#[derive(Debug)]
pub(crate) struct Target<'h> {
    /// In normal form: lower case, no port.
    pub(crate) host: Cow<'h, str>,
    /// In normal form (RFC 3986 §6.2.2).
    pub(crate) path: Cow<'h, str>,
    /// As it came.
    pub(crate) query: Option<&'h str>,
}

pub(crate) fn accept<H: RequestHead>(head: &H) -> Result<Target<'_>, Refusal> {
    if matches!(*head.method(), Method::CONNECT | Method::TRACE) {
        return Err(Refusal::new(Problem::MethodRefused, head.method().as_str()));
    }
    let target = head.path_and_query();
    if target.len() > MAX_TARGET {
        return Err(Refusal::new(
            Problem::HeadTooLarge,
            format!("a target of {} octets", target.len()),
        ));
    }
    let authority = head
        .authority()
        .ok_or_else(|| Refusal::new(Problem::HostInvalid, "no host, or several"))?;
    let host = match authority {
        Cow::Borrowed(authority) => host::normalise(authority),
        Cow::Owned(authority) => host::normalise(&authority).map(|host| host.into_owned().into()),
    };
    let host =
        host.ok_or_else(|| Refusal::new(Problem::HostInvalid, "the host is no host name"))?;
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let path = path::normalise(path)
        .map_err(|error| Refusal::new(Problem::PathInvalid, error.to_string()))?;
    if query.is_some_and(|query| {
        !query
            .bytes()
            .all(|octet| octet.is_ascii_graphic() && octet != b'#')
    }) {
        return Err(Refusal::new(
            Problem::PathInvalid,
            "the query has an octet that must be encoded",
        ));
    }
    Ok(Target { host, path, query })
}

/// Names the request and places it in a trace (W3C Trace Context §3): the client's, where its
/// `traceparent` is valid, else a new one. The gateway is a span of its own.
pub(crate) fn identify<H: RequestHead>(entropy: [u8; 24], head: &H) -> ([u8; 16], TraceContext) {
    let [
        a0,
        a1,
        a2,
        a3,
        a4,
        a5,
        a6,
        a7,
        a8,
        a9,
        a10,
        a11,
        a12,
        a13,
        a14,
        a15,
        span @ ..,
    ] = entropy;
    let id = [
        a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15,
    ];
    let incoming = head
        .header(&TRACEPARENT)
        .and_then(|value| TraceContext::parse(&value));
    let trace = match incoming {
        Some(context) => context.child(span),
        None => TraceContext {
            trace_id: id,
            parent_id: span,
            flags: 0,
        },
    };
    (id, trace)
}
