//! Limits that never refuse anyone, as another one always refuses first.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_shared::bundle::{Allowance, Cost, Limit, Route, Scope};
use tidegate_shared::units::Rate;

use crate::Ir;
use crate::diagnostic::Diagnostic;

/// Warns of each limit that has, wherever it stands, a stricter one beside it.
///
/// A request takes from all of its limits or from none. So a bucket that gets every request of
/// another, holds no more, fills no faster and gives up no less for a request never has more left,
/// and refuses first.
pub(super) fn never_reached(ir: &Ir) -> Vec<Diagnostic> {
    // For each limit's name, those that are stricter wherever it stands.
    let mut stricter: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for route in ir.hosts.iter().flat_map(|(_, host)| &host.routes) {
        for (limit, beside) in standings(ir, route) {
            let here = beside
                .into_iter()
                .filter(|other| refuses_before(ir, other, limit))
                .map(|other| other.name.as_str());
            let here: BTreeSet<&str> = here.collect();
            stricter
                .entry(&limit.name)
                .and_modify(|known| known.retain(|name| here.contains(name)))
                .or_insert(here);
        }
    }
    let warnings = stricter.iter().filter_map(|(name, others)| {
        // One that is not warned of itself, so that leaving out what is warned of changes nothing.
        let counts = |other: &&&str| stricter.get(**other).is_none_or(BTreeSet::is_empty);
        let other = others.iter().find(counts)?;
        let message = format!("the limit `{name}` never refuses anyone: `{other}` does so first");
        let warning = Diagnostic::warning("limit-never-reached", *ir.limits.get(*name)?, message);
        Some(
            warning
                .related(*ir.limits.get(*other)?, "this one stands wherever it does")
                .help("leave it out, or let it hold less at once or fill more slowly"),
        )
    });
    warnings.collect()
}

/// Each limit of a route with those that always hold together with it.
fn standings<'i>(ir: &'i Ir, route: &Route) -> Vec<(&'i Limit, Vec<&'i Limit>)> {
    let limits = |indices: &[u32]| -> Vec<&'i Limit> {
        let limits = indices.iter();
        let limits = limits.filter_map(|index| ir.tables.limits.get(usize::try_from(*index).ok()?));
        limits.collect()
    };
    let own = limits(&route.limits);
    let plans = route.plans.iter().map(|plan| limits(&plan.limits));
    let of_plans: Vec<_> = plans
        .flat_map(|plan| {
            let all = [own.as_slice(), plan.as_slice()].concat();
            plan.into_iter().map(move |limit| (limit, all.clone()))
        })
        .collect();
    let of_route = own.iter().map(|limit| (*limit, own.clone()));
    of_route.chain(of_plans).collect()
}

/// Whether `first` has refused a request whenever `then` would.
fn refuses_before(ir: &Ir, first: &Limit, then: &Limit) -> bool {
    let holds = |strict: &Limit, loose: &Limit| {
        strict.name != loose.name
            && !strict.shadow
            && !loose.shadow
            && strict.accuracy == loose.accuracy
            && allows_no_more(strict.allows, loose.allows)
            && strict.key.iter().all(|part| loose.key.contains(part))
            && takes_no_less(&strict.cost, &loose.cost)
            && is_no_narrower(&strict.scope, &loose.scope)
    };
    // Of two that are the same, the one that is defined later is one too many.
    let defined = |limit: &Limit| {
        ir.limits
            .get(&limit.name)
            .map(|span| (span.file(), span.start()))
    };
    holds(first, then) && (!holds(then, first) || defined(first) < defined(then))
}

/// Whether what the one allows is never more than what the other does. Different things are not
/// compared.
fn allows_no_more(strict: Allowance, loose: Allowance) -> bool {
    match (strict, loose) {
        (
            Allowance::Rate { rate, burst },
            Allowance::Rate {
                rate: loose,
                burst: most,
            },
        ) => burst <= most && in_both_periods(rate, loose) <= in_both_periods(loose, rate),
        (
            Allowance::Quota { units, calendar },
            Allowance::Quota {
                units: loose,
                calendar: other,
            },
        ) => calendar == other && units <= loose,
        (Allowance::AtOnce(units), Allowance::AtOnce(loose)) => units <= loose,
        (Allowance::Rate { .. } | Allowance::Quota { .. } | Allowance::AtOnce(_), _) => false,
    }
}

/// What a rate admits in as many seconds as the product of both periods.
fn in_both_periods(rate: Rate, other: Rate) -> u64 {
    u64::from(rate.count).saturating_mul(other.period.into())
}

fn takes_no_less(strict: &Cost, loose: &Cost) -> bool {
    match (strict, loose) {
        (Cost::Fixed(strict), Cost::Fixed(loose)) => strict >= loose,
        (Cost::Value(strict), Cost::Value(loose)) => strict == loose,
        (Cost::Fixed(_), Cost::Value(_)) | (Cost::Value(_), Cost::Fixed(_)) => false,
    }
}

/// Whether a bucket of the one gets every request that one of the other gets.
fn is_no_narrower(strict: &Scope, loose: &Scope) -> bool {
    match (strict, loose) {
        (Scope::Gateway, Scope::Gateway | Scope::Api(_) | Scope::Route(_))
        | (Scope::Api(_), Scope::Api(_) | Scope::Route(_))
        | (Scope::Route(_), Scope::Route(_)) => true,
        (Scope::Api(_), Scope::Gateway) | (Scope::Route(_), Scope::Gateway | Scope::Api(_)) => {
            false
        }
    }
}
