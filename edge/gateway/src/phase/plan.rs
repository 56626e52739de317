//! The plan that a caller is on.

use serde_json::Value;
use tidegate_shared::bundle::{Auth, PlanClaim, PlanLimits, Tables};
use tidegate_shared::problem::Problem;

use crate::identity::Held;
use crate::refusal::Refusal;

/// The name of a caller's plan: the first that a credential gives, or the route's for anonymous
/// callers. `None` where nothing speaks of plans. What a rule in shadow would have refused goes to
/// `shadow`.
pub(crate) fn plan<'t>(
    held: &[Held<'_>],
    anonymous: Option<&str>,
    tables: &'t Tables,
    shadow: &mut Vec<Refusal>,
) -> Result<Option<&'t str>, Refusal> {
    if held.is_empty() {
        return anonymous.map(|name| known(name, tables)).transpose();
    }
    for held in held {
        match given(held, tables) {
            Ok(None) => {}
            Ok(plan) => return Ok(plan),
            Err(refusal) if held.shadow => shadow.push(refusal),
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(None)
}

/// The limits of a plan, among those of a route.
pub(crate) fn limits<'r>(plans: &'r [PlanLimits], name: Option<&str>) -> &'r [u32] {
    let own = plans.iter().find(|plan| Some(plan.plan.as_str()) == name);
    own.map(|plan| plan.limits.as_slice()).unwrap_or_default()
}

fn given<'t>(held: &Held<'_>, tables: &'t Tables) -> Result<Option<&'t str>, Refusal> {
    let identity = &held.identity;
    if let Some(name) = &identity.plan {
        return known(name, tables).map(Some);
    }
    let Some(rule) = rule(held, tables) else {
        return Ok(None);
    };
    let claimed = identity.claims.get(&rule.claim).and_then(Value::as_str);
    let claimed = claimed.and_then(|name| tables.plan(name));
    match (claimed, &rule.default) {
        (Some(plan), _) => Ok(Some(plan)),
        (None, Some(default)) => known(default, tables).map(Some),
        (None, None) => {
            let cause = format!("the claim `{}` names no plan", rule.claim);
            Err(Refusal::new(Problem::PlanUnknown, cause))
        }
    }
}

/// How the claims of a credential say it, where they do.
fn rule<'t>(held: &Held<'_>, tables: &'t Tables) -> Option<&'t PlanClaim> {
    let position = |index: &u32| usize::try_from(*index).ok();
    match held.credential {
        Auth::Jwt(jwt) => {
            let issuers = jwt.issuers.iter();
            let mut issuers = issuers.filter_map(|own| tables.issuers.get(position(own)?));
            let issuer = issuers.find(|issuer| issuer.name == held.identity.issuer)?;
            issuer.plan.as_ref()
        }
        Auth::Introspect(asked) => {
            let by = tables.introspections.get(position(&asked.introspection)?)?;
            by.plan.as_ref()
        }
        Auth::Public
        | Auth::ApiKey(_)
        | Auth::Signature(_)
        | Auth::Certificate(_)
        | Auth::Any(_)
        | Auth::All(_)
        | Auth::Anonymous
        | Auth::Shadow(_) => None,
    }
}

/// A plan that is not there has no limits that could be kept: nobody is let in by it.
fn known<'t>(name: &str, tables: &'t Tables) -> Result<&'t str, Refusal> {
    let unknown = || Refusal::new(Problem::PlanUnknown, format!("there is no plan `{name}`"));
    tables.plan(name).ok_or_else(unknown)
}
