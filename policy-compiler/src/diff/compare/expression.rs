//! An expression, with what its meaning depends on beside its text.

use tidegate_shared::condition::{Condition, Node, Variable};

use crate::meaning::{Caller, Credential, Meaning};
use crate::words;

/// An expression in its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked<'s> {
    text: &'s str,
    /// The policy's names of the issuers, where it asks for them.
    issuers: Vec<&'s str>,
    /// The places in the path of the parameters that it asks for.
    parameters: Vec<u32>,
}

impl<'s> Asked<'s> {
    pub(super) fn of(condition: &'s Condition, meaning: &Meaning<'s>) -> Self {
        let nodes = condition.nodes();
        let parameters = nodes.iter().filter_map(|node| {
            let Node::Parameter(place) = node else {
                return None;
            };
            Some(*place)
        });
        let asks = nodes.contains(&Node::Variable(Variable::Issuer));
        Self {
            text: condition.text(),
            issuers: if asks { issuers(meaning) } else { Vec::new() },
            parameters: parameters.collect(),
        }
    }

    pub(super) fn words(&self) -> String {
        let text = words::code(self.text);
        if self.issuers.is_empty() {
            return text;
        }
        let issuers = self.issuers.iter().map(|issuer| words::code(issuer));
        format!("{text} of {}", words::list(issuers))
    }
}

/// What the policy calls those who vouch for the caller.
fn issuers<'s>(meaning: &Meaning<'s>) -> Vec<&'s str> {
    match &meaning.caller {
        Caller::Public => Vec::new(),
        Caller::Holder { alternatives, .. } => {
            let identities = alternatives.iter().filter_map(|together| together.first());
            identities.flat_map(names).collect()
        }
    }
}

fn names<'s>(credential: &Credential<'s>) -> Vec<&'s str> {
    match credential {
        Credential::Jwt(issuers, _) => issuers.iter().map(|issuer| issuer.name.as_str()).collect(),
        Credential::ApiKey(ring, _) => vec![ring.name.as_str()],
        Credential::Introspect(asked, _) => vec![asked.name.as_str()],
        Credential::Signature(signers) => vec![signers.name.as_str()],
        Credential::Certificate(own) => vec![own.name.as_str()],
    }
}
