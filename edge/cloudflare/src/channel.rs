//! Following a channel of the KV namespace. JavaScript fetches, and this says what; it decides
//! whether what was fetched is to be trusted.

use tidegate_edge::Ports;
use tidegate_shared::channel::{self, ChannelName, Follower, InvalidChannelName, Refused};
use tidegate_shared::digest::Digest;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::isolate::{BundleError, Isolate};
use crate::log;

/// The variable that names the channel. Without it one key of the namespace has the bundle.
const CHANNEL: &str = "TIDEGATE_CHANNEL";
/// The variable with the least sequence to accept: what protects an isolate that has just begun.
const MINIMUM: &str = "TIDEGATE_MINIMUM_SEQUENCE";

/// A bundle that the channel names and that is not in use.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Wanted {
    pub(crate) digest: Digest,
}

#[wasm_bindgen]
impl Wanted {
    /// The key of the namespace that has it.
    #[wasm_bindgen(getter)]
    pub fn key(&self) -> String {
        channel::bundle_path(self.digest)
    }
}

/// The key of the namespace that has the channel's statement; none where no channel is followed.
#[wasm_bindgen(js_name = statementKey)]
pub fn statement_key(env: JsValue) -> Option<String> {
    let name = Isolate::start(env).ports.variable(CHANNEL)?;
    // A name that is none is reported where it is followed.
    let name = name.parse::<ChannelName>().ok();
    Some(name.map_or_else(String::new, |name| channel::statement_path(&name)))
}

/// Looks at a statement; gives the bundle to fetch. A statement that is not followed is logged
/// with its reason.
#[wasm_bindgen(js_name = followChannel)]
pub fn follow(env: JsValue, statement: Option<Vec<u8>>) -> Option<Wanted> {
    let isolate = Isolate::start(env);
    isolate.follow(statement).unwrap_or_else(|error| {
        log::refused(
            "the channel is not followed",
            error.name(),
            &error.to_string(),
        );
        None
    })
}

/// Why a channel cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChannelError {
    #[error("the KV namespace has no statement of the channel")]
    Missing,
    #[error("the variable `{CHANNEL}` is not as it should be: {0}")]
    Name(#[from] InvalidChannelName),
    #[error("the variable `{MINIMUM}` is `{0}` and not a number")]
    Minimum(String),
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl ChannelError {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Name(_) | Self::Minimum(_) => "configuration",
            Self::Refused(refused) => refused.name(),
        }
    }
}

impl Isolate {
    fn follow(&self, statement: Option<Vec<u8>>) -> Result<Option<Wanted>, BundleError> {
        let mut slot = self.follower.borrow_mut();
        let follower = match slot.as_mut() {
            Some(follower) => follower,
            None => slot.insert(self.follower()?),
        };
        let statement = statement.ok_or(ChannelError::Missing)?;
        let digest = follower
            .statement(&statement, self.ports.now())
            .map_err(ChannelError::from)?;
        Ok(digest.map(|digest| Wanted { digest }))
    }

    fn follower(&self) -> Result<Follower, BundleError> {
        let name = self.ports.variable(CHANNEL).unwrap_or_default();
        let name = name.parse().map_err(ChannelError::from)?;
        let minimum = match self.ports.variable(MINIMUM) {
            None => 0,
            Some(text) => text.parse().map_err(|_| ChannelError::Minimum(text))?,
        };
        let [a, b, c, d, e, f, g, h, ..] = self.ports.seed();
        let entropy = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        Ok(Follower::new(name, self.trust()?, minimum, entropy))
    }
}
