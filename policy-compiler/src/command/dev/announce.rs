//! What `tidegate dev` says when it is ready: the address, a token, and three requests to try.

use std::fmt::Write;
use std::net::SocketAddr;

use http::Method;
use serde_json::Map;
use tidegate_policy_compiler::Ir;
use tidegate_policy_compiler::credentials::Credentials;
use tidegate_shared::bundle::{Auth, Limit, Route, Target, TokenSource};
use tidegate_shared::host::HostPattern;
use tidegate_shared::pattern::{PathPattern, Segment};

/// A route that shows the gateway at work: a token is asked for, an upstream answers.
struct Example<'i> {
    host: String,
    path: String,
    issuer: u32,
    scopes: &'i [String],
    limit: Option<&'i Limit>,
}

/// The text. A policy without such a route gets the address alone.
pub(super) fn text(ir: &Ir, credentials: &Credentials, address: SocketAddr) -> String {
    let mut text = format!("listening http://{address}\n");
    let Some(example) = example(ir) else {
        return text.trim_end().to_owned();
    };
    let Ok(token) = credentials.token(example.issuer, "alice", example.scopes, Map::new(), false)
    else {
        return text.trim_end().to_owned();
    };
    let Example {
        host, path, limit, ..
    } = &example;
    let url = format!("http://{address}{path}");
    let _ = write!(
        text,
        "\nA token of `alice`, good for an hour:\n\n  TOKEN={token}\n\
         \nWithout it, a problem that says so (401):\n\n  curl -i -H 'Host: {host}' {url}\n\
         \nWith it, the answer of an origin behind its connector (200):\n\n  \
         curl -i -H 'Host: {host}' -H \"Authorization: Bearer $TOKEN\" {url}\n"
    );
    if let Some(limit) = limit {
        let more = u64::from(limit.allows.most()).saturating_add(1);
        let _ = write!(
            text,
            "\nOnce more than `{}` allows, with its headers (429):\n\n  \
             for i in $(seq {more}); do curl -si -H 'Host: {host}' -H \"Authorization: Bearer $TOKEN\" {url}; \
             done | tail -n 12\n",
            limit.name
        );
    }
    text
}

/// The first fitting route, one with a limit before one without.
fn example(ir: &Ir) -> Option<Example<'_>> {
    let routes = ir.hosts.iter().flat_map(|(host, routes)| {
        let entries = routes.paths.iter().flat_map(move |entry| {
            let own = entry
                .routes
                .iter()
                .filter_map(|index| routes.routes.get(usize::try_from(*index).ok()?));
            own.map(move |route| (host, &entry.pattern, route))
        });
        entries.filter_map(|(host, pattern, route)| of(ir, host, pattern, route))
    });
    let mut routes: Vec<Example<'_>> = routes.collect();
    routes.sort_by_key(|example| example.limit.is_none());
    routes.into_iter().next()
}

fn of<'i>(
    ir: &'i Ir,
    host: &HostPattern,
    pattern: &PathPattern,
    route: &'i Route,
) -> Option<Example<'i>> {
    let mut alternatives = route.auth.alternatives().iter();
    let jwt = alternatives.find_map(|auth| match auth {
        Auth::Jwt(jwt) => Some(jwt),
        Auth::Public
        | Auth::ApiKey(_)
        | Auth::Introspect(_)
        | Auth::Signature(_)
        | Auth::Certificate(_)
        | Auth::Any(_)
        | Auth::All(_)
        | Auth::Anonymous
        | Auth::Shadow(_) => None,
    })?;
    let issuer = *jwt.issuers.first()?;
    let definition = usize::try_from(issuer)
        .ok()
        .and_then(|index| ir.tables.issuers.get(index))?;
    // A token with a proof is nothing for a command line.
    if definition.source != TokenSource::Authorization || definition.possession.binding.is_some() {
        return None;
    }
    let plain = route.methods.contains(&Method::GET) && !pattern.is_prefix();
    let forwards = matches!(route.target, Target::Upstream(_));
    let host = match host.suffix() {
        None => host.to_string(),
        Some(domain) => format!("www{domain}"),
    };
    let limit = route
        .limits
        .first()
        .and_then(|index| ir.tables.limits.get(usize::try_from(*index).ok()?));
    (plain && forwards).then(|| Example {
        host,
        path: path(pattern),
        issuer,
        scopes: &jwt.scopes,
        limit,
    })
}

/// A path that matches, with a 7 for every parameter.
fn path(pattern: &PathPattern) -> String {
    let segments = pattern.segments().map(|segment| match segment {
        Segment::Literal(literal) => format!("/{literal}"),
        Segment::Parameter { before, after, .. } => format!("/{before}7{after}"),
    });
    segments.collect()
}
