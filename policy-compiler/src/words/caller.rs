//! Who may call, and what origins are told of them.

use tidegate_shared::bundle::{CallerFact, CallerFacts, CallerToken, Carrier};

use super::{certificates, code, component, key_place, list};
use crate::meaning::{Caller, Credential};

pub(crate) fn caller(caller: &Caller<'_>) -> String {
    let Caller::Holder {
        alternatives,
        anonymous,
    } = caller
    else {
        return "everyone".to_owned();
    };
    let alternatives = alternatives.iter().map(|together| self::together(together));
    let nobody = anonymous.then(|| "no credential".to_owned());
    alternatives.chain(nobody).collect::<Vec<_>>().join(", or ")
}

/// Credentials that must all hold.
pub(crate) fn together(credentials: &[Credential<'_>]) -> String {
    credentials
        .iter()
        .map(credential)
        .collect::<Vec<_>>()
        .join(" together with ")
}

pub(crate) fn credential(credential: &Credential<'_>) -> String {
    match credential {
        Credential::Jwt(issuers, scopes) => {
            let issuers = issuers.iter().map(|issuer| code(&issuer.issuer));
            let issuers = issuers.collect::<Vec<_>>().join(" or ");
            format!("a token of {issuers}{}", with(scopes))
        }
        Credential::ApiKey(ring, scopes) => {
            format!("an API key in {}{}", key_place(&ring.source), with(scopes))
        }
        Credential::Introspect(asked, scopes) => format!(
            "a token that {} vouches for{}",
            code(&asked.url),
            with(scopes)
        ),
        Credential::Signature(signers) => {
            let covered = signers.components.iter().map(component);
            format!("a signature over {}", list(covered))
        }
        Credential::Certificate(own) => certificates(own),
    }
}

fn with(scopes: &[String]) -> String {
    let scopes = scopes.iter().map(|scope| code(scope));
    let scopes = scopes.collect::<Vec<_>>().join(" and ");
    let with = if scopes.is_empty() { "" } else { " with " };
    format!("{with}{scopes}")
}

pub(crate) fn carrier(carrier: Carrier<'_>) -> String {
    match carrier {
        Carrier::Authorization(scheme) => code(&format!("Authorization: {scheme}")),
        Carrier::Header(name) => format!("the header {}", code(name)),
        Carrier::Cookie(name) => format!("the cookie {}", code(name)),
        Carrier::Query(name) => format!("the query parameter {}", code(name)),
        Carrier::Connection => "the connection".to_owned(),
    }
}

pub(crate) fn caller_facts(facts: &CallerFacts) -> String {
    let CallerFacts {
        headers,
        token,
        remove_credential,
    } = facts;
    let field = |(name, fact): &(String, CallerFact)| {
        let fact = match fact {
            CallerFact::Subject => "the subject".to_owned(),
            CallerFact::Issuer => "the issuer".to_owned(),
            CallerFact::Scopes => "the scopes".to_owned(),
            CallerFact::Plan => "the plan".to_owned(),
            CallerFact::Claim(name) => format!("the claim {}", code(name)),
            CallerFact::Certificate(name) => format!("the certificate's {}", code(name)),
        };
        format!("{fact} in {}", code(name))
    };
    let token = token.as_ref().map(|token| {
        let CallerToken {
            header,
            secret,
            audience,
            lifetime,
        } = token;
        format!(
            "a token in {} for {}, signed with {}, good for {lifetime}",
            code(header),
            code(audience),
            code(secret)
        )
    });
    let credential = if *remove_credential {
        "not the credential"
    } else {
        "the credential"
    };
    let told = headers.iter().map(field).chain(token);
    list(told.chain([credential.to_owned()]))
}
