//! Who answers, and what the origin gets.

use std::collections::BTreeSet;

use tidegate_shared::bundle::{
    Origin, PathTemplate, Reply, Retry, RetryOn, TemplatePart, Upstream,
};
use tidegate_shared::pattern::PathPattern;

use super::super::change::{ChangeKind, Severity};
use super::{Difference, headers};
use crate::meaning::{Answer, Forward, Meaning};
use crate::words;

pub(super) fn compare(old: &Meaning<'_>, new: &Meaning<'_>) -> Vec<Difference> {
    match (&old.answer, &new.answer) {
        (Answer::Reply(old), Answer::Reply(new)) => reply(old, new).into_iter().collect(),
        (Answer::Forward(before), Answer::Forward(after)) => {
            let mut differences = upstreams(before.upstream, after.upstream);
            differences.extend(rewrite((old.pattern, before), (new.pattern, after)));
            differences.extend(Difference::between(
                ChangeKind::Timeout,
                &before.timeout,
                &after.timeout,
                ToString::to_string,
            ));
            differences.extend(headers::compare(
                ChangeKind::RequestHeaders,
                before.request_headers,
                after.request_headers,
            ));
            differences
        }
        (Answer::Reply(_), Answer::Forward(_)) | (Answer::Forward(_), Answer::Reply(_)) => {
            vec![Difference::new(
                ChangeKind::Destination,
                Severity::Changes,
                words::answer(&old.answer),
                words::answer(&new.answer),
            )]
        }
    }
}

fn reply(old: &Reply, new: &Reply) -> Option<Difference> {
    let Reply {
        status,
        headers,
        body,
    } = old;
    let same = *status == new.status
        && BTreeSet::from_iter(headers) == BTreeSet::from_iter(&new.headers)
        && *body == new.body;
    (!same).then(|| {
        Difference::new(
            ChangeKind::Reply,
            Severity::Changes,
            words::reply(old),
            words::reply(new),
        )
    })
}

fn upstreams(old: &Upstream, new: &Upstream) -> Vec<Difference> {
    let Upstream {
        // In records alone.
        name: _,
        origins,
        identity,
        trust,
        // A route may have its own: compared there.
        timeout: _,
        retry,
        caller,
        sign,
        // By the upstream's name, whatever routes lead there.
        connector: _,
    } = old;
    let places = |origins: &[Origin]| origins.iter().map(words::origin).collect::<Vec<_>>();
    let differences = [
        Difference::between(
            ChangeKind::Destination,
            &places(origins),
            &places(&new.origins),
            |places| words::ordered(places.iter().cloned()),
        ),
        self::retry(retry, &new.retry),
        Difference::between(
            ChangeKind::OriginIdentity,
            identity,
            &new.identity,
            |identity| {
                identity
                    .as_ref()
                    .map_or_else(|| "no certificate".to_owned(), |name| words::code(name))
            },
        ),
        Difference::between(
            ChangeKind::OriginTrust,
            &BTreeSet::from_iter(trust),
            &BTreeSet::from_iter(&new.trust),
            |trust| words::authorities(trust),
        ),
        Difference::between(
            ChangeKind::CallerFacts,
            caller,
            &new.caller,
            words::caller_facts,
        ),
        Difference::between(ChangeKind::RequestSigning, sign, &new.sign, |sign| {
            words::signing(sign.as_ref())
        }),
    ];
    differences.into_iter().flatten().collect()
}

fn retry(old: &Retry, new: &Retry) -> Option<Difference> {
    let Retry {
        attempts,
        on,
        budget,
    } = old;
    let same = *attempts == new.attempts
        && BTreeSet::<&RetryOn>::from_iter(on) == BTreeSet::from_iter(&new.on)
        && *budget == new.budget;
    (!same).then(|| {
        Difference::new(
            ChangeKind::Retry,
            Severity::Changes,
            words::retry(old),
            words::retry(new),
        )
    })
}

fn rewrite(
    (old_pattern, old): (&PathPattern, &Forward<'_>),
    (new_pattern, new): (&PathPattern, &Forward<'_>),
) -> Option<Difference> {
    let same = outline(old.rewrite, old_pattern) == outline(new.rewrite, new_pattern);
    (!same).then(|| {
        Difference::new(
            ChangeKind::Rewrite,
            Severity::Changes,
            words::rewrite(old.rewrite),
            words::rewrite(new.rewrite),
        )
    })
}

/// The template in a form that equals another exactly where both give the same paths: literals
/// joined, and what is captured by its place in a pattern.
fn outline(template: Option<&PathTemplate>, pattern: &PathPattern) -> Option<String> {
    let part = |part: &TemplatePart| match part {
        TemplatePart::Literal(text) => text.clone(),
        TemplatePart::Parameter(name) => {
            let place = pattern.parameters().position(|own| own == name);
            format!("{{{place:?} of {}}}", pattern.skeleton())
        }
        TemplatePart::Rest => format!("{{rest of {}}}", pattern.skeleton()),
    };
    template.map(|template| template.0.iter().map(part).collect())
}
