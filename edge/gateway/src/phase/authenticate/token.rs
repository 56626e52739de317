//! Callers with a token (RFC 6750).

use std::sync::Arc;

use http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use smallvec::SmallVec;
use tidegate_shared::bundle::{Issuer, TokenSource};
use tidegate_shared::problem::Problem;

use super::{Incoming, cross_site, source};
use crate::decision::HeadEdits;
use crate::head::RequestHead;
use crate::identity::Identity;
use crate::jws::InvalidJws;
use crate::jwt::{self, InvalidToken};
use crate::ports::Ports;
use crate::refusal::Refusal;
use crate::state::Memory;

/// Seconds after which an issuer's keys may be there.
const RETRY_ISSUER: &str = "5";

pub(super) async fn by_token<H: RequestHead>(
    issuers: &[&Issuer],
    realm: &str,
    memory: &Memory<'_>,
    ports: &impl Ports,
    incoming: &Incoming<'_, H>,
    response: &mut HeadEdits,
) -> Result<Arc<Identity>, Refusal> {
    let sources = issuers.iter().map(|issuer| &issuer.source);
    let found = source::find(sources, incoming.head, incoming.query);
    let Ok(found) = found else {
        // RFC 6750 §3.1: more than one way of sending a token is an invalid request.
        let refusal = Refusal::new(Problem::CredentialAmbiguous, "several tokens");
        let challenge = format!("Bearer realm=\"{realm}\", error=\"invalid_request\"");
        return Err(refusal.with(WWW_AUTHENTICATE, challenge));
    };
    let (source, token) = found.ok_or_else(|| {
        Refusal::new(Problem::CredentialMissing, "no token")
            .with(WWW_AUTHENTICATE, format!("Bearer realm=\"{realm}\""))
    })?;
    match source {
        TokenSource::Authorization | TokenSource::Header(_) => {}
        TokenSource::Cookie(_) => cross_site::check(incoming)?,
        // RFC 6750 §2.3: no shared cache keeps what was asked for by such an address.
        TokenSource::Query(_) => {
            let private = HeaderValue::from_static("private");
            response.add.push((CACHE_CONTROL, private));
        }
    }
    let candidates = issuers.iter().copied();
    let candidates: SmallVec<[&Issuer; 2]> = candidates
        .filter(|issuer| issuer.source == *source)
        .collect();
    jwt::verify(&token, &candidates, memory, ports)
        .await
        .map_err(|error| refusal(&error, realm))
}

fn refusal(error: &InvalidToken, realm: &str) -> Refusal {
    let problem = match error {
        InvalidToken::Expired => Problem::CredentialExpired,
        InvalidToken::Jws(
            InvalidJws::Port(_) | InvalidJws::NoSecret(_) | InvalidJws::WeakSecret(_),
        ) => Problem::Internal,
        InvalidToken::NoKeys(_) => {
            return Refusal::new(Problem::IssuerUnavailable, error.to_string())
                .with(RETRY_AFTER, RETRY_ISSUER);
        }
        InvalidToken::Jws(
            InvalidJws::Shape(_)
            | InvalidJws::Key(_)
            | InvalidJws::UnknownKey
            | InvalidJws::Signature,
        )
        | InvalidToken::Type(_)
        | InvalidToken::NotYet
        | InvalidToken::Claim(_) => Problem::CredentialInvalid,
    };
    let refusal = Refusal::new(problem, error.to_string());
    if problem == Problem::Internal {
        return refusal;
    }
    let challenge = format!("Bearer realm=\"{realm}\", error=\"invalid_token\"");
    refusal.with(WWW_AUTHENTICATE, challenge)
}
