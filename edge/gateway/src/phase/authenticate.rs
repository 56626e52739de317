//! *Authenticate*: who calls?
//!
//! Each kind of credential is a file with two functions: whether a request carries one, and whom
//! it proves to be calling. Here is how they combine.

pub(crate) mod api_key;
mod certificate;
pub(crate) mod challenge;
mod cross_site;
mod message_signature;
mod opaque;
pub(crate) mod possession;
mod revocation;
pub(crate) mod source;
mod token;

use std::sync::Arc;

use tidegate_shared::bundle::{Auth, Carrier, Cors, Tables};
use tidegate_shared::problem::Problem;

use crate::decision::HeadEdits;
use crate::head::RequestHead;
use crate::identity::{Authenticated, Held, Identity};
use crate::phase::accept::Target;
use crate::ports::Ports;
use crate::refusal::Refusal;
use crate::state::Memory;

/// What this phase looks at.
pub(crate) struct Incoming<'r, H, P> {
    pub(crate) head: &'r H,
    pub(crate) target: &'r Target<'r>,
    /// The route's CORS rules.
    pub(crate) cors: Option<&'r Cors>,
    /// What the route refers to.
    pub(crate) tables: &'r Tables,
    /// The realm that challenges name.
    pub(crate) realm: &'r str,
    pub(crate) memory: Memory<'r>,
    pub(crate) ports: &'r P,
}

/// The caller. What the answer must say goes into `response`.
pub(crate) async fn authenticate<'a, H: RequestHead, P: Ports>(
    auth: &'a Auth,
    incoming: &Incoming<'_, H, P>,
    response: &mut HeadEdits,
) -> Result<Authenticated<'a>, Refusal> {
    let Auth::Shadow(rule) = auth else {
        return hold(auth, incoming, response).await;
    };
    // Whom the rule would refuse is nobody.
    Ok(match hold(rule, incoming, response).await {
        Ok(caller) => caller.in_shadow(),
        Err(refusal) => Authenticated {
            shadow: vec![refusal],
            ..Authenticated::default()
        },
    })
}

/// Holds a request against what is asked for.
async fn hold<'a, H: RequestHead, P: Ports>(
    auth: &'a Auth,
    incoming: &Incoming<'_, H, P>,
    response: &mut HeadEdits,
) -> Result<Authenticated<'a>, Refusal> {
    match auth {
        Auth::Public => Ok(Authenticated::default()),
        Auth::Any(alternatives) => any(alternatives, incoming, response).await,
        Auth::Jwt(_)
        | Auth::ApiKey(_)
        | Auth::Introspect(_)
        | Auth::Signature(_)
        | Auth::Certificate(_)
        | Auth::All(_)
        | Auth::Anonymous
        | Auth::Shadow(_) => all(auth, incoming, response).await,
    }
}

/// The first alternative that the request carries decides: what is there but bad is refused, and
/// gives way neither to another alternative nor to the right of anonymous callers. A request that
/// carries none is told of every one (RFC 9110 §11.6.1).
async fn any<'a, H: RequestHead, P: Ports>(
    alternatives: &'a [Auth],
    incoming: &Incoming<'_, H, P>,
    response: &mut HeadEdits,
) -> Result<Authenticated<'a>, Refusal> {
    let by_first = |auth: &&Auth| {
        let first = auth.members().first();
        first.is_some_and(|first| carries(first, incoming))
    };
    let in_part = |auth: &&Auth| {
        let mut members = auth.members().iter();
        members.any(|member| carries(member.rule(), incoming))
    };
    let mut carried = alternatives.iter().find(by_first);
    if carried.is_none() {
        carried = alternatives.iter().find(in_part);
    }
    if let Some(auth) = carried {
        return all(auth, incoming, response).await;
    }
    if alternatives.contains(&Auth::Anonymous) {
        return Ok(Authenticated::default());
    }
    let mut refusal: Option<Refusal> = None;
    for auth in alternatives {
        match (all(auth, incoming, response).await, &mut refusal) {
            (Ok(caller), _) => return Ok(caller),
            (Err(first), None) => refusal = Some(first),
            (Err(further), Some(first)) => first.headers.extend(further.headers),
        }
    }
    Err(refusal.unwrap_or_else(misplaced))
}

/// One credential, or several that must all hold. The first says who calls.
async fn all<'a, H: RequestHead, P: Ports>(
    auth: &'a Auth,
    incoming: &Incoming<'_, H, P>,
    response: &mut HeadEdits,
) -> Result<Authenticated<'a>, Refusal> {
    let mut caller = Authenticated::default();
    let beside = match auth {
        Auth::All(_) => auth.carriers(incoming.tables),
        Auth::Public
        | Auth::Jwt(_)
        | Auth::ApiKey(_)
        | Auth::Introspect(_)
        | Auth::Signature(_)
        | Auth::Certificate(_)
        | Auth::Any(_)
        | Auth::Anonymous
        | Auth::Shadow(_) => Vec::new(),
    };
    for member in auth.members() {
        let credential = member.rule();
        let shadow = matches!(member, Auth::Shadow(_));
        match verify(credential, &beside, incoming, response).await {
            Ok(identity) => caller.add(Held {
                credential,
                identity,
                shadow,
            }),
            Err(refusal) if shadow => caller.shadow.push(refusal),
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(caller)
}

/// Whether the request carries a credential of this kind, good or bad.
fn carries<H: RequestHead, P>(credential: &Auth, incoming: &Incoming<'_, H, P>) -> bool {
    match credential {
        Auth::Jwt(jwt) => token::carried(jwt, incoming),
        Auth::ApiKey(key) => api_key::carried(key, incoming),
        Auth::Introspect(asked) => opaque::carried(asked, incoming),
        Auth::Signature(signers) => message_signature::carried(*signers, incoming),
        Auth::Certificate(_) => certificate::carried(incoming),
        Auth::Public | Auth::Anonymous | Auth::Any(_) | Auth::All(_) | Auth::Shadow(_) => false,
    }
}

/// Whom a credential proves to be calling, where others are wanted `beside` it. Where there is
/// none, the refusal has the challenge.
async fn verify<H: RequestHead, P: Ports>(
    credential: &Auth,
    beside: &[Carrier<'_>],
    incoming: &Incoming<'_, H, P>,
    response: &mut HeadEdits,
) -> Result<Arc<Identity>, Refusal> {
    let identity = match credential {
        Auth::Jwt(jwt) => token::verify(jwt, beside, incoming, response).await?,
        Auth::ApiKey(key) => Arc::new(api_key::verify(key, incoming).await?),
        Auth::Introspect(asked) => opaque::verify(asked, beside, incoming, response).await?,
        Auth::Signature(signers) => Arc::new(message_signature::verify(*signers, incoming).await?),
        Auth::Certificate(holders) => Arc::new(certificate::verify(*holders, incoming)?),
        Auth::Public | Auth::Anonymous | Auth::Any(_) | Auth::All(_) | Auth::Shadow(_) => {
            return Err(misplaced());
        }
    };
    revocation::check(credential, &identity, incoming).await?;
    Ok(identity)
}

/// No bundle that was checked has it.
fn misplaced() -> Refusal {
    Refusal::new(
        Problem::Internal,
        "the route combines what is no credential",
    )
}

/// A definition that the route refers to.
fn definition<T>(table: &[T], index: u32) -> Result<&T, Refusal> {
    let entry = usize::try_from(index)
        .ok()
        .and_then(|index| table.get(index));
    entry.ok_or_else(|| {
        Refusal::new(
            Problem::Internal,
            "the route refers to a missing definition",
        )
    })
}
