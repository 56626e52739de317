//! Opaque tokens: a server says what they are worth (RFC 7662).
//!
//! What it says is believed for as long as the policy allows, and never beyond the token's own end.
//! Tokens that are no good are kept apart: however many come, no good one has to go. A failing
//! server is not asked about the same token again at once, and no server is asked about more than
//! so many tokens at a time: what is over that is refused for now.

mod answer;
mod calls;
mod request;

use std::sync::Arc;

use http::{Request, StatusCode};
use tidegate_shared::bundle::Introspection;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Span;

use crate::identity::Identity;
use crate::jws::InvalidJws;
use crate::jwt::InvalidToken;
use crate::ports::{FetchBounds, Ports};
use crate::state::{Lifetime, MAX_TOKEN, Memory, Tokens, Verifier};
use calls::Calls;

const BOUNDS: FetchBounds = FetchBounds {
    octets: 16 * 1024,
    time: Span(3_000),
};
/// Milliseconds in which a failing server is not asked about the same token.
const PAUSE: u64 = 1_000;
/// Octets of what servers said of good tokens.
const MAX_ACTIVE: usize = 8 * 1024 * 1024;
/// Octets of tokens that are no good.
const MAX_REFUSED: usize = 1024 * 1024;
/// Octets in memory for each one of an answer.
const CLAIMS: usize = 4;

/// What came of a call.
type Outcome = Result<Active, InvalidToken>;

/// A good token.
#[derive(Clone, Debug)]
struct Active {
    identity: Arc<Identity>,
    lifetime: Lifetime,
}

impl Active {
    fn check(self, now: UnixMillis) -> Result<Arc<Identity>, InvalidToken> {
        self.lifetime.check(now)?;
        Ok(self.identity)
    }
}

/// What servers said of tokens.
#[derive(Debug)]
pub(crate) struct Introspections {
    active: Tokens<Active>,
    refused: Tokens<InvalidToken>,
    calls: Calls,
}

impl Introspections {
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self {
            active: Tokens::new(seed, MAX_ACTIVE),
            refused: Tokens::new(seed, MAX_REFUSED),
            calls: Calls::default(),
        }
    }

    fn keep(
        &self,
        by: Verifier<'_>,
        token: &str,
        outcome: &Outcome,
        holds: usize,
        now: UnixMillis,
    ) {
        match outcome {
            Ok(active) => self.active.put(by, token, active.clone(), holds, now),
            Err(refused) => {
                // What was said before holds no longer, unless nothing was said now.
                if !matches!(refused, InvalidToken::Unanswered(..)) {
                    self.active.remove(by, token);
                }
                self.refused.put(by, token, refused.clone(), 0, now);
            }
        }
    }

    fn refused_lately(
        &self,
        by: Verifier<'_>,
        token: &str,
        negative: Span,
        now: UnixMillis,
    ) -> Option<InvalidToken> {
        let found = self.refused.find(by, token, now)?;
        let most = if matches!(found.outcome, InvalidToken::Unanswered(..)) {
            PAUSE
        } else {
            negative.0
        };
        (found.age < most).then_some(found.outcome)
    }
}

/// Asks who a token speaks for, or remembers.
pub(crate) async fn introspect<P: Ports>(
    token: &str,
    by: &Introspection,
    memory: &Memory<'_>,
    ports: &P,
) -> Result<Arc<Identity>, InvalidToken> {
    // RFC 6749 §A.12. What is no token costs the server nothing.
    if token.len() > MAX_TOKEN || !token.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        return Err(InvalidJws::Shape("it is too long, or no printable text").into());
    }
    let store = &memory.state.introspections;
    let verifier = Verifier {
        bundle: memory.bundle,
        issuer: &by.name,
    };
    let now = ports.now();
    let known = store.active.find(verifier, token, now);
    let known = known.filter(|known| known.age < by.cache.0.saturating_add(by.keep.0));
    if let Some(known) = &known {
        // One request asks anew while the others still know.
        let due = known.age >= by.cache.0 / 4 * 3;
        let fresh = known.age < by.cache.0;
        if fresh && (!due || store.calls.has(verifier, token, now)) {
            return known.outcome.clone().check(now);
        }
    }
    let outcome = match store.refused_lately(verifier, token, by.negative, now) {
        Some(refused) => Err(refused),
        None => ask(token, by, verifier, store, ports).await,
    };
    match (outcome, known) {
        (Err(InvalidToken::Unanswered(..)), Some(known)) => known.outcome.check(ports.now()),
        (outcome, _) => outcome?.check(ports.now()),
    }
}

async fn ask<P: Ports>(
    token: &str,
    by: &Introspection,
    verifier: Verifier<'_>,
    store: &Introspections,
    ports: &P,
) -> Outcome {
    let request = {
        let name = &by.client.secret;
        let secret = ports.secret(name);
        let secret = secret.ok_or_else(|| InvalidJws::NoSecret(name.clone()))?;
        let request = request::request(by, &secret, token);
        request.map_err(|error| unanswered(by, &error))?
    };
    let began = ports.now();
    let call = store.calls.join(verifier, token, began, P::SHARES);
    let call = call.ok_or_else(|| unanswered(by, "too many calls are under way"))?;
    let outcome = call.outcome.get_or_init(|| async {
        let body = fetch(request, by, ports).await;
        let holds = body.as_ref().map_or(0, Vec::len).saturating_mul(CLAIMS);
        let said = body.and_then(|body| answer::read(&body, by, ports.now()));
        let outcome = said.map(|(identity, lifetime)| Active {
            identity: Arc::new(identity),
            lifetime,
        });
        let as_of = match &outcome {
            // A call that was waited for in vain is not made again at once.
            Err(InvalidToken::Unanswered(..)) => ports.now(),
            // As of before the answer: the token may have been withdrawn meanwhile.
            Ok(_) | Err(_) => began,
        };
        store.keep(verifier, token, &outcome, holds, as_of);
        outcome
    });
    outcome.await.clone()
}

/// The body of the server's answer.
async fn fetch(
    request: Request<Vec<u8>>,
    by: &Introspection,
    ports: &impl Ports,
) -> Result<Vec<u8>, InvalidToken> {
    let response = ports.fetch(request, BOUNDS).await;
    let response = response.map_err(|error| unanswered(by, &error))?;
    if response.status() != StatusCode::OK {
        let cause = format!("it answers {}", response.status().as_u16());
        return Err(unanswered(by, &cause));
    }
    Ok(response.into_body())
}

fn unanswered(by: &Introspection, cause: &(impl ToString + ?Sized)) -> InvalidToken {
    InvalidToken::Unanswered(by.name.clone(), cause.to_string())
}
