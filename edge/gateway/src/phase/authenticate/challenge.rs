//! What `WWW-Authenticate` says to a caller who needs a token, or a better one.

use std::fmt::Write;

use tidegate_shared::bundle::{Binding, Issuer, Possession};

use crate::dpop;

/// How a request carries a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// As whoever holds it may (RFC 6750): `Bearer`, or in a place without schemes.
    Bearer,
    /// With a proof of its key (RFC 9449 §7.1).
    Dpop,
}

impl Scheme {
    /// The name in `Authorization`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }

    /// The schemes that some token of these issuers may come with.
    pub(super) fn of_issuers(issuers: &[&Issuer]) -> impl Iterator<Item = Self> {
        Self::of(issuers.iter().map(|issuer| &issuer.possession))
    }

    /// The schemes that a token may come with of which one of these is asked.
    pub(super) fn of<'p>(
        asked: impl Iterator<Item = &'p Possession> + Clone,
    ) -> impl Iterator<Item = Self> {
        let mut bindings = asked.clone().map(|asked| asked.binding);
        let bearer = bindings.any(|binding| binding != Some(Binding::Dpop));
        let mut bindings = asked.map(|asked| asked.binding);
        let dpop = bindings.any(|binding| matches!(binding, Some(Binding::Dpop | Binding::Any)));
        let bearer = bearer.then_some(Self::Bearer);
        bearer.into_iter().chain(dpop.then_some(Self::Dpop))
    }

    /// The challenge (RFC 6750 §3, RFC 9449 §7.1), with a code where a token was sent.
    pub(crate) fn challenge(self, realm: &str, error: Option<&str>) -> String {
        let mut challenge = format!("{} realm=\"{realm}\"", self.name());
        // Writing to a text cannot fail.
        if let Some(error) = error {
            let _ = write!(challenge, ", error=\"{error}\"");
        }
        if self == Self::Dpop {
            let names = dpop::ALGORITHMS.map(|algorithm| algorithm.name());
            let _ = write!(challenge, ", algs=\"{}\"", names.join(" "));
        }
        challenge
    }
}
