//! What origins are told of the caller.

use tidegate_shared::bundle;

use super::{Context, headers, is_name};
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::{CallerFacts, CallerToken, Credential};

const DEFAULT_LIFETIME: u64 = 60_000;
/// A token for one request need not outlive it by much.
const MAX_LIFETIME: u64 = 15 * 60_000;

pub(super) fn lower(facts: &CallerFacts, cx: &mut Context<'_>) -> bundle::CallerFacts {
    let mut fields = Vec::new();
    for (name, fact) in facts.headers.iter() {
        let name = headers::field(name, cx);
        fields.extend(name.map(|name| (name, fact.value.0.clone())));
    }
    // Their order in the file means nothing.
    fields.sort();
    let credential = facts.credential.as_ref().map(|choice| choice.value);
    bundle::CallerFacts {
        headers: fields,
        token: facts.token.as_ref().and_then(|stated| token(stated, cx)),
        remove_credential: credential == Some(Credential::Remove),
    }
}

fn token(token: &CallerToken, cx: &mut Context<'_>) -> Option<bundle::CallerToken> {
    if !is_name(&token.secret) {
        refuse_secret(&token.secret, cx);
    }
    Some(bundle::CallerToken {
        header: headers::field(&token.header, cx)?,
        secret: token.secret.value.clone(),
        audience: token.audience.value.clone(),
        lifetime: cx.time(token.lifetime.as_ref(), DEFAULT_LIFETIME, MAX_LIFETIME),
    })
}

/// What cannot be a name may be the secret itself.
pub(super) fn refuse_secret(secret: &Spanned<String>, cx: &mut Context<'_>) {
    let message = format!("`{}` is not the name of a secret", secret.value);
    cx.diagnostics.push(
        Diagnostic::error("secret-in-policy", secret.span, message)
            .help("write the name under which the platform holds it, never the secret itself"),
    );
}
