//! What an isolate keeps between requests. It may vanish at any time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Promise;
use js_sys::futures::future_to_promise;
use tidegate_edge::{Gateway, LoadError, State};
use tidegate_shared::bundle::{Bundle, InvalidBundle, Tables};
use tidegate_shared::channel::{OtherBundle, open_bundle};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope::{InvalidEnvelope, Signed, Verified, VerifyError};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::{InvalidKey, TrustKeys};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::channel::{Channel, ChannelError, Wanted};
use crate::log;
use crate::ports::{LIMITS, TUNNELS, WorkerPorts, binding_name};
use crate::shadow::Shadow;

/// The variable that holds the keys whose bundles are accepted.
const TRUST: &str = "TIDEGATE_TRUST";

thread_local! {
    static ISOLATE: RefCell<Option<Rc<Isolate>>> = const { RefCell::new(None) };
}

/// The memory of this isolate.
#[derive(Debug)]
pub(crate) struct Isolate {
    pub(crate) state: State,
    pub(crate) ports: WorkerPorts,
    /// Where a channel is followed.
    pub(crate) channel: RefCell<Option<Channel>>,
    /// What decides in shadow.
    pub(crate) shadow: RefCell<Shadow>,
    /// When leases were last looked after.
    pub(crate) tended: Cell<UnixMillis>,
    gateway: RefCell<Option<Rc<Gateway>>>,
}

/// Why a bundle is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    #[error("the KV namespace has no bundle")]
    Missing,
    #[error("the variable `{TRUST}` is not set")]
    NoTrust,
    #[error(transparent)]
    Trust(#[from] InvalidKey),
    #[error(transparent)]
    Envelope(#[from] InvalidEnvelope),
    #[error(transparent)]
    Verify(#[from] VerifyError<InvalidBundle>),
    #[error("sequence {offered} is older than {current}, which is in use")]
    Rollback { offered: u64, current: u64 },
    #[error("the policy names `{name}`, but the Worker has no binding `{binding}`")]
    NoBinding { name: String, binding: String },
    #[error(
        "the policy has limits that hold over many places, but the Worker has no binding `{LIMITS}`"
    )]
    NoAuthority,
    #[error(
        "the origin `{origin}` of the upstream `{upstream}` is reached by a tunnel, but the Worker has \
         no binding `{TUNNELS}`"
    )]
    NoTunnels { upstream: String, origin: String },
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Channel(#[from] ChannelError),
    #[error(transparent)]
    Other(#[from] OtherBundle),
}

impl BundleError {
    /// A stable name, for logs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NoTrust | Self::Trust(_) => "configuration",
            Self::Envelope(_) => "bundle-not-ours",
            Self::Verify(_) => "bundle-not-trusted",
            Self::Rollback { .. } => "rollback",
            Self::NoBinding { .. } | Self::NoAuthority | Self::NoTunnels { .. } | Self::Load(_) => {
                "bundle-unusable"
            }
            Self::Channel(error) => error.name(),
            Self::Other(error) => error.name(),
        }
    }
}

/// Takes a bundle into use, if it is another one and a good one. Else the last good one stays,
/// and the log says why. Where a channel is followed, it must be the `wanted` one.
#[wasm_bindgen]
pub fn load(env: JsValue, octets: Option<Vec<u8>>, wanted: Option<Wanted>) {
    let isolate = Isolate::start(env);
    let replaced = match wanted {
        Some(wanted) => isolate.replace_by(octets, wanted.digest),
        None => isolate.replace(octets),
    };
    match replaced {
        Ok(None) => {}
        Ok(Some(gateway)) => log::info("bundle loaded", &gateway.digest().to_string()),
        Err(error) => log::refused("bundle not loaded", error.name(), &error.to_string()),
    }
}

/// Whether a bundle is in use.
#[wasm_bindgen]
pub fn ready() -> bool {
    Isolate::current().is_some()
}

/// Asks for key sets and lists that will soon be too old.
#[wasm_bindgen]
pub fn refresh() -> Promise {
    future_to_promise(async {
        let Some((isolate, gateway)) = Isolate::current() else {
            return Ok(JsValue::UNDEFINED);
        };
        for refreshed in gateway.refresh(&isolate.state, &isolate.ports).await {
            if let Err(error) = refreshed.entries {
                log::error(&format!("{} not fetched anew", refreshed.what), &error);
            }
        }
        Ok(JsValue::UNDEFINED)
    })
}

