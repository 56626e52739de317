//! What must hold besides the credential.

use tidegate_shared::condition::{Condition, Node, Variable};

use super::super::change::ChangeKind;
use super::{Difference, sets};
use crate::meaning::{Caller, Meaning};
use crate::words;

/// Compares expressions as they are written: which of two asks for more is not known.
pub(super) fn compare(old: &Meaning<'_>, new: &Meaning<'_>) -> Option<Difference> {
    sets::required(
        ChangeKind::Conditions,
        asked(old),
        asked(new),
        |(text, issuers)| match issuers.as_slice() {
            [] => words::code(text),
            issuers => {
                let issuers = issuers.iter().map(|issuer| words::code(issuer));
                format!("{} of {}", words::code(text), words::list(issuers))
            }
        },
    )
}

/// Each expression; with the policy's names of the issuers, where it asks for them.
fn asked<'s>(meaning: &Meaning<'s>) -> Vec<(&'s str, Vec<&'s str>)> {
    let asks = |condition: &Condition| {
        condition
            .nodes()
            .contains(&Node::Variable(Variable::Issuer))
    };
    let issuers: Vec<&'s str> = match &meaning.caller {
        Caller::Public => Vec::new(),
        Caller::Jwt(issuers, _) => issuers.iter().map(|issuer| issuer.name.as_str()).collect(),
        Caller::ApiKey(ring) => vec![ring.name.as_str()],
    };
    let conditions = meaning.conditions.iter();
    conditions
        .map(|condition| {
            let issuers = if asks(condition) {
                issuers.clone()
            } else {
                Vec::new()
            };
            (condition.text(), issuers)
        })
        .collect()
}
