//! What an isolate keeps between requests. It may vanish at any time.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Promise;
use js_sys::futures::future_to_promise;
use tidegate_edge::{Gateway, LoadError, State};
use tidegate_shared::bundle::{Bundle, InvalidBundle, Tables};
use tidegate_shared::envelope::{InvalidEnvelope, Signed, VerifyError};
use tidegate_shared::trust::{InvalidKey, TrustKeys};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::log;
use crate::ports::{WorkerPorts, binding_name};

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
    gateway: RefCell<Option<Rc<Gateway>>>,
}

/// Why a bundle is not used.
#[derive(Debug, thiserror::Error)]
enum BundleError {
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
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Takes a bundle into use, if it is another one and a good one. Else the last good one stays,
/// and the log says why.
#[wasm_bindgen]
pub fn load(env: JsValue, octets: Option<Vec<u8>>) {
    let isolate = Isolate::start(env);
    match isolate.replace(octets) {
        Ok(None) => {}
        Ok(Some(gateway)) => log::info("bundle loaded", &gateway.digest().to_string()),
        Err(error) => log::error("bundle not loaded", &error.to_string()),
    }
}

/// Whether a bundle is in use.
#[wasm_bindgen]
pub fn ready() -> bool {
    Isolate::current().is_some()
}

/// Asks issuers for key sets that will soon be too old.
#[wasm_bindgen]
pub fn refresh() -> Promise {
    future_to_promise(async {
        let Some((isolate, gateway)) = Isolate::current() else {
            return Ok(JsValue::UNDEFINED);
        };
        for refreshed in gateway.refresh(&isolate.state, &isolate.ports).await {
            if let Err(error) = refreshed.keys {
                let message = format!(
                    "the keys of issuer `{}` stay as they were",
                    refreshed.issuer
                );
                log::error(&message, &error);
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

    fn start(env: JsValue) -> Rc<Self> {
        ISOLATE.with_borrow_mut(|slot| {
            let isolate = slot.get_or_insert_with(|| {
                let ports = WorkerPorts::new(env);
                let seed = ports.seed();
                Rc::new(Self {
                    state: State::new(seed),
                    ports,
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
        let trust: TrustKeys = self
            .ports
            .variable(TRUST)
            .ok_or(BundleError::NoTrust)?
            .parse()?;
        let bundle = signed.verify::<Bundle>(&trust)?;
        self.check_bindings(&bundle.content().tables)?;
        let gateway = Gateway::load(bundle)?;
        if let Some(current) = current
            && gateway.sequence() < current.sequence()
        {
            return Err(BundleError::Rollback {
                offered: gateway.sequence(),
                current: current.sequence(),
            });
        }
        self.ports.forget_keys();
        let gateway = Rc::new(gateway);
        self.gateway.replace(Some(Rc::clone(&gateway)));
        Ok(Some(gateway))
    }

    /// A binding that is missing shows now, and not at the first request that needs it.
    fn check_bindings(&self, tables: &Tables) -> Result<(), BundleError> {
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
