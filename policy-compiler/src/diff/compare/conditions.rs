//! What must hold besides the credential.

use tidegate_shared::condition::{Node, Variable};

use super::super::change::ChangeKind;
use super::{Difference, sets};
use crate::meaning::{Caller, Credential, Meaning};
use crate::words;

/// Compares expressions as they are written: which of two asks for more is not known.
pub(super) fn compare(old: &Meaning<'_>, new: &Meaning<'_>) -> Option<Difference> {
    sets::required(
        ChangeKind::Conditions,
        asked(old),
        asked(new),
        |asked| match asked.issuers.as_slice() {
            [] => words::code(asked.text),
            issuers => {
                let issuers = issuers.iter().map(|issuer| words::code(issuer));
                format!("{} of {}", words::code(asked.text), words::list(issuers))
            }
        },
    )
}

/// What the policy calls those who vouch for a caller.
fn names<'s>(credential: &Credential<'s>) -> Vec<&'s str> {
    match credential {
        Credential::Jwt(issuers, _) => issuers.iter().map(|issuer| issuer.name.as_str()).collect(),
        Credential::ApiKey(ring) => vec![ring.name.as_str()],
    }
}

/// An expression, with what its meaning depends on beside its text.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Asked<'s> {
    text: &'s str,
    /// The policy's names of the issuers, where it asks for them.
    issuers: Vec<&'s str>,
    /// The places in the path of the parameters that it asks for.
    parameters: Vec<u32>,
}

fn asked<'s>(meaning: &Meaning<'s>) -> Vec<Asked<'s>> {
    let issuers: Vec<&'s str> = match &meaning.caller {
        Caller::Public => Vec::new(),
        Caller::Holder { alternatives, .. } => {
            let identities = alternatives.iter().filter_map(|together| together.first());
            identities.flat_map(names).collect()
        }
    };
    let conditions = meaning.conditions.iter();
    conditions
        .map(|condition| {
            let nodes = condition.nodes();
            let asks = nodes.contains(&Node::Variable(Variable::Issuer));
            let parameters = nodes.iter().filter_map(|node| {
                let Node::Parameter(place) = node else {
                    return None;
                };
                Some(*place)
            });
            Asked {
                text: condition.text(),
                issuers: if asks { issuers.clone() } else { Vec::new() },
                parameters: parameters.collect(),
            }
        })
        .collect()
}
