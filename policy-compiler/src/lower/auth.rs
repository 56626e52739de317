//! Who may call a route.

mod combination;
mod token;

use tidegate_shared::bundle::{ApiKeyAuth, Auth, IntrospectAuth, Tables};

pub(super) use token::scopes;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::syntax::{self, Policy};

/// What a route asks for. The tables have every definition, in the policy's order.
pub(super) fn lower(
    auth: &syntax::Auth,
    policy: &Policy,
    tables: &Tables,
    cx: &mut Context<'_>,
) -> Option<Auth> {
    let lowered = match auth {
        syntax::Auth::Public(_) => Some(Auth::Public),
        syntax::Auth::Any(stated) => combination::any(&stated.any, policy, tables, cx),
        syntax::Auth::All(stated) => combination::all(&stated.all, policy, tables, cx),
        syntax::Auth::Jwt(_)
        | syntax::Auth::ApiKey(_)
        | syntax::Auth::Introspect(_)
        | syntax::Auth::Signature(_)
        | syntax::Auth::Certificate(_) => single(auth, policy, cx),
        syntax::Auth::Anonymous(span, _) => {
            combination::refuse(
                *span,
                "`anonymous` stands inside `any`",
                "write `public` to let everyone in",
                cx,
            );
            None
        }
    };
    let Some(span) = auth.shadow() else {
        return lowered;
    };
    warn(span, cx);
    lowered.map(|auth| Auth::Shadow(Box::new(auth)))
}

/// Warns once of what several routes inherit.
fn warn(span: Span, cx: &mut Context<'_>) {
    const CODE: &str = "auth-in-shadow";
    let is_this = |known: &Diagnostic| known.code == CODE && known.span == span;
    if cx.diagnostics.iter().any(is_this) {
        return;
    }
    let diagnostic = Diagnostic::warning(CODE, span, "in shadow, this lets everyone in");
    cx.diagnostics
        .push(diagnostic.help("leave `mode` out once the records show whom it would refuse"));
}

/// One credential; `None` where it cannot be read, which is reported, or is none.
fn single(auth: &syntax::Auth, policy: &Policy, cx: &mut Context<'_>) -> Option<Auth> {
    match auth {
        syntax::Auth::Jwt(jwt) => token::lower(jwt, policy, cx),
        syntax::Auth::ApiKey(key) => {
            let ring = cx.resolve("ring of API keys", &key.api_key, &policy.api_keys);
            let scopes = scopes(&key.scopes, cx);
            let ring = ring?;
            ungranted(key, ring, policy, cx);
            Some(Auth::ApiKey(ApiKeyAuth { ring, scopes }))
        }
        syntax::Auth::Introspect(asked) => {
            let server = cx.resolve("introspection", &asked.introspect, &policy.introspections);
            let scopes = scopes(&asked.scopes, cx);
            Some(Auth::Introspect(IntrospectAuth {
                introspection: server?,
                scopes,
            }))
        }
        syntax::Auth::Signature(stated) => cx
            .resolve("signatures", &stated.signature, &policy.signatures)
            .map(Auth::Signature),
        syntax::Auth::Certificate(stated) => cx
            .resolve("certificates", &stated.certificate, &policy.certificates)
            .map(Auth::Certificate),
        syntax::Auth::Public(_)
        | syntax::Auth::Anonymous(..)
        | syntax::Auth::Any(_)
        | syntax::Auth::All(_) => None,
    }
}

/// Reports scopes that no key of a ring has: all of its consumers are in the policy.
fn ungranted(key: &syntax::ApiKeyAuth, ring: u32, policy: &Policy, cx: &mut Context<'_>) {
    let definition = usize::try_from(ring)
        .ok()
        .and_then(|index| policy.api_keys.entries.get(index));
    let Some((_, ring)) = definition.filter(|(_, ring)| ring.store.is_none()) else {
        return;
    };
    let granted = |scope: &str| {
        let mut scopes = ring.consumers.iter().flat_map(|(_, own)| &own.scopes);
        scopes.any(|own| own.value == scope)
    };
    for scope in key.scopes.iter().filter(|scope| !granted(scope)) {
        let message = format!(
            "no consumer of `{}` has the scope `{}`",
            key.api_key.value, scope.value
        );
        cx.diagnostics.push(
            Diagnostic::error("unknown-reference", scope.span, message)
                .help("give it to one with `scopes`"),
        );
    }
}
