//! `[gateway_signature]`: the signature by which a request is known to have come through a gateway.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use http::header::HeaderName;
use serde::Deserialize;
use tidegate_shared::bundle::SignatureDemand;
use tidegate_shared::message_signature::SignatureAlgorithm;

use super::Problems;
use super::limits::{span, within};

/// `[gateway_signature]`. Where it stands, backends ask for a signature unless they say otherwise.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySignatureFile {
    /// The keys of gateways.
    #[serde(default)]
    pub key: Vec<GatewayKeyFile>,
    /// How old a signature may be, whatever it says; `60s` by default.
    pub max_age: Option<String>,
    /// How far the clocks of gateway and connector may differ; `5s` by default.
    pub clock_skew: Option<String>,
    /// Fields that a signature must cover where a request has them, beside `Forwarded`: those by
    /// which the mesh knows the gateway's caller. None by default.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Signatures that are remembered, so that none is taken twice; 262144 by default. Where there
    /// is no room for another one, requests are refused.
    pub nonces: Option<u64>,
}

/// `[[gateway_signature.key]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayKeyFile {
    /// Its `keyid`: in a policy, the name of the key.
    pub id: String,
    /// `ed25519` or `hmac-sha256`.
    pub algorithm: String,
    /// The public half that `tidegate keys new` wrote, or the shared secret.
    pub file: PathBuf,
}

/// Checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GatewaySignature {
    pub(crate) max_age: Duration,
    pub(crate) clock_skew: Duration,
    pub(crate) fields: Vec<HeaderName>,
    pub(crate) nonces: usize,
    /// Whose signatures count.
    pub(crate) keys: Vec<GatewayKey>,
}

/// A key, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GatewayKey {
    pub(crate) id: String,
    /// Invariant: one that gateways sign with.
    pub(crate) algorithm: SignatureAlgorithm,
    pub(crate) file: PathBuf,
}

impl GatewaySignatureFile {
    pub(super) fn check(self, problems: &mut Problems) -> Option<GatewaySignature> {
        let Self {
            key,
            max_age,
            clock_skew,
            fields,
            nonces,
        } = self;
        let field = |name: &str| format!("gateway_signature.{name}");
        let second = Duration::from_secs(1);
        let max_age = span(max_age.as_deref(), "60s", second..=second * 3600);
        let max_age = problems.take(field("max_age"), max_age);
        let clock_skew = span(clock_skew.as_deref(), "5s", Duration::ZERO..=second * 300);
        let clock_skew = problems.take(field("clock_skew"), clock_skew);
        let names = fields.iter().enumerate().map(|(index, name)| {
            let parsed = name.parse::<HeaderName>();
            let parsed = parsed.map_err(|_| format!("`{name}` is no header name"));
            problems.take(format!("gateway_signature.fields[{index}]"), parsed)
        });
        let names: Vec<Option<HeaderName>> = names.collect();
        let nonces = within(nonces.unwrap_or(262_144), 1_000..=10_000_000);
        let nonces = problems.take(field("nonces"), nonces);
        let keys = check_keys(key, problems);
        Some(GatewaySignature {
            max_age: max_age?,
            clock_skew: clock_skew?,
            fields: names.into_iter().collect::<Option<_>>()?,
            nonces: usize::try_from(nonces?).ok()?,
            keys: keys?,
        })
    }
}

fn check_keys(keys: Vec<GatewayKeyFile>, problems: &mut Problems) -> Option<Vec<GatewayKey>> {
    if keys.is_empty() {
        let missing: Result<(), _> = Err("there is no key: add `[[gateway_signature.key]]`");
        problems.take("gateway_signature", missing)?;
    }
    let mut seen = BTreeSet::new();
    let checked = keys.into_iter().enumerate().map(|(index, key)| {
        let GatewayKeyFile {
            id,
            algorithm,
            file,
        } = key;
        let field = |name: &str| format!("gateway_signature.key[{index}].{name}");
        let twice = if seen.insert(id.clone()) {
            Ok(())
        } else {
            Err(format!("there is another key of the id `{id}`"))
        };
        problems.take(field("id"), twice);
        let algorithm = problems.take(field("algorithm"), check_algorithm(&algorithm));
        Some(GatewayKey {
            id,
            algorithm: algorithm?,
            file,
        })
    });
    let checked: Vec<Option<GatewayKey>> = checked.collect();
    checked.into_iter().collect()
}

fn check_algorithm(text: &str) -> Result<SignatureAlgorithm, String> {
    let signing = [SignatureAlgorithm::Ed25519, SignatureAlgorithm::HmacSha256];
    let found = signing
        .into_iter()
        .find(|algorithm| algorithm.name() == text);
    found.ok_or_else(|| format!("no gateway signs with `{text}`: write `ed25519` or `hmac-sha256`"))
}

/// What a backend says, or what follows from there being `[gateway_signature]` at all.
pub(super) fn check_mode(text: Option<&str>, configured: bool) -> Result<SignatureDemand, String> {
    match (text, configured) {
        (None, true) | (Some("required"), true) => Ok(SignatureDemand::Required),
        (None, false) | (Some("off"), _) => Ok(SignatureDemand::Off),
        (Some("optional"), true) => Ok(SignatureDemand::Optional),
        (Some("required" | "optional"), false) => {
            Err("there are no keys of gateways: add `[gateway_signature]`".to_owned())
        }
        (Some(other), _) => Err(format!(
            "`{other}` is unknown: write `required`, `optional` or `off`"
        )),
    }
}
