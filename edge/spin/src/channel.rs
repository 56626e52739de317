//! Following a channel, from the key-value store or a web server.
//!
//! An instance is there for a moment, so instances remember together, in the default key-value
//! store: on which side of roll-outs they are, when the source was last asked, and what was
//! accepted last, with its bundle. One of them asks the source in ten seconds, and an instance
//! that begins knows what those before it have seen. What lies in the store is believed as far as
//! its signatures go, and no further.

mod error;
mod place;
mod settings;
mod shadow;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use spin_sdk::wit_bindgen::spawn;
use tidegate_shared::bundle::Bundle;
use tidegate_shared::channel::{self, Follower, Memory};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope::{MAX_ENVELOPE, Verified};
use tidegate_shared::time::UnixMillis;

use crate::policy::{Policy, Source};
use crate::{log, policy, ports};
pub(crate) use error::ChannelError;
use place::{Got, KeyValue, Place};
pub(crate) use settings::Settings;

/// Milliseconds after which what is remembered is too old to answer a request by, where an
/// instance begins: longer than a source is left alone while there are requests.
const STALE: u64 = 60_000;

/// A channel that is followed.
pub(crate) struct Channel {
    settings: Settings,
    place: Place,
    store: KeyValue,
    follower: RefCell<Follower>,
    /// What this instance knows to be remembered.
    memory: RefCell<Memory>,
    in_force: Cell<Option<Digest>>,
    shadow: shadow::Slot,
    /// When this instance last looked, and whether it does so now.
    looked: Cell<UnixMillis>,
    looking: Cell<bool>,
}

impl Channel {
    /// Begins with what is remembered, if that is young and good; else with what the source has.
    ///
    /// # Errors
    /// Where there is neither.
    pub(crate) async fn begin(settings: Settings) -> Result<Policy, ChannelError> {
        let store = KeyValue::new(settings.patience);
        let memory = remembered(&store, &settings).await;
        let memory = memory.unwrap_or_else(|error| {
            refused("nothing is remembered of the channel", &error);
            None
        });
        let memory = memory.unwrap_or_else(|| Memory::new(u64::from_be_bytes(ports::entropy())));
        let channel = Rc::new(Self {
            place: Place::new(&settings),
            store,
            follower: RefCell::new(Follower::new(
                settings.channel.clone(),
                settings.trust.clone(),
                settings.minimum,
                memory.entropy,
            )),
            looked: Cell::new(memory.asked),
            memory: RefCell::new(memory),
            in_force: Cell::default(),
            shadow: shadow::Slot::default(),
            looking: Cell::default(),
            settings,
        });
        channel.first(ports::now()).await
    }

    async fn first(self: &Rc<Self>, now: UnixMillis) -> Result<Policy, ChannelError> {
        let known = self.recall();
        if let Some(digest) = known
            && young(self.looked.get(), now, STALE)
        {
            match self.load(digest).await {
                Ok(policy) => return Ok(policy),
                Err(error) => refused("what is remembered of the channel is no good", &error),
            }
        }
        match (self.look(now).await, known) {
            (Ok(Some(policy)), _) => {
                if known != self.in_force.get() {
                    policy.report();
                }
                Ok(policy)
            }
            (Ok(None), _) => Err(ChannelError::Overtaken),
            (Err(error), None) => Err(error),
            (Err(error), Some(digest)) => {
                refused("the channel is not followed", &error);
                self.load(digest).await
            }
        }
    }

    /// The bundle that instances before this one have run.
    fn recall(&self) -> Option<Digest> {
        let memory = self.memory.borrow();
        if memory.statement.is_empty() {
            return None;
        }
        let recalled = self.follower.borrow_mut().recall(&memory.statement);
        recalled
            .map_err(|error| {
                refused(
                    "what is remembered of the channel is no good",
                    &error.into(),
                )
            })
            .ok()
    }

    /// The sequence of the newest statement that was accepted.
    pub(crate) fn sequence(&self) -> u64 {
        self.follower.borrow().sequence()
    }

    /// Looks at the channel beside the requests, if that was long ago.
    pub(crate) fn refresh(self: &Rc<Self>, now: UnixMillis) {
        if young(self.looked.get(), now, self.settings.refresh) || self.looking.replace(true) {
            return;
        }
        let channel = Rc::clone(self);
        spawn(async move {
            match channel.look(now).await {
                Ok(None) => {}
                Ok(Some(newer)) => policy::replace(newer).await,
                Err(error) => refused("the channel is not followed", &error),
            }
            channel.looking.set(false);
        });
    }

