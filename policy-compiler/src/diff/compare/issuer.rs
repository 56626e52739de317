//! Which tokens are accepted.

use std::cmp::Ordering;

use tidegate_shared::bundle::{Binding, Issuer, IssuerKeys, Possession, TokenRules, TokenType};
use tidegate_shared::units::Span;

use super::super::change::ChangeKind;
use super::{Difference, sets};
use crate::words;

pub(super) fn compare(old: &Issuer, new: &Issuer) -> Vec<Difference> {
    let Issuer {
        // Names the buckets of limits by caller, as one of them or another.
        name: _,
        issuer,
        audiences,
        algorithms,
        keys,
        remote,
        leeway,
        rules,
        source,
        possession,
        plan,
    } = old;
    let differences = [
        Difference::between(ChangeKind::Issuer, issuer, &new.issuer, |issuer| {
            words::code(issuer)
        }),
        sets::allowed(
            ChangeKind::Audiences,
            audiences,
            &new.audiences,
            |audience| words::code(audience),
        ),
        sets::allowed(
            ChangeKind::Algorithms,
            algorithms,
            &new.algorithms,
            |algorithm| algorithm.name().to_owned(),
        ),
        self::keys(keys, &new.keys),
        Difference::between(ChangeKind::KeySource, remote, &new.remote, |remote| {
            words::key_source(remote.as_ref())
        }),
        sets::amount(ChangeKind::Leeway, leeway, &new.leeway, |leeway| {
            leeway.to_string()
        }),
        Difference::between(
            ChangeKind::TokenSource,
            source,
            &new.source,
            words::token_source,
        ),
        Difference::between(ChangeKind::Plans, plan, &new.plan, |plan| {
            words::plan_claim(plan.as_ref())
        }),
    ];
    let rules = self::rules(rules, &new.rules);
    let possession = self::possession(possession, &new.possession);
    let differences = differences.into_iter().chain(rules).chain(possession);
    differences.flatten().collect()
}

/// What must be proved by whoever sends a token.
pub(super) fn possession(old: &Possession, new: &Possession) -> [Option<Difference>; 2] {
    let Possession { binding, nonce } = old;
    let bindings = Difference::between(ChangeKind::Binding, binding, &new.binding, |binding| {
        words::binding(*binding).to_owned()
    });
    let wider = match (binding, new.binding) {
        (Some(_), None) => Some(Ordering::Less),
        (None, Some(_)) => Some(Ordering::Greater),
        (Some(Binding::Dpop | Binding::Certificate), Some(Binding::Any)) => Some(Ordering::Less),
        (Some(Binding::Any), Some(Binding::Dpop | Binding::Certificate)) => Some(Ordering::Greater),
        (Some(_), Some(_)) | (None, None) => None,
    };
    let nonces = Difference::between(ChangeKind::ProofNonce, nonce, &new.nonce, |nonce| {
        words::proof_nonce(nonce.as_deref())
    });
    let stricter = match (nonce, &new.nonce) {
        (Some(_), None) => Some(Ordering::Less),
        (None, Some(_)) => Some(Ordering::Greater),
        (Some(_), Some(_)) | (None, None) => None,
    };
    let judged = |difference: Difference, order| Difference {
        severity: sets::severity(order),
        ..difference
    };
    [
        bindings.map(|difference| judged(difference, wider)),
        nonces.map(|difference| judged(difference, stricter)),
    ]
}

fn keys(old: &IssuerKeys, new: &IssuerKeys) -> Option<Difference> {
    let kind = ChangeKind::IssuerKeys;
    match (old, new) {
        (IssuerKeys::Pinned(old), IssuerKeys::Pinned(new)) => {
            sets::allowed(kind, old, new, |key| words::public_key(key))
        }
        (IssuerKeys::Pinned(_) | IssuerKeys::Secret(_), _) => {
            Difference::between(kind, old, new, |keys| match keys {
                IssuerKeys::Pinned(keys) => words::list(keys.iter().map(words::public_key)),
                IssuerKeys::Secret(name) => format!("the secret {}", words::code(name)),
            })
        }
    }
}

fn rules(old: &TokenRules, new: &TokenRules) -> [Option<Difference>; 3] {
    let TokenRules {
        token_type,
        max_age,
        claims,
    } = old;
    let types = Difference::between(
        ChangeKind::TokenType,
        token_type,
        &new.token_type,
        |token_type| words::token_type(*token_type).to_owned(),
    );
    let wider = match (token_type, new.token_type) {
        (TokenType::Any, TokenType::Jwt | TokenType::AccessToken) => Some(Ordering::Greater),
        (TokenType::Jwt | TokenType::AccessToken, TokenType::Any) => Some(Ordering::Less),
        (TokenType::Jwt | TokenType::AccessToken, TokenType::Jwt | TokenType::AccessToken)
        | (TokenType::Any, TokenType::Any) => None,
    };
    // No greatest age is the greatest.
    let age = |age: Option<Span>| age.map_or(u64::MAX, |age| age.0);
    [
        types.map(|difference| Difference {
            severity: sets::severity(wider),
            ..difference
        }),
        sets::amount(
            ChangeKind::TokenAge,
            &age(*max_age),
            &age(new.max_age),
            |age| match age {
                &u64::MAX => "any age".to_owned(),
                age => Span(*age).to_string(),
            },
        ),
        sets::required(
            ChangeKind::Claims,
            claims.iter().map(words::claim_rule),
            new.claims.iter().map(words::claim_rule),
            String::clone,
        ),
    ]
}
