//! Tokens of one or several issuers.

use tidegate_shared::bundle::{Auth, JwtAuth};

use crate::diagnostic::Diagnostic;
use crate::lower::Context;
use crate::source::Spanned;
use crate::syntax::{self, Policy};

pub(super) fn lower(jwt: &syntax::JwtAuth, policy: &Policy, cx: &mut Context<'_>) -> Option<Auth> {
    let issuers = issuers(jwt, policy, cx);
    let scopes = scopes(&jwt.scopes, cx);
    Some(Auth::Jwt(JwtAuth {
        issuers: issuers?,
        scopes,
    }))
}

/// The scopes that a token must all have.
pub(in crate::lower) fn scopes(scopes: &[Spanned<String>], cx: &mut Context<'_>) -> Vec<String> {
    for scope in scopes.iter().filter(|scope| !is_scope(scope)) {
        cx.error(
            "invalid-value",
            scope.span,
            format!("`{}` is not one scope", scope.value),
        );
    }
    scopes.iter().map(|scope| scope.value.clone()).collect()
}

/// The issuers of a route; `None` where one is not there. A token says by its `iss` whose it is:
/// no two of them may claim the same.
fn issuers(jwt: &syntax::JwtAuth, policy: &Policy, cx: &mut Context<'_>) -> Option<Vec<u32>> {
    let names = &jwt.jwt;
    if names.0.is_empty() {
        cx.diagnostics.push(
            Diagnostic::error(
                "missing-field",
                names.span,
                "no issuer's tokens are accepted",
            )
            .help("name the issuers: `{ jwt: [ISSUER, ISSUER] }`"),
        );
    }
    let definition = |name: &str| {
        let mut issuers = policy.issuers.iter();
        issuers.find(|(own, _)| own.value == name)
    };
    for (name, before) in names.0.iter().zip(0..) {
        let Some((_, own)) = definition(name) else {
            continue;
        };
        let clash = names.0.iter().take(before).find(|earlier| {
            definition(earlier).is_some_and(|(_, other)| *other.issuer == *own.issuer)
        });
        if let Some(earlier) = clash {
            let message = format!(
                "tokens of `{}` could be of `{}` or of `{}`",
                own.issuer.value, earlier.value, name.value
            );
            cx.diagnostics.push(
                Diagnostic::error("ambiguous-issuer", name.span, message)
                    .related(earlier.span, "the same `issuer`")
                    .help("list issuers that differ in `issuer`, which a token's `iss` names"),
            );
        }
    }
    let indices = names
        .0
        .iter()
        .map(|name| cx.resolve("issuer", name, &policy.issuers));
    // Every name that is not there is reported.
    let indices: Vec<Option<u32>> = indices.collect();
    indices.into_iter().collect()
}

/// `scope-token` of RFC 6749 §3.3.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty()
        && scope
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}
