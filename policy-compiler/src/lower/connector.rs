//! What an upstream's connectors enforce.

use std::collections::BTreeSet;

use tidegate_shared::bundle::{self, MAX_CALLERS, MAX_LIMITS, SignatureDemand};
use tidegate_shared::peer_name::PeerName;

use super::Context;
use super::limit::MAX_BURST;
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::{Connector, ConnectorLimit, Per, Upstream};

pub(super) fn lower(
    connector: &Spanned<Connector>,
    upstream: &Upstream,
    cx: &mut Context<'_>,
) -> bundle::ConnectorRules {
    cx.check_names("a limit", &connector.limits);
    let limits = connector.limits.iter();
    let limits: Vec<_> = limits.map(|(name, own)| limit(name, own, cx)).collect();
    if limits.len() > MAX_LIMITS {
        let message = format!("more limits than {MAX_LIMITS} of one connector");
        cx.error("invalid-value", connector.span, message);
    }
    bundle::ConnectorRules {
        allow: allow(connector, cx),
        signature: signature(connector, upstream, cx),
        limits,
    }
}

/// Their order in the file means nothing.
fn allow(connector: &Spanned<Connector>, cx: &mut Context<'_>) -> Vec<PeerName> {
    if connector.allow.is_empty() {
        let message = "a connector must know who may come in";
        cx.diagnostics.push(
            Diagnostic::error("missing-field", connector.span, message)
                .help("name at least one caller, as `allow: [\"spiffe://edge.example/gateway\"]`"),
        );
    }
    if let Some(first) = connector.allow.get(MAX_CALLERS) {
        let message = format!("more callers than {MAX_CALLERS}");
        cx.error("invalid-value", first.span, message);
    }
    let mut names = BTreeSet::new();
    for name in &connector.allow {
        if !names.insert(name.value.clone()) {
            let message = format!("`{}` stands twice", name.value);
            cx.error("invalid-value", name.span, message);
        }
    }
    names.into_iter().collect()
}

fn signature(connector: &Connector, upstream: &Upstream, cx: &mut Context<'_>) -> SignatureDemand {
    let signs = upstream.sign.is_some();
    let Some(stated) = &connector.signature else {
        return match signs {
            true => SignatureDemand::Required,
            false => SignatureDemand::Off,
        };
    };
    let signature = stated.value.0;
    if signature == SignatureDemand::Required && !signs {
        let message = "requests to this upstream are not signed, so each would be refused";
        cx.diagnostics.push(
            Diagnostic::error("invalid-value", stated.span, message)
                .help("add `sign` to the upstream, or say `signature: optional`"),
        );
    }
    signature
}

fn limit(
    name: &Spanned<String>,
    limit: &ConnectorLimit,
    cx: &mut Context<'_>,
) -> bundle::ConnectorLimit {
    let burst = limit.burst.as_ref();
    if let Some(burst) = burst.filter(|burst| !(1..=MAX_BURST).contains(&burst.value)) {
        let message = format!("`burst` is 1 to {MAX_BURST}");
        cx.error("invalid-value", burst.span, message);
    }
    let rate = limit.rate.value;
    bundle::ConnectorLimit {
        name: name.value.clone(),
        rate,
        burst: burst.map_or(rate.count, |burst| {
            u32::try_from(burst.value).unwrap_or(u32::MAX)
        }),
        per_caller: matches!(limit.per.as_ref().map(|per| per.value), Some(Per::Caller)),
    }
}
