//! Which tokens a server is asked about, and which of its answers are accepted.

use std::cmp::Ordering;

use tidegate_shared::bundle::Introspection;

use super::super::change::ChangeKind;
use super::{Difference, issuer, sets};
use crate::words;

pub(super) fn compare(old: &Introspection, new: &Introspection) -> Vec<Difference> {
    let Introspection {
        // Names the buckets of limits by caller, as one of them or another.
        name: _,
        url,
        client,
        audiences,
        issuer,
        cache,
        negative,
        keep,
        source,
        possession,
        plan,
    } = old;
    let differences = [
        Difference::between(ChangeKind::Introspection, url, &new.url, |url| {
            words::code(url)
        }),
        Difference::between(
            ChangeKind::IntrospectionClient,
            client,
            &new.client,
            words::introspection_client,
        ),
        self::audiences(audiences, &new.audiences),
        Difference::between(ChangeKind::Issuer, issuer, &new.issuer, |issuer| {
            issuer
                .as_deref()
                .map_or("any issuer".to_owned(), words::code)
        }),
        sets::amount(ChangeKind::AnswerAge, cache, &new.cache, |cache| {
            format!("believed for {cache}")
        }),
        Difference::between(ChangeKind::AnswerAge, negative, &new.negative, |negative| {
            format!("disbelieved for {negative}")
        }),
        sets::amount(ChangeKind::AnswerAge, keep, &new.keep, |keep| {
            format!("kept for {keep} while the server fails")
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
    let possession = issuer::possession(possession, &new.possession);
    differences
        .into_iter()
        .chain(possession)
        .flatten()
        .collect()
}

/// Of no audience is every token.
fn audiences(old: &[String], new: &[String]) -> Option<Difference> {
    let difference = sets::allowed(ChangeKind::Audiences, old, new, |audience| {
        words::code(audience)
    })?;
    let wider = match (old.is_empty(), new.is_empty()) {
        (true, _) => Some(Ordering::Greater),
        (_, true) => Some(Ordering::Less),
        (false, false) => return Some(difference),
    };
    Some(Difference {
        severity: sets::severity(wider),
        ..difference
    })
}
