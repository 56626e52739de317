//! Who may call a route.

mod combination;
mod token;

use tidegate_shared::bundle::{Auth, Tables};

use super::Context;
use crate::syntax::{self, Policy};

/// What a route asks for. The tables have every definition, in the policy's order.
pub(super) fn lower(
    auth: &syntax::Auth,
    policy: &Policy,
    tables: &Tables,
    cx: &mut Context<'_>,
) -> Option<Auth> {
    match auth {
        syntax::Auth::Public(_) => Some(Auth::Public),
        syntax::Auth::Any(stated) => combination::any(&stated.any, policy, tables, cx),
        syntax::Auth::All(stated) => combination::all(&stated.all, policy, tables, cx),
        syntax::Auth::Jwt(_) | syntax::Auth::ApiKey(_) => single(auth, policy, cx),
        syntax::Auth::Anonymous(span) => {
            combination::refuse(
                *span,
                "`anonymous` stands inside `any`",
                "write `public` to let everyone in",
                cx,
            );
            None
        }
    }
}

/// One credential; `None` where it cannot be read, which is reported, or is none.
fn single(auth: &syntax::Auth, policy: &Policy, cx: &mut Context<'_>) -> Option<Auth> {
    match auth {
        syntax::Auth::Jwt(jwt) => token::lower(jwt, policy, cx),
        syntax::Auth::ApiKey(key) => cx
            .resolve("ring of API keys", &key.api_key, &policy.api_keys)
            .map(Auth::ApiKey),
        syntax::Auth::Public(_)
        | syntax::Auth::Anonymous(_)
        | syntax::Auth::Any(_)
        | syntax::Auth::All(_) => None,
    }
}