impl Isolate {
    /// The isolate and its gateway, once a bundle is in use.
    pub(crate) fn current() -> Option<(Rc<Self>, Rc<Gateway>)> {
        let isolate = ISOLATE.with_borrow(Option::clone)?;
        let gateway = isolate.gateway.borrow().clone()?;
        Some((isolate, gateway))
    }

    pub(crate) fn start(env: JsValue) -> Rc<Self> {
        ISOLATE.with_borrow_mut(|slot| {
            let isolate = slot.get_or_insert_with(|| {
                let ports = WorkerPorts::new(env);
                let seed = ports.seed();
                Rc::new(Self {
                    state: State::new(seed),
                    ports,
                    channel: RefCell::default(),
                    shadow: RefCell::default(),
                    tended: Cell::default(),
                    gateway: RefCell::default(),
                })
            });
            Rc::clone(isolate)
        })
    }

    fn replace(&self, octets: Option<Vec<u8>>) -> Result<Option<Rc<Gateway>>, BundleError> {
        let signed = Signed::parse(&octets.ok_or(BundleError::Missing)?)?;
        let current = self.gateway.borrow().clone();
        if current
            .as_ref()
            .is_some_and(|gateway| gateway.digest() == signed.digest())
        {
            return Ok(None);
        }
        let gateway = self.prepare(signed.verify::<Bundle>(&self.trust()?)?)?;
        if let Some(current) = current
            && gateway.sequence() < current.sequence()
        {
            return Err(BundleError::Rollback {
                offered: gateway.sequence(),
                current: current.sequence(),
            });
        }
        Ok(Some(self.put(gateway)))
    }

    /// The bundle that a channel names: its place in the order is the statement's to say.
    fn replace_by(
        &self,
        octets: Option<Vec<u8>>,
        expected: Digest,
    ) -> Result<Option<Rc<Gateway>>, BundleError> {
        let gateway = self.put(self.open(octets, expected)?);
        if let Some(channel) = self.channel.borrow_mut().as_mut() {
            channel.follower.runs(expected);
        }
        Ok(Some(gateway))
    }

    /// The gateway of a bundle that a channel names.
    pub(crate) fn open(
        &self,
        octets: Option<Vec<u8>>,
        expected: Digest,
    ) -> Result<Gateway, BundleError> {
        let octets = octets.ok_or(BundleError::Missing)?;
        self.prepare(open_bundle(&octets, expected, &self.trust()?)?)
    }

    pub(crate) fn trust(&self) -> Result<TrustKeys, BundleError> {
        let trust = self.ports.variable(TRUST).ok_or(BundleError::NoTrust)?;
        Ok(trust.parse()?)
    }

    fn prepare(&self, bundle: Verified<Bundle>) -> Result<Gateway, BundleError> {
        self.check_bindings(&bundle.content().tables)?;
        Ok(Gateway::load(bundle)?)
    }

    fn put(&self, gateway: Gateway) -> Rc<Gateway> {
        self.ports.forget_keys();
        let gateway = Rc::new(gateway);
        self.gateway.replace(Some(Rc::clone(&gateway)));
        gateway
    }

    /// A binding that is missing shows now, and not at the first request that needs it.
    fn check_bindings(&self, tables: &Tables) -> Result<(), BundleError> {
        if tables.needs_authority() && self.ports.limits().is_none() {
            return Err(BundleError::NoAuthority);
        }
        if let Some((upstream, origin, _)) = tables.tunnels().next()
            && self.ports.tunnels().is_none()
        {
            return Err(BundleError::NoTunnels {
                upstream: upstream.to_owned(),
                origin: origin.to_owned(),
            });
        }
        let secrets = tables.secrets().map(|(name, _)| name);
        let identities = tables
            .upstreams
            .iter()
            .filter_map(|upstream| upstream.identity.as_deref());
        match secrets
            .chain(identities)
            .chain(tables.credential_stores())
            .find(|name| self.ports.binding(name).is_none())
        {
            None => Ok(()),
            Some(name) => Err(BundleError::NoBinding {
                name: name.to_owned(),
                binding: binding_name(name),
            }),
        }
    }
}
