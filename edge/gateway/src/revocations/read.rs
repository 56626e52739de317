//! What lies where the list should be.

use http::{Request, StatusCode, header};
use tidegate_shared::bundle::{ListLocation, RevocationRules};
use tidegate_shared::channel::Seen;
use tidegate_shared::envelope::Content;
use tidegate_shared::revocation::{self, MAX_LIST, PLACE, Revocations};
use tidegate_shared::trust::TrustKeys;
use tidegate_shared::units::Span;

use crate::ports::{FetchBounds, Ports};

const BOUNDS: FetchBounds = FetchBounds {
    octets: MAX_LIST,
    time: Span(5_000),
};

/// The list, where it may come into force after the newest that was accepted.
///
/// # Errors
/// Why it may not.
pub(super) async fn read(
    rules: &RevocationRules,
    newest: Option<Seen>,
    ports: &impl Ports,
) -> Result<(Revocations, Seen), String> {
    let octets = match &rules.location {
        ListLocation::Store(store) => {
            let octets = ports.credential(store, PLACE).await;
            let octets = octets.map_err(|error| error.to_string())?;
            octets.ok_or_else(|| format!("the store `{store}` has none"))?
        }
        ListLocation::Url(url) => fetch(url, ports).await?,
    };
    let trust: TrustKeys = rules.trust.parse().map_err(|_| "its key is unusable")?;
    let verified = revocation::verify(&octets, &trust, newest, ports.now());
    let verified = verified.map_err(|error| error.to_string())?;
    let seen = Seen {
        sequence: verified.content().sequence,
        digest: verified.digest(),
    };
    Ok((verified.into_content(), seen))
}

async fn fetch(url: &str, ports: &impl Ports) -> Result<Vec<u8>, String> {
    let request = Request::get(url)
        .header(header::ACCEPT, Revocations::CONTENT_TYPE)
        .body(Vec::new())
        .map_err(|error| format!("`{url}`: {error}"))?;
    let response = ports.fetch(request, BOUNDS).await;
    let response = response.map_err(|error| format!("`{url}`: {error}"))?;
    if response.status() != StatusCode::OK {
        return Err(format!("`{url}` answers {}", response.status().as_u16()));
    }
    Ok(response.into_body())
}
