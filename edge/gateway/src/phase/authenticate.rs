//! *Authenticate*: who calls?

mod cross_site;
pub(crate) mod source;
mod token;

use std::sync::Arc;

use http::header::{HeaderName, WWW_AUTHENTICATE};
use serde_json::Map;
use smallvec::SmallVec;
use tidegate_shared::bundle::{ApiKeyRing, Auth, Cors, Issuer, Tables};
use tidegate_shared::digest::Digest;
use tidegate_shared::problem::Problem;

use crate::decision::HeadEdits;
use crate::head::RequestHead;
use crate::identity::Identity;
use crate::ports::Ports;
use crate::refusal::Refusal;
use crate::state::Memory;

/// What this phase looks at.
pub(crate) struct Incoming<'r, H> {
    pub(crate) head: &'r H,
    pub(crate) query: Option<&'r str>,
    /// The route's CORS rules.
    pub(crate) cors: Option<&'r Cors>,
}

/// The caller; `None` on a public route. What the answer must say goes into `response`.
pub(crate) async fn authenticate<H: RequestHead>(
    auth: &Auth,
    tables: &Tables,
    realm: &str,
    memory: &Memory<'_>,
    ports: &impl Ports,
    incoming: &Incoming<'_, H>,
    response: &mut HeadEdits,
) -> Result<Option<Arc<Identity>>, Refusal> {
    let missing_entry = || {
        Refusal::new(
            Problem::Internal,
            "the route refers to a missing definition",
        )
    };
    let at = |index: u32| usize::try_from(index).unwrap_or(usize::MAX);
    match auth {
        Auth::Public => Ok(None),
        Auth::Jwt(jwt) => {
            let issuers = jwt
                .issuers
                .iter()
                .map(|index| tables.issuers.get(at(*index)));
            let issuers: Option<SmallVec<[&Issuer; 2]>> = issuers.collect();
            let issuers = issuers.ok_or_else(missing_entry)?;
            token::by_token(&issuers, realm, memory, ports, incoming, response)
                .await
                .map(Some)
        }
        Auth::ApiKey(ring) => {
            let ring = tables.api_keys.get(at(*ring)).ok_or_else(missing_entry)?;
            by_api_key(ring, realm, incoming.head).map(|identity| Some(Arc::new(identity)))
        }
    }
}

/// No scheme of RFC 9110 §11 describes a key in a header; the challenge names the header.
fn by_api_key<H: RequestHead>(
    ring: &ApiKeyRing,
    realm: &str,
    head: &H,
) -> Result<Identity, Refusal> {
    let challenge = || format!("ApiKey realm=\"{realm}\", header=\"{}\"", ring.header);
    let refuse =
        |problem, cause: &str| Refusal::new(problem, cause).with(WWW_AUTHENTICATE, challenge());
    let name = HeaderName::from_bytes(ring.header.as_bytes())
        .map_err(|_| Refusal::new(Problem::Internal, "the ring's header is no header name"))?;
    let key = head
        .header(&name)
        .ok_or_else(|| refuse(Problem::CredentialMissing, "no API key"))?;
    // Digests are compared, never keys: how long that takes says nothing of a key.
    let digest = Digest::of(key.as_bytes());
    let consumer = ring
        .consumers
        .iter()
        .find(|consumer| consumer.keys.contains(&digest));
    let consumer = consumer.ok_or_else(|| refuse(Problem::CredentialInvalid, "no such API key"))?;
    Ok(Identity {
        issuer: ring.name.clone(),
        subject: consumer.name.clone(),
        scopes: Vec::new(),
        claims: Map::new(),
    })
}
