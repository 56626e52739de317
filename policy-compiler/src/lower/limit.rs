//! Limits, as each stands on a route: what it counts by may depend on the route's path and caller.

mod allowance;

use tidegate_shared::bundle::{self, Accuracy, Auth, Cost, KeyPart, Tables, Unreachable};

use super::condition::Asked;
use super::{Context, condition};
use crate::cel::Type;
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::{Limit, LimitAccuracy, LimitCost, LimitKey, LimitScope, Mode, Policy};
use allowance::Stated;

pub(super) const MAX_BURST: u64 = 1_000_000_000;

/// Reports what is wrong with a limit wherever it stands.
pub(super) fn check(name: &Spanned<String>, limit: &Limit, cx: &mut Context<'_>) {
    allowance::check(name, limit, cx);
    if let Some(stated) = Stated::of(limit)
        && let Some(LimitCost::Fixed(cost)) = &limit.cost
        && !(1..=stated.most(limit)).contains(&cost.value)
    {
        let most = stated.most(limit);
        let (full, bound) = match stated {
            Stated::Rate(_) => (format!("a full bucket holds {most}"), "the burst"),
            Stated::Quota(_) => (format!("a whole period has {most}"), "the quota"),
            Stated::Concurrency(_) => (format!("all at once may take {most}"), "the concurrency"),
        };
        let message = format!(
            "a request that takes {} is {}",
            cost.value,
            if cost.value == 0 {
                "not limited".to_owned()
            } else {
                format!("never admitted: {full}")
            }
        );
        cx.diagnostics.push(
            Diagnostic::error("invalid-value", cost.span, message)
                .help(format!("let `cost` be 1 to {bound}, here {most}")),
        );
    }
    check_accuracy(limit, cx);
}

/// What an authority's silence means is asked only where there is one.
fn check_accuracy(limit: &Limit, cx: &mut Context<'_>) {
    let Some(rule) = &limit.when_unreachable else {
        return;
    };
    let (message, help) = match (accuracy(limit), rule.value.0) {
        (LimitAccuracy::Local, _) => (
            "a limit that each place counts for itself asks nobody",
            "leave it out, or say `accuracy: leased`",
        ),
        (LimitAccuracy::Strict, Unreachable::Local) => (
            "a strict limit holds no part of the rate to go on with",
            "use refuse or allow, or say `accuracy: leased`",
        ),
        (LimitAccuracy::Strict, Unreachable::Refuse | Unreachable::Allow)
        | (LimitAccuracy::Leased, _) => return,
    };
    cx.diagnostics
        .push(Diagnostic::error("invalid-value", rule.span, message).help(help));
}

fn accuracy(limit: &Limit) -> LimitAccuracy {
    let accuracy = limit.accuracy.as_ref();
    let absent = match limit.quota {
        Some(_) => LimitAccuracy::Leased,
        None => LimitAccuracy::Local,
    };
    accuracy.map_or(absent, |accuracy| accuracy.value)
}

/// The definition that a name refers to.
pub(super) fn find<'p>(
    name: &Spanned<String>,
    policy: &'p Policy,
    cx: &mut Context<'_>,
) -> Option<&'p Limit> {
    cx.resolve("limit", name, &policy.limits)?;
    let mut limits = policy.limits.iter();
    let (_, limit) = limits.find(|(own, _)| own.value == name.value)?;
    Some(limit)
}

