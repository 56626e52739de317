//! The parameters of a signature (RFC 9421 §2.3).

use std::fmt;

use sfv::BareItem;

use super::component::Quoted;
use super::{Component, InvalidSignature};

/// The parameters of a signature. Times are seconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// When it was made.
    pub created: Option<u64>,
    /// When it ends.
    pub expires: Option<u64>,
    /// Which key made it.
    pub keyid: Option<String>,
    /// With which algorithm. The key decides that; another one here refuses the signature (§3.2).
    pub alg: Option<String>,
    /// A value used once.
    pub nonce: Option<String>,
    /// For which application it was made.
    pub tag: Option<String>,
}

impl Parameters {
    /// Those that are not of the standard are signed as all are, and mean nothing here.
    pub(super) fn of(parameters: &sfv::Parameters) -> Result<Self, InvalidSignature> {
        let mut read = Self::default();
        for (key, value) in parameters {
            match key.as_str() {
                "created" => read.created = Some(time("created", value)?),
                "expires" => read.expires = Some(time("expires", value)?),
                "keyid" => read.keyid = Some(text("keyid", value)?),
                "alg" => read.alg = Some(text("alg", value)?),
                "nonce" => read.nonce = Some(text("nonce", value)?),
                "tag" => read.tag = Some(text("tag", value)?),
                _ => {}
            }
        }
        Ok(read)
    }
}

fn time(name: &'static str, value: &BareItem) -> Result<u64, InvalidSignature> {
    let seconds = value.as_integer().map(i64::from);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    seconds.ok_or(InvalidSignature::Parameter(name))
}

fn text(name: &'static str, value: &BareItem) -> Result<String, InvalidSignature> {
    let text = value.as_string();
    let text = text.ok_or(InvalidSignature::Parameter(name))?;
    Ok(text.as_str().to_owned())
}

/// What a signature covers, and its parameters, as `Signature-Input` has them. Invariant: texts
/// are printable ASCII.
pub(super) struct Input<'s>(pub(super) &'s [Component], pub(super) &'s Parameters);

impl fmt::Display for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(components, parameters) = self;
        let Parameters {
            created,
            expires,
            keyid,
            alg,
            nonce,
            tag,
        } = parameters;
        f.write_str("(")?;
        for (index, component) in components.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{component}")?;
        }
        f.write_str(")")?;
        for (name, time) in [("created", created), ("expires", expires)] {
            if let Some(time) = time {
                write!(f, ";{name}={time}")?;
            }
        }
        for (name, text) in [
            ("keyid", keyid),
            ("alg", alg),
            ("nonce", nonce),
            ("tag", tag),
        ] {
            if let Some(text) = text {
                write!(f, ";{name}={}", Quoted(text))?;
            }
        }
        Ok(())
    }
}
