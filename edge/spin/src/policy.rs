//! The policy in force: from Spin's key-value store, from a channel, or baked
//! into the component.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use spin_sdk::wit_bindgen::spawn;
use spin_sdk::{key_value, variables};
use tidegate_edge::{Gateway, LoadError, State};
use tidegate_shared::bundle::{Bundle, InvalidBundle};
use tidegate_shared::channel::InShadow;
use tidegate_shared::envelope::{InvalidEnvelope, Signed, Verified, VerifyError};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::{InvalidKey, TrustKeys};

use crate::channel::{Channel, ChannelError, Settings};
use crate::needs::Needs;
use crate::ports::SpinPorts;
use crate::{log, ports};

/// The bundle in the default key-value store.
const KEY: &str = "bundle";
/// The variable that holds the trusted keys.
pub(crate) const TRUST: &str = "tidegate_trust";
/// Tokens of a limit that an instance leases ahead of need: it serves 128 requests, and what it has
/// when it ends is lost until the lease ends.
const MAX_LEASED: u32 = 16;
/// Milliseconds after which an instance looks for another bundle.
const REFRESH: u64 = 10_000;

thread_local! {
    static IN_FORCE: RefCell<Option<Rc<Policy>>> = const { RefCell::new(None) };
    static STATE: OnceCell<Rc<State>> = const { OnceCell::new() };
}

/// A gateway, and what its policy needs.
pub(crate) struct Policy {
    pub(crate) gateway: Gateway,
    pub(crate) needs: Needs,
    /// Where the bundle is looked for again, and when it was last.
    source: Source,
}

/// Where bundles come from.
pub(crate) enum Source {
    Baked,
    KeyValue { checked: Cell<UnixMillis> },
    Channel(Rc<Channel>),
}

