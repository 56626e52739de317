//! Plans: who is on one.

use tidegate_shared::bundle::{Auth, PlanClaim, RingKeys, Tables};

use super::Context;
use crate::source::Spanned;
use crate::syntax::{self, ApiKeys, Policy};

/// How the tokens of an issuer, or the answers of a server, say it.
pub(super) fn of_token(
    stated: Option<&syntax::PlanClaim>,
    policy: &Policy,
    cx: &mut Context<'_>,
) -> Option<PlanClaim> {
    let stated = stated?;
    if policy.plans.names().next().is_none() {
        let message = "the policy has no `plans`";
        cx.error("missing-field", stated.claim.span, message);
    }
    // A token may name any of them.
    for (name, _) in policy.plans.iter() {
        cx.resolve("plan", name, &policy.plans);
    }
    let default = stated.default.as_ref();
    Some(PlanClaim {
        claim: stated.claim.value.clone(),
        default: default.and_then(|name| named(name, policy, cx)),
    })
}

/// The consumers of a ring that are on one, with its name.
pub(super) fn of_consumers(
    ring: &ApiKeys,
    policy: &Policy,
    cx: &mut Context<'_>,
) -> Vec<(String, String)> {
    let consumers = ring.consumers.iter();
    consumers
        .filter_map(|(name, consumer)| {
            let plan = named(consumer.plan.as_ref()?, policy, cx)?;
            Some((name.value.clone(), plan))
        })
        .collect()
}

/// The plan of a route's anonymous callers.
pub(super) fn of_anonymous(
    auth: Option<&syntax::Auth>,
    policy: &Policy,
    cx: &mut Context<'_>,
) -> Option<String> {
    let syntax::Auth::Any(any) = auth? else {
        return None;
    };
    any.any.iter().find_map(|alternative| match alternative {
        syntax::Auth::Anonymous(_, stated) => named(&stated.as_ref()?.anonymous, policy, cx),
        syntax::Auth::Public(_)
        | syntax::Auth::Jwt(_)
        | syntax::Auth::ApiKey(_)
        | syntax::Auth::Introspect(_)
        | syntax::Auth::Signature(_)
        | syntax::Auth::Certificate(_)
        | syntax::Auth::Any(_)
        | syntax::Auth::All(_) => None,
    })
}

/// Whether a caller of a route can be on a plan.
pub(super) fn can_be_on(auth: &Auth, anonymous: Option<&String>, tables: &Tables) -> bool {
    let gives = |credential: &Auth| match credential {
        Auth::Jwt(jwt) => jwt.issuers.iter().any(|index| {
            let index = usize::try_from(*index).unwrap_or(usize::MAX);
            let issuer = tables.issuers.get(index);
            issuer.is_some_and(|issuer| issuer.plan.is_some())
        }),
        Auth::ApiKey(key) => {
            let index = usize::try_from(key.ring).unwrap_or(usize::MAX);
            let ring = tables.api_keys.get(index);
            ring.is_some_and(|ring| match &ring.keys {
                RingKeys::Pinned(keys) => !keys.plans().is_empty(),
                // The store says who is on which.
                RingKeys::Stored(_) => true,
            })
        }
        Auth::Signature(index) => {
            let index = usize::try_from(*index).unwrap_or(usize::MAX);
            let signers = tables.signatures.get(index);
            signers.is_some_and(|signers| signers.keys.iter().any(|key| key.plan.is_some()))
        }
        Auth::Certificate(index) => {
            let index = usize::try_from(*index).unwrap_or(usize::MAX);
            let own = tables.certificates.get(index);
            own.is_some_and(|own| own.holders.iter().any(|holder| holder.plan.is_some()))
        }
        Auth::Introspect(asked) => {
            let index = usize::try_from(asked.introspection).unwrap_or(usize::MAX);
            let by = tables.introspections.get(index);
            by.is_some_and(|by| by.plan.is_some())
        }
        Auth::Public | Auth::Anonymous | Auth::Any(_) | Auth::All(_) | Auth::Shadow(_) => false,
    };
    anonymous.is_some() || auth.credentials().any(gives)
}

pub(super) fn named(
    name: &Spanned<String>,
    policy: &Policy,
    cx: &mut Context<'_>,
) -> Option<String> {
    cx.resolve("plan", name, &policy.plans)?;
    Some(name.value.clone())
}
