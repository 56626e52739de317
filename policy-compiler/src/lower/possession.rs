//! What whoever sends a token must prove.

use tidegate_shared::bundle::{Binding, Possession, TokenSource};

use super::{Context, caller::refuse_secret, is_name};
use crate::decode::Parsed;
use crate::diagnostic::Diagnostic;
use crate::syntax::{Dpop, From, Introspection, Issuer};

/// What a definition says of it.
pub(super) struct Stated<'s> {
    binding: Option<&'s Parsed<Binding>>,
    dpop: Option<&'s Dpop>,
    from: Option<&'s From>,
}

impl<'s> Stated<'s> {
    pub(super) fn of_issuer(issuer: &'s Issuer) -> Self {
        Self {
            binding: issuer.binding.as_ref(),
            dpop: issuer.dpop.as_ref(),
            from: issuer.from.as_ref(),
        }
    }

    pub(super) fn of_introspection(asked: &'s Introspection) -> Self {
        Self {
            binding: asked.binding.as_ref(),
            dpop: asked.dpop.as_ref(),
            from: asked.from.as_ref(),
        }
    }
}

pub(super) fn lower(stated: &Stated<'_>, cx: &mut Context<'_>) -> Possession {
    let Stated {
        binding,
        dpop,
        from,
    } = *stated;
    let elsewhere = from.filter(|from| from.source != TokenSource::Authorization);
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
    let Some(dpop) = dpop else {
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
