//! How requests to an upstream are signed.

use http::HeaderName;
use tidegate_shared::bundle;
use tidegate_shared::gateway_signature::is_changed_on_the_way;
use tidegate_shared::message_signature::SignatureAlgorithm;

use super::caller::refuse_secret;
use super::{Context, is_name};
use crate::decode::Parsed;
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::RequestSigning;

const DEFAULT_LIFETIME: u64 = 15_000;
/// The connector must remember each signature as long as it is good.
const MAX_LIFETIME: u64 = 5 * 60_000;
/// Further fields that a signature may cover.
const MAX_FIELDS: usize = 32;

pub(super) fn lower(signing: &RequestSigning, cx: &mut Context<'_>) -> bundle::RequestSigning {
    if !is_name(&signing.key) {
        refuse_secret(&signing.key, cx);
    }
    check_algorithm(&signing.algorithm, cx);
    if let Some(first) = signing.fields.get(MAX_FIELDS) {
        let message = format!("more fields than {MAX_FIELDS}");
        cx.error("invalid-value", first.span, message);
    }
    let names = signing.fields.iter();
    let mut fields: Vec<String> = names.filter_map(|name| field(name, cx)).collect();
    // Their order in the file means nothing.
    fields.sort();
    fields.dedup();
    bundle::RequestSigning {
        key: signing.key.value.clone(),
        algorithm: signing.algorithm.value,
        lifetime: cx.time(signing.lifetime.as_ref(), DEFAULT_LIFETIME, MAX_LIFETIME),
        fields,
    }
}

fn check_algorithm(algorithm: &Parsed<SignatureAlgorithm>, cx: &mut Context<'_>) {
    match algorithm.value {
        SignatureAlgorithm::Ed25519 | SignatureAlgorithm::HmacSha256 => {}
        SignatureAlgorithm::EcdsaP256Sha256
        | SignatureAlgorithm::EcdsaP384Sha384
        | SignatureAlgorithm::RsaPssSha512
        | SignatureAlgorithm::RsaV1_5Sha256 => {
            let name = algorithm.value.name();
            let message = format!("the gateway does not sign with `{name}`");
            let diagnostic = Diagnostic::error("invalid-value", algorithm.span, message);
            cx.diagnostics.push(diagnostic.help(
                "use `ed25519`, so that connectors hold a public key alone, or `hmac-sha256`",
            ));
        }
    }
}

/// A field that arrives as it was signed, in lower case.
fn field(name: &Spanned<String>, cx: &mut Context<'_>) -> Option<String> {
    let Ok(parsed) = name.parse::<HeaderName>() else {
        let message = format!("`{}` is no header name", name.value);
        cx.error("invalid-value", name.span, message);
        return None;
    };
    if is_changed_on_the_way(parsed.as_str()) {
        let message = format!("`{parsed}` cannot be signed: it is written anew on the way");
        cx.error("invalid-value", name.span, message);
        return None;
    }
    Some(parsed.as_str().to_owned())
}
