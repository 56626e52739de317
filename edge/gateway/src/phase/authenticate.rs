//! *Authenticate*: who calls?

use http::header::{AUTHORIZATION, HeaderName, WWW_AUTHENTICATE};
use tidegate_shared::bundle::{ApiKeyRing, Auth, Issuer, Tables};
use tidegate_shared::digest::Digest;
use tidegate_shared::problem::Problem;

use crate::head::RequestHead;
use crate::identity::Identity;
use crate::jws::InvalidJws;
use crate::jwt::{self, InvalidToken};
use crate::ports::Ports;
use crate::refusal::Refusal;

/// The caller; `None` on a public route.
pub(crate) async fn authenticate<H: RequestHead>(
    auth: &Auth,
    tables: &Tables,
    realm: &str,
    ports: &impl Ports,
    head: &H,
) -> Result<Option<Identity>, Refusal> {
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
            let issuer = tables
                .issuers
                .get(at(jwt.issuer))
                .ok_or_else(missing_entry)?;
            by_token(issuer, realm, ports, head).await.map(Some)
        }
        Auth::ApiKey(ring) => {
            let ring = tables.api_keys.get(at(*ring)).ok_or_else(missing_entry)?;
            by_api_key(ring, realm, head).map(Some)
        }
    }
}

/// RFC 6750 §2.1 and §3.
async fn by_token<H: RequestHead>(
    issuer: &Issuer,
    realm: &str,
    ports: &impl Ports,
    head: &H,
) -> Result<Identity, Refusal> {
    let field = head.header(&AUTHORIZATION);
    let token = field.as_deref().and_then(bearer).ok_or_else(|| {
        Refusal::new(Problem::CredentialMissing, "no bearer token")
            .with(WWW_AUTHENTICATE, format!("Bearer realm=\"{realm}\""))
    })?;
    jwt::verify(token, issuer, ports).await.map_err(|error| {
        let problem = match &error {
            InvalidToken::Expired => Problem::CredentialExpired,
            InvalidToken::Jws(
                InvalidJws::Port(_) | InvalidJws::NoSecret(_) | InvalidJws::WeakSecret(_),
            ) => Problem::Internal,
            InvalidToken::Jws(
                InvalidJws::Shape(_) | InvalidJws::Key(_) | InvalidJws::Signature,
            )
            | InvalidToken::Type(_)
            | InvalidToken::Claim(_) => Problem::CredentialInvalid,
        };
        let refusal = Refusal::new(problem, error.to_string());
        if problem == Problem::Internal {
            return refusal;
        }
        refusal.with(
            WWW_AUTHENTICATE,
            format!("Bearer realm=\"{realm}\", error=\"invalid_token\""),
        )
    })
}

/// The token of `Bearer`, whose name ignores case (RFC 9110 §11.1).
fn bearer(field: &str) -> Option<&str> {
    let (scheme, token) = field.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
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
    })
}
