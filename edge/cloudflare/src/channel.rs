//! Following a channel of the KV namespace. JavaScript fetches, and this says what; it decides
//! whether what was fetched is to be trusted.
//!
//! An isolate may end at any time. So isolates remember together, in the namespace, the last
//! statement whose bundle came into force: one that begins goes on with it where nothing newer is
//! shown, and is not led back behind it. A namespace bears one write a second for a key, and each
//! costs; so each isolate writes at a moment of its own, in the first half of the statement's time,
//! and only what is not written yet.

use tidegate_edge::Ports;
use tidegate_shared::channel::{self, ChannelName, Follower, InvalidChannelName, Memory, Refused};
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

/// A channel that is followed.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) follower: Follower,
    /// The statement that was accepted last.
    statement: Vec<u8>,
    /// The sequence that is known to be remembered.
    remembered: u64,
    /// Decides when this isolate sees to it that a statement is.
    moment: u64,
}

/// The key of the namespace that has the channel's statement; none where no channel is followed.
#[wasm_bindgen(js_name = statementKey)]
pub fn statement_key(env: JsValue) -> Option<String> {
    key(env, channel::statement_path)
}

/// The key of the namespace where isolates remember; none where no channel is followed.
#[wasm_bindgen(js_name = memoryKey)]
pub fn memory_key(env: JsValue) -> Option<String> {
    key(env, channel::memory_path)
}

fn key(env: JsValue, path: fn(&ChannelName) -> String) -> Option<String> {
    let name = Isolate::start(env).ports.variable(CHANNEL)?;
    // A name that is none is reported where it is followed.
    let name = name.parse::<ChannelName>().ok();
    Some(name.map_or_else(String::new, |name| path(&name)))
}

/// Begins with what isolates before this one have remembered; gives the bundle that they ran, for
/// where nothing newer can be had.
#[wasm_bindgen(js_name = recallChannel)]
pub fn recall(env: JsValue, memory: Option<Vec<u8>>) -> Option<Wanted> {
    let isolate = Isolate::start(env);
    isolate.recall(&memory?).unwrap_or_else(|error| {
        log::refused(
            "what is remembered of the channel is no good",
            error.name(),
            &error.to_string(),
        );
        None
    })
}

/// Whether it is this isolate's moment to see to it that the statement in force is remembered.
#[wasm_bindgen(js_name = memoryDue)]
pub fn memory_due(env: JsValue) -> bool {
    Isolate::start(env).memory_due()
}

/// What to write where isolates remember, if it is not what is there.
#[wasm_bindgen(js_name = rememberChannel)]
pub fn remember(env: JsValue, found: Option<Vec<u8>>) -> Option<Vec<u8>> {
    Isolate::start(env).remember(found)
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
        let mut slot = self.channel.borrow_mut();
        let channel = self.channel(&mut slot)?;
        let statement = statement.ok_or(ChannelError::Missing)?;
        let digest = channel
            .follower
            .statement(&statement, self.ports.now())
            .map_err(ChannelError::from)?;
        channel.statement = statement;
        Ok(digest.map(|digest| Wanted { digest }))
    }

    fn recall(&self, memory: &[u8]) -> Result<Option<Wanted>, BundleError> {
        let mut slot = self.channel.borrow_mut();
        let channel = self.channel(&mut slot)?;
        // What cannot be read is written anew.
        let Ok(Memory { statement, .. }) = Memory::decode(memory) else {
            return Ok(None);
        };
        let recalled = channel.follower.recall(&statement);
        let digest = recalled.map_err(ChannelError::from)?;
        channel.statement = statement.into_vec();
        channel.remembered = channel.follower.sequence();
        Ok(Some(Wanted { digest }))
    }

    fn memory_due(&self) -> bool {
        let slot = self.channel.borrow();
        slot.as_ref().is_some_and(|channel| {
            channel.follower.settled().is_some_and(|statement| {
                statement.sequence > channel.remembered
                    && self.ports.now() >= Memory::due(statement, channel.moment)
            })
        })
    }

    fn remember(&self, found: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let mut slot = self.channel.borrow_mut();
        let channel = slot.as_mut()?;
        let found = found.and_then(|found| Memory::decode(&found).ok());
        channel.remembered = channel.follower.sequence();
        if found.is_some_and(|found| *found.statement == channel.statement) {
            return None;
        }
        // Each isolate draws its own side of roll-outs.
        let mut memory = Memory::new(0);
        memory.keep(channel.statement.clone(), None);
        Some(memory.encode())
    }

    fn channel<'s>(&self, slot: &'s mut Option<Channel>) -> Result<&'s mut Channel, BundleError> {
        Ok(match slot {
            Some(channel) => channel,
            None => slot.insert(Channel {
                follower: self.follower()?,
                statement: Vec::new(),
                remembered: 0,
                moment: self.entropy(),
            }),
        })
    }

    fn follower(&self) -> Result<Follower, BundleError> {
        let name = self.ports.variable(CHANNEL).unwrap_or_default();
        let name = name.parse().map_err(ChannelError::from)?;
        let minimum = match self.ports.variable(MINIMUM) {
            None => 0,
            Some(text) => text.parse().map_err(|_| ChannelError::Minimum(text))?,
        };
        Ok(Follower::new(name, self.trust()?, minimum, self.entropy()))
    }

    fn entropy(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.ports.seed();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}
