//! Callers with a token (RFC 6750).

use std::sync::Arc;

use http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use smallvec::SmallVec;
use tidegate_shared::bundle::{Carrier, Issuer, JwtAuth, Tables, TokenSource};
use tidegate_shared::problem::Problem;

use super::challenge::Scheme;
use super::possession::Bound;
use super::source::{self, Presented};
use super::{Incoming, cross_site, definition};
use crate::decision::HeadEdits;
use crate::head::RequestHead;
use crate::identity::Identity;
use crate::jws::InvalidJws;
use crate::jwt::{self, InvalidToken};
use crate::ports::Ports;
use crate::refusal::Refusal;

/// Seconds after which an issuer's keys may be there.
const RETRY_ISSUER: &str = "5";
/// Seconds after which a server may answer again.
const RETRY_SERVER: &str = "1";

pub(super) fn carried<H: RequestHead, P>(jwt: &JwtAuth, incoming: &Incoming<'_, H, P>) -> bool {
    let issuers = issuers(jwt, incoming.tables);
    issuers.is_ok_and(|issuers| is_carried(sources(&issuers), incoming))
}

pub(super) async fn verify<H: RequestHead, P: Ports>(
    jwt: &JwtAuth,
    beside: &[Carrier<'_>],
    incoming: &Incoming<'_, H, P>,
    response: &mut HeadEdits,
) -> Result<Arc<Identity>, Refusal> {
    let issuers = issuers(jwt, incoming.tables)?;
    let realm = incoming.realm;
    let presented = presented(sources(&issuers), beside, incoming, response)?;
    let presented = presented.ok_or_else(|| missing(Scheme::of_issuers(&issuers), realm));
    let Presented {
        source,
        scheme,
        token,
    } = presented?;
    let candidates = issuers.iter().copied();
    let candidates: Issuers<'_> = candidates
        .filter(|issuer| issuer.source == *source)
        .collect();
    let verified = jwt::verify(&token, &candidates, &incoming.memory, incoming.ports).await;
    let (identity, issuer) = verified.map_err(|error| refusal(&error, scheme, realm))?;
    let bound = Bound {
        identity: &identity,
        possession: &issuer.possession,
        leeway: issuer.leeway,
        scheme,
        token: &token,
    };
    bound.check(incoming, response).await?;
    Ok(identity)
}

/// Whether the request has a token in one of these places, or several.
pub(super) fn is_carried<'s, H: RequestHead, P>(
    sources: impl IntoIterator<Item = &'s TokenSource>,
    incoming: &Incoming<'_, H, P>,
) -> bool {
    let query = incoming.target.query;
    let found = source::find(sources.into_iter(), &[], incoming.head, query);
    !matches!(found, Ok(None))
}

/// The request's token, where it may come from its place; `None` where there is none.
pub(super) fn presented<'s, H: RequestHead, P>(
    sources: impl IntoIterator<Item = &'s TokenSource>,
    beside: &[Carrier<'_>],
    incoming: &Incoming<'_, H, P>,
    response: &mut HeadEdits,
) -> Result<Option<Presented<'s>>, Refusal> {
    let query = incoming.target.query;
    let found = source::find(sources.into_iter(), beside, incoming.head, query);
    let Ok(found) = found else {
        // RFC 6750 §3.1: more than one way of sending a token is an invalid request.
        let refusal = Refusal::new(Problem::CredentialAmbiguous, "several tokens");
        let challenge = Scheme::Bearer.challenge(incoming.realm, Some("invalid_request"));
        return Err(refusal.with(WWW_AUTHENTICATE, challenge));
    };
    match found.as_ref().map(|presented| presented.source) {
        None | Some(TokenSource::Authorization | TokenSource::Header(_)) => {}
        Some(TokenSource::Cookie(_)) => cross_site::check(incoming, "a token in a cookie")?,
        // RFC 6750 §2.3: no shared cache keeps what was asked for by such an address.
        Some(TokenSource::Query(_)) => {
            let private = HeaderValue::from_static("private");
            response.add.push((CACHE_CONTROL, private));
        }
    }
    Ok(found)
}

/// The refusal where there is none, with a challenge for each scheme that a token may come with.
pub(super) fn missing(schemes: impl IntoIterator<Item = Scheme>, realm: &str) -> Refusal {
    let refusal = Refusal::new(Problem::CredentialMissing, "no token");
    schemes.into_iter().fold(refusal, |refusal, scheme| {
        refusal.with(WWW_AUTHENTICATE, scheme.challenge(realm, None))
    })
}

/// The schemes that a token of this kind may come with.
pub(super) fn schemes(jwt: &JwtAuth, tables: &Tables) -> SmallVec<[Scheme; 2]> {
    let issuers = issuers(jwt, tables).unwrap_or_default();
    Scheme::of_issuers(&issuers).collect()
}

type Issuers<'t> = SmallVec<[&'t Issuer; 2]>;

fn issuers<'t>(jwt: &JwtAuth, tables: &'t Tables) -> Result<Issuers<'t>, Refusal> {
    let issuers = jwt.issuers.iter();
    issuers
        .map(|index| definition(&tables.issuers, *index))
        .collect()
}

fn sources<'t>(issuers: &[&'t Issuer]) -> impl Iterator<Item = &'t TokenSource> {
    issuers.iter().map(|issuer| &issuer.source)
}

pub(super) fn refusal(error: &InvalidToken, scheme: Scheme, realm: &str) -> Refusal {
    let problem = match error {
        InvalidToken::Expired => Problem::CredentialExpired,
        InvalidToken::Jws(
            InvalidJws::Port(_) | InvalidJws::NoSecret(_) | InvalidJws::WeakSecret(_),
        ) => Problem::Internal,
        InvalidToken::NoKeys(_) => return unavailable(error, RETRY_ISSUER),
        InvalidToken::Unanswered(..) => return unavailable(error, RETRY_SERVER),
        InvalidToken::Jws(
            InvalidJws::Shape(_)
            | InvalidJws::Key(_)
            | InvalidJws::UnknownKey
            | InvalidJws::Signature,
        )
        | InvalidToken::Type(_)
        | InvalidToken::NotYet
        | InvalidToken::Inactive
        | InvalidToken::Claim(_) => Problem::CredentialInvalid,
    };
    let refusal = Refusal::new(problem, error.to_string());
    if problem == Problem::Internal {
        return refusal;
    }
    refusal.with(
        WWW_AUTHENTICATE,
        scheme.challenge(realm, Some("invalid_token")),
    )
}

fn unavailable(error: &InvalidToken, retry: &str) -> Refusal {
    Refusal::new(Problem::IssuerUnavailable, error.to_string()).with(RETRY_AFTER, retry)
}