/// The place among the tables' of a limit, as it stands on a route of an API.
pub(super) fn lower(
    name: &Spanned<String>,
    limit: &Limit,
    places: [&str; 2],
    asked: &Asked<'_>,
    tables: &mut Tables,
    cx: &mut Context<'_>,
) -> Option<u32> {
    if says_everywhere_the_same(limit) {
        // The name is its alone, and it need not be made again for each of ten thousand routes.
        let known = tables.limits.iter().position(|own| own.name == name.value);
        if let Some((index, known)) = known.and_then(|at| Some((at, tables.limits.get(at)?))) {
            fits(name, known, asked, cx);
            return u32::try_from(index).ok();
        }
    }
    let stated = limit.key.iter().flat_map(|keys| &keys.0);
    let keys = stated.filter_map(|key| match &key.value {
        LimitKey::Global => None,
        LimitKey::Part(part) => Some(Some(part.clone())),
        LimitKey::Expression(text) => {
            let text = Spanned {
                value: text.clone(),
                span: key.span,
            };
            let of = [Type::String, Type::Int, Type::Uint, Type::Bool];
            let index = condition::expression(&text, "a key", &of, asked, tables, cx);
            Some(index.map(KeyPart::Value))
        }
    });
    // Every key that does not hold is reported.
    let key: Vec<Option<KeyPart>> = keys.collect();
    let mut key: Vec<KeyPart> = key.into_iter().collect::<Option<_>>()?;
    if limit.key.is_none() {
        key.push(KeyPart::Subject);
    }
    let cost = match &limit.cost {
        None => Cost::Fixed(1),
        Some(LimitCost::Fixed(cost)) => Cost::Fixed(u32::try_from(cost.value).unwrap_or(u32::MAX)),
        Some(LimitCost::Expression(text)) => {
            let of = [Type::Int, Type::Uint];
            Cost::Value(condition::expression(
                text, "a cost", &of, asked, tables, cx,
            )?)
        }
    };
    let [api, route] = places;
    let scope = match limit.scope.as_ref().map(|scope| scope.value) {
        None | Some(LimitScope::Gateway) => bundle::Scope::Gateway,
        Some(LimitScope::Api) => bundle::Scope::Api(api.to_owned()),
        Some(LimitScope::Route) => bundle::Scope::Route(route.to_owned()),
    };
    let rule = limit.when_unreachable.as_ref();
    let rule = rule.map_or(Unreachable::Refuse, |rule| rule.value.0);
    let allows = allowance::lower(limit, tables)?;
    let lowered = bundle::Limit {
        name: name.value.clone(),
        allows,
        key,
        cost,
        scope,
        accuracy: match accuracy(limit) {
            LimitAccuracy::Local => Accuracy::Local,
            LimitAccuracy::Leased => Accuracy::Leased(rule),
            LimitAccuracy::Strict => Accuracy::Strict(rule),
        },
        shadow: (limit.mode.as_ref()).is_some_and(|mode| mode.value == Mode::Shadow),
    };
    fits(name, &lowered, asked, cx);
    let known = tables.limits.iter().position(|own| *own == lowered);
    let index = known.unwrap_or_else(|| {
        tables.limits.push(lowered);
        tables.limits.len().saturating_sub(1)
    });
    u32::try_from(index).ok()
}

/// Whether nothing of a limit depends on the route that it stands on.
fn says_everywhere_the_same(limit: &Limit) -> bool {
    let mut keys = limit.key.iter().flat_map(|keys| &keys.0);
    let scope = limit.scope.as_ref().map(|scope| scope.value);
    matches!(scope, None | Some(LimitScope::Gateway))
        && !matches!(limit.cost, Some(LimitCost::Expression(_)))
        && keys.all(|key| !matches!(key.value, LimitKey::Expression(_)))
}

/// Whether the route has what the limit counts by.
fn fits(name: &Spanned<String>, limit: &bundle::Limit, asked: &Asked<'_>, cx: &mut Context<'_>) {
    if matches!(asked.auth, Auth::Public) && limit.key.iter().any(KeyPart::needs_identity) {
        let message = format!(
            "the limit `{}` counts by caller, but this route is public",
            limit.name
        );
        cx.diagnostics.push(
            Diagnostic::error("limit-needs-identity", asked.span, message)
                .related(name.span, "limited here")
                .help("count by `client.address`, or ask for a credential"),
        );
    }
    for key in &limit.key {
        if let KeyPart::PathParameter(parameter) = key
            && !asked.pattern.parameters().any(|own| own == parameter)
        {
            let message = format!(
                "the limit `{}` counts by `{{{parameter}}}`, which this path lacks",
                limit.name
            );
            cx.diagnostics.push(
                Diagnostic::error("unknown-parameter", asked.span, message)
                    .related(name.span, "limited here"),
            );
        }
    }
}
