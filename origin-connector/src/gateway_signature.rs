//! Whether a request came through a gateway: the signature over it (RFC 9421), whoever ends the TLS
//! in between.

mod keys;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;

use http::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use tidegate_shared::gateway_signature::{FORWARDED, TAG};
use tidegate_shared::message_signature::{
    Component, FieldForm, InvalidSignature, Message, MissingComponent, Outdated, Parameters,
    Signature, SignatureFields, SignedFields, TooLittle, Validity, fixes_request,
};
use tidegate_shared::replay::{NotTaken, ReplayGuard, Room};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Span;

use crate::config::GatewaySignature;
use crate::headers::hop_by_hop::elements;
use crate::stamp::Stamp;
pub(crate) use keys::GatewayKeys;
pub use keys::InvalidGatewayKey;

const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");

/// Why a request does not count as one of a gateway. No text repeats a value of the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotVouched {
    #[error("no gateway has signed the request")]
    Missing,
    #[error("malformed signature: {0}")]
    Malformed(#[from] InvalidSignature),
    #[error("the signature's fields are not in ASCII")]
    NotAscii,
    #[error("several signatures of gateways")]
    Several,
    #[error("no key of the signature's `keyid`")]
    UnknownKey,
    #[error("the signature's `alg` is not that of its key")]
    Algorithm,
    #[error("the signature covers too little: {0}")]
    TooLittle(#[from] TooLittle),
    #[error("the signature does not cover the field `{0}`")]
    Uncovered(String),
    #[error("`Connection` has the signed field `{0}` taken out")]
    HopByHop(String),
    #[error("the signature has no `nonce`")]
    NoNonce,
    #[error("the signature: {0}")]
    Outdated(#[from] Outdated),
    #[error("the signature is over something else: {0}")]
    MissingComponent(#[from] MissingComponent),
    #[error("the signature does not hold")]
    Forged,
    #[error("the signature's `nonce`: {0}")]
    NotTaken(#[from] NotTaken),
}

impl NotVouched {
    /// A stable name, for metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed(_) | Self::NotAscii => "malformed",
            Self::Several => "several",
            Self::UnknownKey => "unknown-key",
            Self::Algorithm | Self::Forged | Self::MissingComponent(_) => "forged",
            Self::TooLittle(_) | Self::Uncovered(_) | Self::NoNonce => "covers-too-little",
            Self::HopByHop(_) => "hop-by-hop",
            Self::Outdated(Outdated::NotYet) => "from-the-future",
            Self::Outdated(Outdated::Undated | Outdated::Expired) => "expired",
            Self::NotTaken(NotTaken::Replayed) => "replayed",
            Self::NotTaken(NotTaken::Full) => "full",
        }
    }
}

/// A signature that holds, and what is left for the mesh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vouched {
    /// Which key made it.
    pub(crate) key: String,
    /// The signatures of others over the request.
    others: Option<SignedFields>,
}

impl Vouched {
    /// Takes the gateway's signature out: it ends here.
    pub(crate) fn strip(&self, headers: &mut HeaderMap) {
        headers.remove(SIGNATURE_INPUT);
        headers.remove(SIGNATURE);
        let Some(SignedFields { input, signature }) = &self.others else {
            return;
        };
        for (name, value) in [(SIGNATURE_INPUT, input), (SIGNATURE, signature)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
    }
}

/// The head of a request as it was received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceivedHead<'r> {
    pub(crate) method: &'r Method,
    pub(crate) uri: &'r Uri,
    pub(crate) headers: &'r HeaderMap,
}

/// Verifies, and remembers what it has verified.
#[derive(Debug)]
pub(crate) struct Verifier {
    rules: GatewaySignature,
    keys: ArcSwap<GatewayKeys>,
    /// The files of keys as they were before they were first loaded: what changes after that is
    /// noticed.
    first: Stamp,
    seen: Arc<ReplayGuard>,
}

/// One key makes the signatures of a whole edge: it may fill all of the room.
pub(crate) fn room(rules: &GatewaySignature) -> Room {
    Room {
        proofs: rules.nonces,
        of_key: u32::MAX,
    }
}

impl Verifier {
    /// Reads the keys. `seen` is what was verified before.
    pub(crate) fn new(
        rules: GatewaySignature,
        seen: Arc<ReplayGuard>,
    ) -> Result<Self, InvalidGatewayKey> {
        Ok(Self {
            first: rules.stamp(),
            keys: ArcSwap::from_pointee(GatewayKeys::load(&rules.keys)?),
            rules,
            seen,
        })
    }

    /// What it has room for is in force from now on.
    pub(crate) fn settle(&self) {
        self.seen.resize(room(&self.rules));
    }

    /// Holds a request to the signature that it carries. What it costs nothing to refuse is refused
    /// before anything is verified.
    pub(crate) fn verify(
        &self,
        head: &ReceivedHead<'_>,
        now: UnixMillis,
    ) -> Result<Vouched, NotVouched> {
        let keys = self.keys.load();
        let (label, signature, fields) = only(head.headers)?;
        let Parameters {
            created: _,
            expires,
            keyid,
            alg,
            nonce,
            tag: _,
        } = &signature.parameters;
        let keyid = keyid.as_deref().ok_or(NotVouched::UnknownKey)?;
        let key = keys.get(keyid).ok_or(NotVouched::UnknownKey)?;
        if alg
            .as_deref()
            .is_some_and(|alg| alg != key.algorithm().name())
        {
            return Err(NotVouched::Algorithm);
        }
        self.check_coverage(&signature, head.headers)?;
        let nonce = nonce.as_deref().ok_or(NotVouched::NoNonce)?;
        let validity = self.validity();
        validity.check(&signature.parameters, now)?;
        let base = signature.base(head)?;
        if !key.verify(&base, &signature.octets) {
            return Err(NotVouched::Forged);
        }
        let expired = expires.map(|expires| {
            let leeway = validity.leeway.0.div_ceil(1000);
            expires.saturating_add(leeway).saturating_add(1)
        });
        let ends = validity.ends(&signature.parameters);
        let ends = expired.map_or(ends, |expired| expired.min(ends));
        self.seen.take(&keyid, nonce, now.seconds(), ends)?;
        Ok(Vouched {
            key: keyid.to_owned(),
            others: fields.without(&label),
        })
    }

    fn validity(&self) -> Validity {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Validity {
            max_age: Span(millis(self.rules.max_age)),
            leeway: Span(millis(self.rules.clock_skew)),
        }
    }

    /// All that the connector and the mesh go by must be covered, and must stay.
    fn check_coverage(&self, signature: &Signature, headers: &HeaderMap) -> Result<(), NotVouched> {
        fixes_request(signature.components())?;
        let covers = |name: &str| {
            let wanted = |covered: &Component| matches!(covered, Component::Field(own, FieldForm::Plain) if own == name);
            signature.components().any(wanted)
        };
        let asked = self.rules.fields.iter().map(HeaderName::as_str);
        let mut asked = asked.chain([FORWARDED]);
        if let Some(name) = asked.find(|name| headers.contains_key(*name) && !covers(name)) {
            return Err(NotVouched::Uncovered(name.to_owned()));
        }
        let named = elements(headers, &CONNECTION).map(str::to_ascii_lowercase);
        let mut signed = named.filter(|name| {
            let own =
                |covered: &Component| matches!(covered, Component::Field(own, _) if own == name);
            signature.components().any(own)
        });
        match signed.next() {
            Some(name) => Err(NotVouched::HopByHop(name)),
            None => Ok(()),
        }
    }
}

/// The one signature of a gateway. Those of others are none of the connector's affair, as long as
/// the fields can be read.
fn only(headers: &HeaderMap) -> Result<(String, Signature, SignatureFields), NotVouched> {
    let (input, signature) = (
        joined(headers, &SIGNATURE_INPUT)?,
        joined(headers, &SIGNATURE)?,
    );
    if input.is_none() && signature.is_none() {
        return Err(NotVouched::Missing);
    }
    let (input, signature) = (input.unwrap_or_default(), signature.unwrap_or_default());
    let fields = SignatureFields::parse(&input, &signature)?;
    let mut found = None;
    for label in fields.labels() {
        let signature = match fields.signature(label) {
            Some(Ok(signature)) => signature,
            Some(Err(error)) if label == TAG => return Err(error.into()),
            Some(Err(_)) | None => continue,
        };
        if signature.parameters.tag.as_deref() != Some(TAG) {
            continue;
        }
        if found.replace((label.to_owned(), signature)).is_some() {
            return Err(NotVouched::Several);
        }
    }
    let (label, signature) = found.ok_or(NotVouched::Missing)?;
    Ok((label, signature, fields))
}

/// A field's value, several joined (RFC 9421 §2.1).
fn joined<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<Cow<'h, str>>, NotVouched> {
    let mut values = headers.get_all(name).iter().map(|value| {
        let text = value.to_str().map_err(|_| NotVouched::NotAscii);
        text.map(str::trim)
    });
    let Some(first) = values.next().transpose()? else {
        return Ok(None);
    };
    let mut all = Cow::Borrowed(first);
    for value in values {
        let all = all.to_mut();
        all.push_str(", ");
        all.push_str(value?);
    }
    Ok(Some(all))
}

impl Message for ReceivedHead<'_> {
    fn method(&self) -> Option<&str> {
        Some(self.method.as_str())
    }

    /// Nobody reaches the connector otherwise.
    fn scheme(&self) -> Option<&str> {
        Some("https")
    }

    /// RFC 9112 §3.2.2 and RFC 9113 §8.3.1: the target's authority comes before `Host`.
    fn authority(&self) -> Option<Cow<'_, str>> {
        if let Some(authority) = self.uri.authority() {
            return Some(authority.as_str().into());
        }
        Some(self.headers.get(HOST)?.to_str().ok()?.into())
    }

    fn path_and_query(&self) -> Option<&str> {
        Some(
            self.uri
                .path_and_query()
                .map_or("/", |target| target.as_str()),
        )
    }

    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        joined(self.headers, &name).ok()?
    }
}

/// The time; at the epoch where the clock is before it.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixMillis(u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
