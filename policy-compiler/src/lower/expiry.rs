//! When what a policy pins expires, as its certificates say.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tidegate_shared::time::UnixMillis;

use super::Context;
use super::ir::Expiry;
use crate::source::Spanned;

/// Notes when a certificate of a file expires (RFC 5280 §4.1.2.5).
pub(super) fn of_certificate(der: &[u8], file: &Spanned<String>, cx: &mut Context<'_>) {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(der) else {
        return;
    };
    let subject = certificate.subject();
    let seconds = certificate.validity().not_after.timestamp();
    cx.expiries.push(Expiry {
        what: format!("the certificate `{subject}` of `{}`", file.value),
        span: file.span,
        at: UnixMillis(u64::try_from(seconds).unwrap_or(0).saturating_mul(1000)),
    });
}

/// Notes when the certificate of a key expires, where the key has one: the first of `x5c`
/// (RFC 7517 §4.7).
pub(super) fn of_key(key: &Value, file: &Spanned<String>, cx: &mut Context<'_>) {
    let certificate = key.get("x5c").and_then(|chain| chain.get(0)?.as_str());
    if let Some(der) = certificate.and_then(|text| STANDARD.decode(text).ok()) {
        of_certificate(&der, file, cx);
    }
}
