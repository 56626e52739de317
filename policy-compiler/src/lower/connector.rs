//! What an upstream's connectors enforce.

use std::collections::BTreeSet;

use tidegate_shared::bundle::{self, ConnectorAllowance, MAX_CALLERS, MAX_LIMITS, SignatureDemand};
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
    let limits: Vec<_> = limits
        .filter_map(|(name, own)| limit(name, own, cx))
        .collect();
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
) -> Option<bundle::ConnectorLimit> {
    let amounts = [
        ("burst", limit.burst.as_ref()),
        ("concurrency", limit.concurrency.as_ref()),
    ];
    for (field, amount) in amounts {
        if let Some(amount) = amount.filter(|amount| !(1..=MAX_BURST).contains(&amount.value)) {
            let message = format!("`{field}` is 1 to {MAX_BURST}");
            cx.error("invalid-value", amount.span, message);
        }
    }
    Some(bundle::ConnectorLimit {
        name: name.value.clone(),
        allows: allows(name, limit, cx)?,
        per_caller: matches!(limit.per.as_ref().map(|per| per.value), Some(Per::Caller)),
    })
}

/// The only thing that it allows; `None` where that is none or several, which is reported.
fn allows(
    name: &Spanned<String>,
    limit: &ConnectorLimit,
    cx: &mut Context<'_>,
) -> Option<ConnectorAllowance> {
    let amount = |amount: &Spanned<u64>| u32::try_from(amount.value).unwrap_or(u32::MAX);
    let (code, message) = match (&limit.rate, &limit.concurrency) {
        (Some(rate), None) => {
            let rate = rate.value;
            let burst = limit.burst.as_ref().map_or(rate.count, amount);
            return Some(ConnectorAllowance::Rate { rate, burst });
        }
        (None, Some(requests)) => {
            if let Some(burst) = &limit.burst {
                let message = "`burst` is of a bucket that fills again, at a `rate`";
                cx.error("invalid-value", burst.span, message);
            }
            return Some(ConnectorAllowance::AtOnce(amount(requests)));
        }
        (None, None) => (
            "missing-field",
            "the limit says nothing of how much it allows",
        ),
        (Some(_), Some(_)) => ("invalid-value", "a limit allows one thing only"),
    };
    let help = "say one of `rate: 500/s` and `concurrency: 100`; there may be several limits";
    cx.diagnostics
        .push(Diagnostic::error(code, name.span, message).help(help));
    None
}
