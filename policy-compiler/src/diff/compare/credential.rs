//! One credential.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tidegate_shared::bundle::{ApiKeyRing, Issuer, PinnedKeys, RingKeys};
use tidegate_shared::digest::Digest;

use super::super::change::{ChangeKind, Severity};
use super::{Difference, certificates, introspection, issuer, sets, signatures};
use crate::meaning::Credential;
use crate::words;

/// `named` says that it matters what consumers are called.
pub(super) fn compare(old: &Credential<'_>, new: &Credential<'_>, named: bool) -> Vec<Difference> {
    match (old, new) {
        (Credential::Jwt(old, old_scopes), Credential::Jwt(new, new_scopes)) => {
            let mut differences = issuers(old, new);
            differences.extend(scopes(old_scopes, new_scopes));
            differences
        }
        (Credential::ApiKey(old, old_scopes), Credential::ApiKey(new, new_scopes)) => {
            let mut differences = rings(old, new, named);
            differences.extend(scopes(old_scopes, new_scopes));
            differences
        }
        (Credential::Introspect(old, old_scopes), Credential::Introspect(new, new_scopes)) => {
            let mut differences = introspection::compare(old, new);
            differences.extend(scopes(old_scopes, new_scopes));
            differences
        }
        (Credential::Signature(old), Credential::Signature(new)) => signatures::compare(old, new),
        (Credential::Certificate(old), Credential::Certificate(new)) => {
            certificates::compare(old, new)
        }
        (
            Credential::Jwt(..)
            | Credential::ApiKey(..)
            | Credential::Introspect(..)
            | Credential::Signature(_)
            | Credential::Certificate(_),
            _,
        ) => {
            vec![Difference::new(
                ChangeKind::CredentialKind,
                Severity::Changes,
                words::credential(old),
                words::credential(new),
            )]
        }
    }
}

fn scopes(old: &[String], new: &[String]) -> Option<Difference> {
    sets::required(ChangeKind::Scopes, old, new, |scope| words::code(scope))
}

/// Issuers of one `iss` are compared with each other; so are two that are alone.
fn issuers(old: &[&Issuer], new: &[&Issuer]) -> Vec<Difference> {
    if let ([old], [new]) = (old, new) {
        return issuer::compare(old, new);
    }
    let names = |issuers: &[&Issuer]| -> Vec<String> {
        issuers.iter().map(|issuer| issuer.issuer.clone()).collect()
    };
    let accepted = sets::allowed(ChangeKind::Issuer, names(old), names(new), |issuer| {
        words::code(issuer)
    });
    let pairs = old.iter().filter_map(|old| {
        let new = new.iter().find(|new| new.issuer == old.issuer)?;
        Some(issuer::compare(old, new))
    });
    accepted.into_iter().chain(pairs.flatten()).collect()
}

fn rings(old: &ApiKeyRing, new: &ApiKeyRing, named: bool) -> Vec<Difference> {
    let ApiKeyRing {
        name: _,
        source,
        prefix,
        keys,
    } = old;
    let header = Difference::between(
        ChangeKind::ApiKeyHeader,
        source,
        &new.source,
        words::key_place,
    );
    let form = Difference::between(ChangeKind::ApiKeyForm, prefix, &new.prefix, |prefix| {
        words::key_form(prefix.as_ref())
    });
    let differences = [header, form].into_iter().flatten();
    let (RingKeys::Pinned(keys), RingKeys::Pinned(new_keys)) = (keys, &new.keys) else {
        let store = Difference::between(ChangeKind::ApiKeyStore, keys, &new.keys, words::key_store);
        return differences.chain(store).collect();
    };
    let (before, after) = (by_key(keys), by_key(new_keys));
    let changed = sets::allowed(ChangeKind::ApiKeys, before.keys(), after.keys(), |digest| {
        let consumer = before.get(*digest).or(after.get(*digest)).copied();
        words::api_key(consumer.unwrap_or_default(), digest)
    });
    let groups = (named && renamed(&before, &after) || regrouped(&before, &after)).then(|| {
        let words = |consumers: &BTreeMap<&Digest, &str>| {
            words::list(
                consumers
                    .iter()
                    .map(|(digest, consumer)| words::api_key(consumer, digest)),
            )
        };
        Difference::new(
            ChangeKind::Consumers,
            Severity::Changes,
            words(&before),
            words(&after),
        )
    });
    let on_plans = plans(old, new, &before, &after);
    differences
        .chain(changed)
        .chain(groups)
        .chain(on_plans)
        .chain(granted(keys, new_keys, &before, &after))
        .collect()
}

/// Keys that are on both sides, with other scopes.
fn granted(
    old: &PinnedKeys,
    new: &PinnedKeys,
    before: &BTreeMap<&Digest, &str>,
    after: &BTreeMap<&Digest, &str>,
) -> Option<Difference> {
    let having = |keys: &PinnedKeys, consumer: &str| -> BTreeSet<(String, String)> {
        let scopes = keys.scopes(consumer).iter();
        scopes
            .map(|scope| (consumer.to_owned(), scope.clone()))
            .collect()
    };
    let mut both = (BTreeSet::new(), BTreeSet::new());
    for (digest, consumer) in before {
        let Some(renamed) = after.get(digest) else {
            continue;
        };
        // What it is called does not matter here.
        let scopes = new.scopes(renamed).iter();
        let scopes = scopes.map(|scope| ((*consumer).to_owned(), scope.clone()));
        both.0.extend(having(old, consumer));
        both.1.extend(scopes);
    }
    sets::allowed(
        ChangeKind::KeyScopes,
        both.0,
        both.1,
        |(consumer, scope)| format!("{} for {}", words::code(scope), words::code(consumer)),
    )
}

/// Keys that are on both sides, of consumers that are on one plan here and on another there.
fn plans(
    old: &ApiKeyRing,
    new: &ApiKeyRing,
    before: &BTreeMap<&Digest, &str>,
    after: &BTreeMap<&Digest, &str>,
) -> Option<Difference> {
    let moved = before.iter().filter_map(|(digest, consumer)| {
        let was = old.plan(consumer);
        let is = new.plan(after.get(digest)?);
        (was != is).then(|| {
            let words = |plan| format!("{} on {}", words::code(consumer), words::on_plan(plan));
            (words(was), words(is))
        })
    });
    let (was, is): (BTreeSet<String>, BTreeSet<String>) = moved.unzip();
    (!was.is_empty()).then(|| {
        let (was, is) = (words::list(was), words::list(is));
        Difference::new(ChangeKind::Plans, Severity::Changes, was, is)
    })
}

/// The consumer of each key.
fn by_key(keys: &PinnedKeys) -> BTreeMap<&Digest, &str> {
    keys.iter().collect()
}

/// Whether a key that is on both sides is another consumer's by name.
fn renamed(before: &BTreeMap<&Digest, &str>, after: &BTreeMap<&Digest, &str>) -> bool {
    let mut keys = before.iter();
    keys.any(|(digest, old)| after.get(digest).is_some_and(|new| new != old))
}

/// Whether two keys that are on both sides are one consumer's on one side only. What the
/// consumers are called does not matter.
fn regrouped(before: &BTreeMap<&Digest, &str>, after: &BTreeMap<&Digest, &str>) -> bool {
    let (mut forth, mut back) = (HashMap::new(), HashMap::new());
    before.iter().any(|(digest, old)| {
        after.get(digest).is_some_and(|new| {
            forth.entry(old).or_insert(new) != &new || back.entry(new).or_insert(old) != &old
        })
    })
}