    /// Looks at the channel; `None` where what it names is in force.
    async fn look(self: &Rc<Self>, now: UnixMillis) -> Result<Option<Policy>, ChannelError> {
        self.looked.set(now);
        // Another instance may have asked meanwhile.
        if let Ok(Some(memory)) = remembered(&self.store, &self.settings).await {
            self.memory.replace(memory);
        }
        let mut memory = self.memory.borrow().clone();
        let known = young(memory.asked, now, self.settings.refresh).then(|| {
            let mut follower = self.follower.borrow_mut();
            follower.statement(&memory.statement, now)
        });
        let (statement, tag, wanted) = match known {
            Some(Ok(wanted)) => (memory.statement.to_vec(), memory.tag.clone(), wanted),
            // What is remembered is nothing, or expired, or worse.
            Some(Err(_)) | None => {
                let (statement, tag) = self.ask(&mut memory, now).await?;
                let wanted = self.follower.borrow_mut().statement(&statement, now)?;
                (statement, tag, wanted)
            }
        };
        let policy = match wanted {
            None => None,
            Some(digest) => Some(self.load(digest).await?),
        };
        if *memory.statement != statement {
            memory.keep(statement, tag);
            self.remember(&memory).await;
        }
        Ok(policy)
    }

    /// The statement that the source has, and its entity tag.
    async fn ask(
        &self,
        memory: &mut Memory,
        now: UnixMillis,
    ) -> Result<(Vec<u8>, Option<String>), ChannelError> {
        // Said before the answer is there, so that the others do not ask for the same.
        memory.asked = now;
        self.remember(memory).await;
        let path = channel::statement_path(&self.settings.channel);
        let tag = memory.tag.as_deref();
        Ok(
            match self.place.get(&path, channel::MAX_STATEMENT, tag).await? {
                Got::Octets(octets, tag) => (octets, tag),
                // It may have expired meanwhile.
                Got::Unchanged => (memory.statement.to_vec(), memory.tag.clone()),
            },
        )
    }

    /// The policy of a bundle, which is then in force.
    async fn load(self: &Rc<Self>, digest: Digest) -> Result<Policy, ChannelError> {
        let bundle = self.bundle(digest).await?;
        let policy = Policy::of(bundle, Source::Channel(Rc::clone(self)));
        let policy = policy.map_err(|error| ChannelError::Unusable(error.to_string()))?;
        self.follower.borrow_mut().runs(digest);
        let before = self.in_force.replace(Some(digest));
        if let Some(before) = before {
            self.forget_copy(before).await;
        }
        Ok(policy)
    }

    /// A bundle, from the source or from the copy that an instance made of it.
    async fn bundle(&self, digest: Digest) -> Result<Verified<Bundle>, ChannelError> {
        let path = channel::bundle_path(digest);
        let open = |octets: &[u8]| self.follower.borrow().open(octets, digest);
        let Place::Web(_) = &self.place else {
            return Ok(open(&self.get(&path).await?)?);
        };
        if let Ok(Some(copy)) = self.store.read(&path).await
            && let Ok(bundle) = open(&copy)
        {
            return Ok(bundle);
        }
        let octets = self.get(&path).await?;
        let bundle = open(&octets)?;
        self.keep(&path, &octets).await;
        Ok(bundle)
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>, ChannelError> {
        match self.place.get(path, MAX_ENVELOPE, None).await? {
            Got::Octets(octets, _) => Ok(octets),
            Got::Unchanged => Err(ChannelError::missing(path)),
        }
    }

    async fn remember(&self, memory: &Memory) {
        self.memory.replace(memory.clone());
        let path = channel::memory_path(&self.settings.channel);
        self.keep(&path, &memory.encode()).await;
    }

    /// What cannot be kept makes the next instance ask again, and nothing worse.
    async fn keep(&self, path: &str, octets: &[u8]) {
        if let Err(error) = self.store.write(path, octets).await {
            refused("the channel is not remembered", &error.into());
        }
    }
}

/// Whether something was so many milliseconds ago at most; what is to come was not.
fn young(then: UnixMillis, now: UnixMillis, span: u64) -> bool {
    then <= now && now.since(then) < span
}

/// What instances before this one have written down.
async fn remembered(store: &KeyValue, settings: &Settings) -> Result<Option<Memory>, ChannelError> {
    let octets = store.read(&channel::memory_path(&settings.channel)).await?;
    // What cannot be read is written anew.
    Ok(octets.and_then(|octets| Memory::decode(&octets).ok()))
}

fn refused(message: &str, error: &ChannelError) {
    log::refused(message, error.name(), &error.to_string());
}
