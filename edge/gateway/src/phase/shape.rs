//! *Shape*: the request as the origin gets it, and the response as the client gets it.

pub(crate) mod caller;
pub(crate) mod credential;

use std::borrow::Cow;

use http::header::{CONNECTION, FORWARDED, HeaderName, HeaderValue, SERVER, UPGRADE, VIA};
use tidegate_shared::bundle::{PathTemplate, TemplatePart};
use tidegate_shared::pattern::{Captures, PathPattern};

use super::HOP_BY_HOP;
use super::accept::{TRACEPARENT, Target};
use crate::decision::{Exchange, HeadEdits, Reply};
use crate::head::{Peer, RequestHead, ResponseHead};

const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What only the gateway may tell an origin; a client's own word is removed.
const SPOOFABLE: [HeaderName; 7] = [
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-forwarded-client-cert"),
    HeaderName::from_static("x-real-ip"),
];

/// The path for the origin.
pub(crate) fn path<'p>(
    rewrite: Option<&PathTemplate>,
    pattern: &PathPattern,
    path: &'p str,
) -> Cow<'p, str> {
    match rewrite.zip(pattern.captures(path)) {
        Some((template, captures)) => Cow::Owned(fill(template, &captures)),
        None => Cow::Borrowed(path),
    }
}

fn fill(template: &PathTemplate, captures: &Captures<'_, '_>) -> String {
    let mut path = String::new();
    for part in &template.0 {
        match part {
            TemplatePart::Literal(text) => path.push_str(text),
            TemplatePart::Parameter(name) => {
                let value = captures
                    .parameters
                    .iter()
                    .find(|(parameter, _)| parameter == name);
                path.push_str(value.map_or("", |(_, value)| value));
            }
            TemplatePart::Rest => path.push_str(captures.rest),
        }
    }
    path
}

/// Changes to the request's header fields.
pub(crate) fn request<H: RequestHead>(
    head: &H,
    target: &Target<'_>,
    exchange: &Exchange,
) -> HeadEdits {
    let mut edits = HeadEdits {
        remove: SPOOFABLE.to_vec(),
        ..HeadEdits::default()
    };
    edits
        .remove
        .extend(nominated(head.header(&CONNECTION).as_deref()));
    // A tracestate without its traceparent means nothing (W3C Trace Context §3.3).
    if head
        .header(&TRACEPARENT)
        .is_none_or(|value| !continues(&value, exchange))
    {
        edits.remove.push(TRACESTATE);
    }
    if let Some(own) = exchange
        .route()
        .and_then(|route| route.rules.request.as_ref())
    {
        edits.extend(own);
    }
    let ours = [
        (FORWARDED, forwarded(head.peer(), &target.host)),
        // RFC 9110 §7.6.3; the version with which the request came is the adapter's affair.
        (VIA, "1.1 tidegate".to_owned()),
        (TRACEPARENT, exchange.trace.to_string()),
        (REQUEST_ID, exchange.request_id()),
    ];
    let ours = ours
        .into_iter()
        .filter_map(|(name, value)| Some((name, HeaderValue::from_str(&value).ok()?)));
    edits.set.extend(ours);
    edits
}

fn continues(traceparent: &str, exchange: &Exchange) -> bool {
    let incoming = tidegate_shared::trace::TraceContext::parse(traceparent);
    incoming.is_some_and(|incoming| incoming.trace_id == exchange.trace.trace_id)
}

/// RFC 7239 §4: an IPv6 address in brackets and quotes, an unknown one as `unknown`.
fn forwarded(peer: &Peer, host: &str) -> String {
    let client = match peer.address {
        Some(std::net::IpAddr::V4(address)) => address.to_string(),
        Some(std::net::IpAddr::V6(address)) => format!("\"[{address}]\""),
        None => "unknown".to_owned(),
    };
    format!(
        "for={client};host=\"{host}\";proto={}",
        peer.scheme.as_str()
    )
}

/// The fields that a `Connection` field names (RFC 9110 §7.6.1), without those that no one may
/// have removed and those that adapters leave out anyway.
fn nominated(connection: Option<&str>) -> Vec<HeaderName> {
    let names = connection.unwrap_or_default().split(',');
    let names = names.filter_map(|name| name.trim().parse::<HeaderName>().ok());
    names.filter(|name| !HOP_BY_HOP.contains(name)).collect()
}

/// Whether the client asks to switch protocols (RFC 9110 §7.8).
pub(crate) fn asks_upgrade<H: RequestHead>(head: &H) -> bool {
    head.header(&UPGRADE).is_some()
        && head.header(&CONNECTION).is_some_and(|options| {
            options
                .split(',')
                .any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
        })
}

/// Changes to the header fields of an origin's response.
pub(crate) fn response<H: ResponseHead>(exchange: &Exchange, head: &H) -> HeadEdits {
    let mut edits = HeadEdits {
        remove: nominated(head.header(&CONNECTION).as_deref()),
        ..HeadEdits::default()
    };
    edits.remove.push(SERVER);
    if let Some(own) = exchange
        .route()
        .and_then(|route| route.rules.response.as_ref())
    {
        edits.extend(own);
    }
    edits.extend(&exchange.response);
    edits.set.push((REQUEST_ID, exchange.request_id_value()));
    edits
}

/// A reply of the gateway's own, with the same changes.
pub(crate) fn reply(reply: &Reply, exchange: &Exchange) -> Reply {
    let route = exchange
        .route()
        .and_then(|route| route.rules.response.as_ref());
    let edits = || route.into_iter().chain([&exchange.response]);
    let more: usize = edits().map(|edits| edits.set.len() + edits.add.len()).sum();
    let mut headers = Vec::with_capacity(reply.headers.len() + more + 1);
    headers.extend_from_slice(&reply.headers);
    for removed in edits().flat_map(|edits| &edits.remove) {
        headers.retain(|(name, _)| name != removed);
    }
    let id = [(REQUEST_ID, exchange.request_id_value())];
    for field in edits()
        .flat_map(|edits| edits.set.iter().cloned())
        .chain(id)
    {
        headers.retain(|(name, _)| *name != field.0);
        headers.push(field);
    }
    headers.extend(edits().flat_map(|edits| edits.add.iter().cloned()));
    Reply {
        status: reply.status,
        headers,
        body: reply.body.clone(),
    }
}
