//! *Authorise*: may this caller do this?

use http::header::WWW_AUTHENTICATE;
use tidegate_shared::bundle::{Auth, Tables};
use tidegate_shared::problem::Problem;

use crate::condition::Program;
use crate::confirmation::Confirmation;
use crate::head::RequestHead;
use crate::identity::Held;
use crate::phase::authenticate::api_key;
use crate::phase::authenticate::challenge::Scheme;
use crate::phase::request::Request;
use crate::refusal::Refusal;

/// Requires every scope that the route asks of the credentials that held (RFC 6750 §3.1). Gives
/// what a rule in shadow would have refused.
pub(crate) fn authorise(
    held: &[Held<'_>],
    tables: &Tables,
    realm: &str,
) -> Result<Vec<Refusal>, Refusal> {
    let mut shadow = Vec::new();
    for held in held {
        match scopes(held, tables, realm) {
            Err(refusal) if held.shadow => shadow.push(refusal),
            result => result?,
        }
    }
    Ok(shadow)
}

fn scopes(held: &Held<'_>, tables: &Tables, realm: &str) -> Result<(), Refusal> {
    let required = held.credential.scopes();
    let mut lacking = required.iter();
    let Some(lacking) = lacking.find(|scope| !held.identity.scopes.contains(scope)) else {
        return Ok(());
    };
    let refusal = Refusal::new(
        Problem::ScopeInsufficient,
        format!("lacks scope `{lacking}`"),
    );
    let scopes = required.join(" ");
    if let Auth::ApiKey(key) = held.credential {
        let index = usize::try_from(key.ring).ok();
        let ring = index.and_then(|index| tables.api_keys.get(index));
        let challenge = ring.and_then(|ring| api_key::insufficient(ring, realm, &scopes));
        return Err(match challenge {
            Some(challenge) => refusal.with(WWW_AUTHENTICATE, challenge),
            None => refusal,
        });
    }
    let proven = Confirmation::of(&held.identity.claims)
        .is_ok_and(|confirmation| confirmation.key.is_some());
    let scheme = if proven { Scheme::Dpop } else { Scheme::Bearer };
    let challenge = scheme.challenge(realm, Some("insufficient_scope"));
    Err(refusal.with(WWW_AUTHENTICATE, format!("{challenge}, scope=\"{scopes}\"")))
}

/// Requires that every condition of the route holds. One that cannot be evaluated does not.
pub(crate) fn meet<H: RequestHead>(
    conditions: &[u32],
    programs: &[Program],
    request: &Request<'_, H>,
) -> Result<(), Refusal> {
    let mut conditions = conditions.iter();
    conditions.try_for_each(|condition| meets(*condition, programs, request))
}

/// What conditions in shadow would have refused.
pub(crate) fn watch<H: RequestHead>(
    conditions: &[u32],
    programs: &[Program],
    request: &Request<'_, H>,
) -> Vec<Refusal> {
    let conditions = conditions.iter();
    conditions
        .filter_map(|condition| meets(*condition, programs, request).err())
        .collect()
}

fn meets<H: RequestHead>(
    condition: u32,
    programs: &[Program],
    request: &Request<'_, H>,
) -> Result<(), Refusal> {
    let program = usize::try_from(condition)
        .ok()
        .and_then(|index| programs.get(index));
    let program = program.ok_or_else(|| {
        Refusal::new(Problem::Internal, "the route refers to a missing condition")
    })?;
    let cause = match program.holds(request) {
        Ok(true) => return Ok(()),
        Ok(false) => format!("`{}` does not hold", program.text()),
        Err(error) => format!("`{}` cannot be evaluated: {error}", program.text()),
    };
    Err(Refusal::new(Problem::ConditionUnmet, cause))
}
