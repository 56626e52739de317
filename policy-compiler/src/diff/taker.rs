//! Asks the core of a side who takes the requests of a route that the side does not have.

use std::borrow::Cow;
use std::iter;

use http::{HeaderName, Method};
use tidegate_edge::{Candidate, Mismatch, Peer, RequestHead, Scheme};
use tidegate_shared::host::HostPattern;
use tidegate_shared::method::MethodSet;
use tidegate_shared::pattern::{MAX_SEGMENTS, PathPattern, Segment};

use super::rule::Rule;
use super::side::Host;

/// The route of a side, with its index, that takes all requests of a rule and of one method which
/// nothing more specific takes.
pub(super) fn taker<'s>(
    side: &Host<'s>,
    host: &HostPattern,
    method: MethodSet,
    rule: &Rule<'_>,
) -> Option<(u32, Rule<'s>)> {
    let wanted = rule.meaning.pattern;
    paths(wanted).find_map(|path| {
        let routing = side.gateway().routing(&Sample {
            method: sample_method(method),
            host: sample_host(host),
            path,
            peer: Peer {
                address: None,
                scheme: Scheme::Https,
            },
        })?;
        routing.candidates.into_iter().find_map(|candidate| {
            let Candidate {
                path,
                route,
                mismatch,
            } = candidate;
            let entry = side.routes().paths.get(usize::try_from(path).ok()?)?;
            if mismatch == Some(Mismatch::Method) || !entry.pattern.covers(wanted) {
                return None;
            }
            let found = Rule::of(side, entry, route)?;
            rule.conditions
                .imply(&found.conditions)
                .then_some((route, found))
        })
    })
}

/// Paths that a pattern matches, and that other patterns match only where they cover a part of it
/// by design: first, for a prefix, one deeper than any complete pattern.
fn paths(pattern: &PathPattern) -> impl Iterator<Item = String> {
    let bare: String = pattern
        .segments()
        .map(|segment| match segment {
            Segment::Literal(literal) => format!("/{literal}"),
            Segment::Parameter { before, after, .. } => format!("/{before}~{after}"),
        })
        .collect();
    let deep = pattern
        .is_prefix()
        .then(|| format!("{bare}{}", "/~".repeat(MAX_SEGMENTS)));
    let bare = if bare.is_empty() {
        "/".to_owned()
    } else {
        bare
    };
    deep.into_iter().chain(iter::once(bare))
}

fn sample_method(set: MethodSet) -> Method {
    let extension = || Method::from_bytes(b"EXTENSION").unwrap_or_default();
    set.iter().next().unwrap_or_else(extension)
}

fn sample_host(pattern: &HostPattern) -> String {
    match pattern.suffix() {
        None => pattern.to_string(),
        Some(suffix) => format!("any{suffix}"),
    }
}

struct Sample {
    method: Method,
    host: String,
    path: String,
    peer: Peer,
}

impl RequestHead for Sample {
    fn method(&self) -> &Method {
        &self.method
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.host))
    }

    fn path_and_query(&self) -> &str {
        &self.path
    }

    fn header(&self, _: &HeaderName) -> Option<Cow<'_, str>> {
        None
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }
}
