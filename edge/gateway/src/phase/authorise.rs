//! *Authorise*: may this caller do this?

use http::header::WWW_AUTHENTICATE;
use tidegate_shared::bundle::Auth;
use tidegate_shared::problem::Problem;

use crate::identity::Identity;
use crate::refusal::Refusal;

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
