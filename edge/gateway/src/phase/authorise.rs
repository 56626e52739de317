//! *Authorise*: may this caller do this?

mod request;

use http::header::WWW_AUTHENTICATE;
use tidegate_shared::bundle::Auth;
use tidegate_shared::problem::Problem;

use crate::condition::Program;
use crate::head::RequestHead;
use crate::identity::Identity;
use crate::refusal::Refusal;

pub(crate) use request::Request;

/// Requires every scope of the route (RFC 6750 §3.1).
pub(crate) fn authorise(
    auth: &Auth,
    identity: Option<&Identity>,
    realm: &str,
) -> Result<(), Refusal> {
    let Auth::Jwt(jwt) = auth else { return Ok(()) };
    let held = identity
        .map(|identity| identity.scopes.as_slice())
        .unwrap_or_default();
    let Some(lacking) = jwt.scopes.iter().find(|scope| !held.contains(scope)) else {
        return Ok(());
    };
    let refusal = Refusal::new(
        Problem::ScopeInsufficient,
        format!("lacks scope `{lacking}`"),
    );
    let scopes = jwt.scopes.join(" ");
    let challenge =
        format!("Bearer realm=\"{realm}\", error=\"insufficient_scope\", scope=\"{scopes}\"");
    Err(refusal.with(WWW_AUTHENTICATE, challenge))
}

/// Requires that every condition of the route holds. One that cannot be evaluated does not.
pub(crate) fn meet<H: RequestHead>(
    conditions: &[u32],
    programs: &[Program],
    request: &Request<'_, H>,
) -> Result<(), Refusal> {
    for condition in conditions {
        let program = usize::try_from(*condition)
            .ok()
            .and_then(|index| programs.get(index));
        let program = program.ok_or_else(|| {
            Refusal::new(Problem::Internal, "the route refers to a missing condition")
        })?;
        let cause = match program.holds(request) {
            Ok(true) => continue,
            Ok(false) => format!("`{}` does not hold", program.text()),
            Err(error) => format!("`{}` cannot be evaluated: {error}", program.text()),
        };
        return Err(Refusal::new(Problem::ConditionUnmet, cause));
    }
    Ok(())
}
