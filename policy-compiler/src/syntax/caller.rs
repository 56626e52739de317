//! What origins are told of the caller.

use std::str::FromStr;

use tidegate_shared::bundle::CallerFact;
use tidegate_shared::units::Span as TimeSpan;

use crate::decode::{Named, Parsed, record};
use crate::source::Spanned;

record! {
    /// What origins are told of the caller.
    struct CallerFacts {
        /// Request fields, and what each says: `auth.subject`, `auth.issuer`, `auth.scopes`,
        /// `auth.plan`, `auth.claims["NAME"]` or `auth.certificate["NAME"]`.
        headers: Named<Parsed<Fact>>,
        /// A token of the gateway's own.
        token: Option<CallerToken>,
        /// Whether origins get the client's own credential: `keep` or `remove`; `keep` if absent.
        credential: Option<Parsed<Credential>>,
    }
}

record! {
    /// A JWT that the gateway signs with HS256 for each request.
    struct CallerToken {
        /// The request field.
        header: Spanned<String>,
        /// The name under which the platform's secret store has the key.
        secret: Spanned<String>,
        /// Its `aud`.
        audience: Spanned<String>,
        /// How long it is good; 60s if absent, at most 15m.
        lifetime: Option<Parsed<TimeSpan>>,
    }
}

/// Something about the caller.
#[derive(Clone, Debug)]
pub(crate) struct Fact(pub(crate) CallerFact);

impl FromStr for Fact {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auth.subject" => Ok(Self(CallerFact::Subject)),
            "auth.issuer" => Ok(Self(CallerFact::Issuer)),
            "auth.scopes" => Ok(Self(CallerFact::Scopes)),
            "auth.plan" => Ok(Self(CallerFact::Plan)),
            _ => {
                let claim = member(text, "auth.claims").map(CallerFact::Claim);
                let says = || member(text, "auth.certificate").map(CallerFact::Certificate);
                claim.or_else(says).map(Self).ok_or_else(|| {
                    format!(
                        "`{text}` says nothing of a caller: use `auth.subject`, `auth.issuer`, \
                         `auth.scopes`, `auth.plan`, `auth.claims[\"NAME\"]` or \
                         `auth.certificate[\"NAME\"]`"
                    )
                })
            }
        }
    }
}

/// The name in `auth.claims["NAME"]`, or in `auth.claims.NAME`.
fn member(text: &str, of: &str) -> Option<String> {
    let place = text.strip_prefix(of)?;
    let quoted = |quote: char| {
        let name = place.strip_prefix('[')?.strip_suffix(']')?.trim();
        name.strip_prefix(quote)?.strip_suffix(quote)
    };
    let plain = || {
        let name = place.strip_prefix('.')?;
        let simple = name
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || octet == b'_');
        simple.then_some(name)
    };
    let name = quoted('"').or_else(|| quoted('\'')).or_else(plain)?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// What becomes of the client's own credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// Origins get it.
    Keep,
    /// It ends at the gateway.
    Remove,
}

impl FromStr for Credential {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "keep" => Ok(Self::Keep),
            "remove" => Ok(Self::Remove),
            _ => Err(format!("`{text}` is neither `keep` nor `remove`")),
        }
    }
}
