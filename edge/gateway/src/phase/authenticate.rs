//! *Authenticate*: who calls?

mod api_key;
mod cross_site;
pub(crate) mod source;
mod token;

use std::sync::Arc;

use smallvec::SmallVec;
use tidegate_shared::bundle::{Auth, Cors, Issuer, Tables};
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
            api_key::by_api_key(ring, realm, incoming.head).map(|identity| Some(Arc::new(identity)))
        }
    }
}
