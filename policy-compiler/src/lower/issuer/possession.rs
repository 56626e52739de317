//! What whoever sends a token of an issuer must prove.

use tidegate_shared::bundle::{Binding, Possession, TokenSource};

use super::super::{Context, caller::refuse_secret, is_name};
use crate::diagnostic::Diagnostic;
use crate::syntax::Issuer;

pub(super) fn lower(issuer: &Issuer, cx: &mut Context<'_>) -> Possession {
    let binding = issuer.binding.as_ref();
    let elsewhere = issuer
        .from
        .as_ref()
        .filter(|from| from.source != TokenSource::Authorization);
    if let (Some(binding), Some(from)) = (binding, elsewhere)
        && binding.value == Binding::Dpop
    {
        let message = "a token with a proof comes in `Authorization: DPoP`";
        cx.diagnostics.push(
            Diagnostic::error("invalid-value", binding.span, message)
                .related(from.span, "the token is here instead")
                .help("leave `from` out"),
        );
    }
    let Some(dpop) = &issuer.dpop else {
        return Possession {
            binding: binding.map(|binding| binding.value),
            nonce: None,
        };
    };
    if let Some(binding) = binding.filter(|binding| binding.value == Binding::Certificate) {
        let message = "`dpop` for tokens that are bound to certificates";
        cx.diagnostics.push(
            Diagnostic::error("invalid-value", dpop.nonce.span, message)
                .related(binding.span, "no other token is accepted")
                .help("leave `dpop` out, or use `binding: any`"),
        );
    }
    if !is_name(&dpop.nonce) {
        refuse_secret(&dpop.nonce, cx);
    }
    Possession {
        binding: binding.map(|binding| binding.value),
        nonce: Some(dpop.nonce.value.clone()),
    }
}
