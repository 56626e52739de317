//! What policies say, in plain words.

mod answer;
mod api_keys;
mod caller;
mod certificates;
mod connector;
mod limits;
mod plans;
mod revocations;
mod signatures;
mod signing;
mod tokens;

use tidegate_shared::bundle::{FieldPredicate, FieldTest};
use tidegate_shared::digest::Digest;
use tidegate_shared::method::MethodSet;

use crate::meaning::{Meaning, Shadow};

pub(crate) use answer::{
    answer, authorities, header_edits, origin, origins, reply, retry, rewrite,
};
pub(crate) use api_keys::{api_key, key_form, key_place, key_store};
pub(crate) use caller::{caller, caller_facts, carrier, credential, together};
pub(crate) use certificates::{certificate_holder, certificates, distinguished_name};
pub use connector::connector_promise;
pub(crate) use connector::{connector, connector_limit, signature_demand};
pub use limits::promise;
pub(crate) use limits::{key_part, limit};
pub(crate) use plans::{on_plan, plan, plan_claim};
pub(crate) use revocations::revocations;
pub(crate) use signatures::{component, required, signer_key, taken};
pub(crate) use signing::signing;
pub(crate) use tokens::{
    binding, claim_rule, introspection_client, key_source, proof_nonce, public_key, token_source,
    token_type,
};

/// Digits of a digest that tell it from others.
const DIGITS: usize = 12;

pub(crate) fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Items with commas between; `none` where there is none.
pub(crate) fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    if items.is_empty() {
        "none".to_owned()
    } else {
        items.join(", ")
    }
}

/// Items of which the first goes first.
pub(crate) fn ordered(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join(", then ")
}

/// Methods as people write them.
pub(crate) fn methods(methods: MethodSet) -> String {
    if methods == MethodSet::ANY {
        return "any method".to_owned();
    }
    let extensions = methods
        .has_extensions()
        .then(|| "extension methods".to_owned());
    list(
        methods
            .iter()
            .map(|method| method.to_string())
            .chain(extensions),
    )
}

/// What must hold of a header or of a query parameter.
pub(crate) fn predicate(of: &str, FieldPredicate { name, test }: &FieldPredicate) -> String {
    match test {
        FieldTest::Present => format!("{of} `{name}` present"),
        FieldTest::Exact(value) => format!("{of} `{name}: {value}`"),
        // The bundle holds the automaton, not the text.
        FieldTest::Matches(automaton) => format!(
            "{of} `{name}` matches an expression (automaton {})",
            short(&Digest::of(automaton))
        ),
    }
}

fn short(digest: &Digest) -> String {
    let mut digits = hex::encode(digest.0);
    digits.truncate(DIGITS);
    digits
}

/// Who may call, when, and who answers.
pub(crate) fn summary(meaning: &Meaning<'_>) -> String {
    let (caller, answer) = (caller(&meaning.caller), answer(&meaning.answer));
    format!("{caller}{}; {answer}", when(meaning))
}

/// What is watched, and refuses nobody.
pub(crate) fn shadow(shadow: &Shadow<'_>) -> String {
    let Shadow { caller, conditions } = shadow;
    let caller = caller.as_ref().map(self::caller);
    let conditions = conditions.iter().map(|condition| code(condition.text()));
    list(caller.into_iter().chain(conditions))
}

/// What must hold besides the credential; empty for nothing.
pub(crate) fn when(meaning: &Meaning<'_>) -> String {
    let conditions = meaning.conditions.iter();
    conditions
        .map(|condition| format!(", when {}", code(condition.text())))
        .collect()
}
