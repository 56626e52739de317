//! Tokens, as issuers mint them.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use jwt_simple::prelude::{
    Claims, Duration, HS256Key, JWTClaims, MACLike, NoCustomClaims, UnixTimeStamp,
};

use crate::request::SECRET;

pub(crate) const ISSUER: &str = "https://id.bank.example";
pub(crate) const AUDIENCE: &str = "mobile";

/// A token with a shared secret, valid for an hour from `now`, in seconds since the Unix epoch.
pub(crate) fn hs256(now: u64) -> Result<String> {
    HS256Key::from_bytes(SECRET).authenticate(claims(now))
}

/// Seconds since the Unix epoch.
pub(crate) fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

pub(crate) fn claims(now: u64) -> JWTClaims<NoCustomClaims> {
    let mut claims = Claims::create(Duration::from_hours(1))
        .with_issuer(ISSUER)
        .with_audience(AUDIENCE)
        .with_subject("9f2c61b0-7d1e-4c5a-9b1f-2f6f0f7a1c55");
    claims.issued_at = Some(UnixTimeStamp::from_secs(now));
    claims.invalid_before = Some(UnixTimeStamp::from_secs(now));
    claims.expires_at = Some(UnixTimeStamp::from_secs(now + 3_600));
    claims
}
