//! What lies at a key set's address.

use http::{Request, StatusCode, header};
use serde_json::{Map, Value};
use tidegate_shared::bundle::{KeyLocation, PublicKey};
use tidegate_shared::units::Span;

use crate::ports::{FetchBounds, Ports};
use crate::{json, jwk};

const BOUNDS: FetchBounds = FetchBounds {
    octets: 256 * 1024,
    time: Span(5_000),
};
/// More keys than this are no key set that anyone needs.
const MAX_KEYS: usize = 64;

/// The usable keys at a location. Those of another use or kind are left out, and so are those that
/// nobody should trust: one bad key does not take the good ones away.
///
/// # Errors
/// Why there are none.
pub(super) async fn fetch(
    issuer: &str,
    location: &KeyLocation,
    ports: &impl Ports,
) -> Result<Vec<PublicKey>, String> {
    let url = match location {
        KeyLocation::Set(url) => url.clone(),
        KeyLocation::Configuration(url) => {
            let configuration = read(url, ports).await?;
            // OpenID Connect Discovery 1.0 §4.3: else anyone could speak for the issuer.
            if configuration.get("issuer").and_then(Value::as_str) != Some(issuer) {
                return Err(format!("`{url}` is the configuration of another issuer"));
            }
            let set = configuration.get("jwks_uri").and_then(Value::as_str);
            let set = set.ok_or_else(|| format!("`{url}` names no `jwks_uri`"))?;
            if url.starts_with("https://") && !set.starts_with("https://") {
                return Err(format!("`{url}` names a `jwks_uri` without TLS"));
            }
            set.to_owned()
        }
    };
    let mut set = read(&url, ports).await?;
    let Some(Value::Array(keys)) = set.remove("keys") else {
        return Err(format!("`{url}` is no JWK set"));
    };
    if keys.len() > MAX_KEYS {
        return Err(format!("`{url}` has more than {MAX_KEYS} keys"));
    }
    let keys: Vec<_> = keys
        .into_iter()
        .filter_map(|key| jwk::parse(key).ok().flatten())
        .collect();
    if keys.is_empty() {
        return Err(format!("`{url}` has no key that can be used"));
    }
    Ok(keys)
}

async fn read(url: &str, ports: &impl Ports) -> Result<Map<String, Value>, String> {
    let request = Request::get(url)
        .header(header::ACCEPT, "application/jwk-set+json, application/json")
        .body(Vec::new())
        .map_err(|error| format!("`{url}`: {error}"))?;
    let response = ports
        .fetch(request, BOUNDS)
        .await
        .map_err(|error| format!("`{url}`: {error}"))?;
    if response.status() != StatusCode::OK {
        return Err(format!("`{url}` answers {}", response.status().as_u16()));
    }
    json::object(response.body()).ok_or_else(|| format!("`{url}` is no JSON object"))
}