/// Why there is no policy, or no newer one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyError {
    #[error("the key `{KEY}` of the default key-value store cannot be read: {0}")]
    KeyValue(#[from] key_value::Error),
    #[error("the default key-value store has no key `{KEY}`")]
    NoBundle,
    #[error("the variable `{TRUST}` cannot be read: {0}")]
    Variable(#[from] variables::Error),
    #[error("the variable `{TRUST}` is unusable: {0}")]
    Trust(#[from] InvalidKey),
    #[error(transparent)]
    Envelope(#[from] InvalidEnvelope),
    #[error(transparent)]
    Untrusted(#[from] VerifyError<InvalidBundle>),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Channel(#[from] ChannelError),
    #[error("sequence {offered} follows {in_force}, which is in force: a sequence only grows")]
    Older { offered: u64, in_force: u64 },
}

impl Policy {
    fn load(bundle: Signed, trust: &str, source: Source) -> Result<Self, PolicyError> {
        let trust: TrustKeys = trust.parse()?;
        Ok(Self::of(bundle.verify::<Bundle>(&trust)?, source)?)
    }

    /// The policy of a bundle.
    ///
    /// # Errors
    /// [`LoadError`].
    pub(crate) fn of(bundle: Verified<Bundle>, source: Source) -> Result<Self, LoadError> {
        Ok(Self {
            needs: Needs::of(&bundle.content().tables),
            gateway: Gateway::load(bundle)?.without_tunnels()?,
            source,
        })
    }

    /// The number that only grows: that of the channel, or else the bundle's own.
    fn sequence(&self) -> u64 {
        match &self.source {
            Source::Channel(channel) => channel.sequence(),
            Source::Baked | Source::KeyValue { .. } => self.gateway.sequence(),
        }
    }

    /// Tells the operator that it came into force.
    pub(crate) fn report(&self) {
        log::in_force(&self.gateway.digest().to_string(), self.sequence());
    }

    /// What its channel has in shadow, if anything.
    pub(crate) fn shadow(&self) -> Option<(Rc<Channel>, InShadow)> {
        match &self.source {
            Source::Channel(channel) => Some((Rc::clone(channel), channel.in_shadow()?)),
            Source::Baked | Source::KeyValue { .. } => None,
        }
    }
}

/// The policy in force; loads it where this instance has none yet.
///
/// # Errors
/// [`PolicyError`], where none can be had.
pub(crate) async fn current() -> Result<Rc<Policy>, PolicyError> {
    let policy = match in_force() {
        Some(policy) => policy,
        None => put_in_force(first().await?),
    };
    policy.needs.read().await;
    Ok(policy)
}

async fn first() -> Result<Policy, PolicyError> {
    match Settings::read().await? {
        Some(settings) => Ok(Channel::begin(settings).await?),
        None => read(None).await?.ok_or(PolicyError::NoBundle),
    }
}

/// Puts what a channel names in force, in place of what it named before.
pub(crate) async fn replace(policy: Policy) {
    policy.needs.read().await;
    put_in_force(policy).report();
}

/// What the gateway remembers in this instance.
pub(crate) fn state() -> Rc<State> {
    STATE.with(|state| {
        let new = || Rc::new(State::new(ports::entropy()).leasing_at_most(MAX_LEASED));
        Rc::clone(state.get_or_init(new))
    })
}

/// Puts a bundle in force for good. Makes no call to the host.
///
/// # Errors
/// [`PolicyError`], where the bundle is not acceptable.
pub(crate) fn freeze(bundle: &[u8], trust: &str) -> Result<(), PolicyError> {
    let policy = Policy::load(Signed::parse(bundle)?, trust, Source::Baked)?;
    policy.gateway.prepare()?;
    put_in_force(policy);
    Ok(())
}

/// Looks after what grows old, and says to the authority of limits what is to be said, beside the
/// requests.
pub(crate) fn refresh(policy: &Rc<Policy>, now: UnixMillis) {
    match &policy.source {
        Source::Baked => {}
        Source::KeyValue { checked } => refresh_bundle(policy, checked, now),
        Source::Channel(channel) => channel.refresh(now),
    }
    let state = state();
    state.tend_leases(now);
    while let Some(due) = state.next_renewal() {
        let policy = Rc::clone(policy);
        spawn(async move {
            let ports = SpinPorts {
                needs: &policy.needs,
            };
            if let Err(error) = due.carry(&ports).await {
                log::warn(&format!("the authority of a limit: {error}"));
            }
        });
    }
    if policy.gateway.refresh_due(&state, now) {
        spawn(refresh_documents(Rc::clone(policy), state));
    }
}

async fn refresh_documents(policy: Rc<Policy>, state: Rc<State>) {
    let ports = SpinPorts {
        needs: &policy.needs,
    };
    for refreshed in policy.gateway.refresh(&state, &ports).await {
        if let Err(error) = refreshed.entries {
            log::warn(&format!("{} not fetched anew: {error}", refreshed.what));
        }
    }
}

/// Looks for another bundle, if that was long ago. The one in force stays
/// until another one is acceptable.
fn refresh_bundle(policy: &Rc<Policy>, checked: &Cell<UnixMillis>, now: UnixMillis) {
    if now.since(checked.get()) < REFRESH {
        return;
    }
    checked.set(now);
    let policy = Rc::clone(policy);
    spawn(async move {
        match read(Some(&policy.gateway)).await {
            Ok(None) => {}
            Ok(Some(newer)) => {
                newer.needs.read().await;
                put_in_force(newer);
            }
            Err(error) => log::warn(&format!(
                "bundle {} stays in force: {error}",
                policy.gateway.digest()
            )),
        }
    });
}

/// Reads the bundle; `None` where it is the one in force.
async fn read(in_force: Option<&Gateway>) -> Result<Option<Policy>, PolicyError> {
    let store = key_value::Store::open_default().await?;
    let bundle = store.get(KEY).await?.ok_or(PolicyError::NoBundle)?;
    let bundle = Signed::parse(&bundle)?;
    if in_force.is_some_and(|gateway| gateway.digest() == bundle.digest()) {
        return Ok(None);
    }
    let trust = variables::get(TRUST).await?;
    let checked = Cell::new(ports::now());
    let policy = Policy::load(bundle, &trust, Source::KeyValue { checked })?;
    let offered = policy.gateway.sequence();
    match in_force.map(Gateway::sequence) {
        Some(in_force) if offered < in_force => Err(PolicyError::Older { offered, in_force }),
        Some(_) | None => Ok(Some(policy)),
    }
}

fn in_force() -> Option<Rc<Policy>> {
    IN_FORCE.with_borrow(Clone::clone)
}

/// Puts a policy in force, unless a later statement of its channel has: requests that found none
/// have each looked for one.
fn put_in_force(policy: Policy) -> Rc<Policy> {
    if let Some(other) = in_force().filter(|other| other.sequence() > policy.sequence()) {
        return other;
    }
    let policy = Rc::new(policy);
    IN_FORCE.set(Some(Rc::clone(&policy)));
    policy
}
