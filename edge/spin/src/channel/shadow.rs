//! What the channel has in shadow, fetched when a request is to be decided about in shadow.
//!
//! Where it cannot be had, instances remember that together, in the store: one of them tries again
//! in each interval, and one alone has logged it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tidegate_edge::{Gateway, ShadowBundle};
use tidegate_shared::channel::{self, InShadow, Memory, ShadowStep, Shadowing};
use tidegate_shared::digest::Digest;
use tidegate_shared::time::UnixMillis;

use super::{Channel, ChannelError, Place, refused, young};
use crate::needs::Needs;
use crate::ports;
use crate::shadow::Shadow;

/// What an instance has in shadow.
#[derive(Default)]
pub(super) struct Slot {
    shadowing: RefCell<Shadowing>,
    shadow: RefCell<Option<Rc<Shadow>>>,
    /// When it was last tried in vain, and whether it is being tried now.
    tried: Cell<UnixMillis>,
    trying: Cell<bool>,
}

impl Channel {
    /// What the statement that is followed has in shadow.
    pub(crate) fn in_shadow(&self) -> Option<InShadow> {
        self.follower.borrow().shadow()
    }

    /// The bundle in shadow; none where there is none, or where another request tries to have it.
    pub(crate) async fn shadow(&self) -> Option<Rc<Shadow>> {
        let slot = &self.shadow;
        let step = slot.shadowing.borrow_mut().follow(self.in_shadow());
        if step == ShadowStep::Stay {
            return slot.shadow.borrow().clone();
        }
        // Of another statement: what it would do now is of no interest.
        let before = slot.shadow.take();
        if let Some(before) = before {
            self.forget_copy(before.bundle.digest()).await;
        }
        let ShadowStep::Run(wanted) = step else {
            return None;
        };
        if slot.trying.replace(true) {
            return None;
        }
        let shadow = self.try_shadow(wanted, ports::now()).await;
        slot.trying.set(false);
        let shadow = shadow?;
        slot.shadow.replace(Some(Rc::clone(&shadow)));
        slot.shadowing.borrow_mut().runs(wanted);
        Some(shadow)
    }

    async fn try_shadow(&self, wanted: InShadow, now: UnixMillis) -> Option<Rc<Shadow>> {
        let slot = &self.shadow;
        if young(slot.tried.get(), now, self.settings.refresh) {
            return None;
        }
        if let Some(known) = self.trouble().await
            && young(known.asked, now, self.settings.refresh)
            && known
                .tag
                .as_ref()
                .is_some_and(|tag| tag.starts_with(&wanted.bundle.to_string()))
        {
            slot.tried.set(known.asked);
            return None;
        }
        match self.load_shadow(wanted).await {
            Ok(shadow) => Some(Rc::new(shadow)),
            Err(error) => {
                slot.tried.set(now);
                self.note_trouble(wanted, now, &error).await;
                None
            }
        }
    }

    /// What instances before this one could not have.
    async fn trouble(&self) -> Option<Memory> {
        let path = channel::trouble_path(&self.settings.channel);
        let octets = self.store.read(&path).await.ok()??;
        Memory::decode(&octets).ok()
    }

    async fn note_trouble(&self, wanted: InShadow, began: UnixMillis, error: &ChannelError) {
        let known = self.trouble().await;
        // Of another instance, or of another statement, which came meanwhile.
        if self.in_shadow() != Some(wanted)
            || known.as_ref().is_some_and(|known| known.asked > began)
        {
            return;
        }
        let trouble = format!("{} {}", wanted.bundle, error.name());
        if known.is_none_or(|known| known.tag.as_ref() != Some(&trouble)) {
            refused("no bundle in shadow", error);
        }
        let mut memory = Memory::new(0);
        memory.asked = began;
        memory.keep(Vec::new(), Some(trouble));
        let path = channel::trouble_path(&self.settings.channel);
        self.keep(&path, &memory.encode()).await;
    }

    async fn load_shadow(&self, wanted: InShadow) -> Result<Shadow, ChannelError> {
        let bundle = self.bundle(wanted.bundle).await?;
        let needs = Needs::aside(&bundle.content().tables);
        let gateway = Gateway::load(bundle).and_then(Gateway::without_tunnels);
        let gateway = gateway.map_err(|error| ChannelError::Unusable(error.to_string()))?;
        needs.read().await;
        let bundle = ShadowBundle::new(gateway, ports::entropy(), wanted.share);
        Ok(Shadow { bundle, needs })
    }

    /// Lets the copy of a bundle go that only this channel had made.
    pub(super) async fn forget_copy(&self, digest: Digest) {
        let used = self.in_force.get() == Some(digest)
            || self
                .in_shadow()
                .is_some_and(|shadow| shadow.bundle == digest);
        if let Place::Web(_) = &self.place
            && !used
        {
            self.store.forget(&channel::bundle_path(digest)).await;
        }
    }
}
