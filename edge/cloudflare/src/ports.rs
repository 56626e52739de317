//! What the core asks of its runtime, given by Workers.

use std::borrow::Cow;
use std::cell::RefCell;

use http::{Request, Response};
use js_sys::{Date, Reflect};
use tidegate_edge::{FetchBounds, LimitServer, PortError, Ports};
use tidegate_limits::{Answer, Question};
use tidegate_shared::bundle::{Algorithm, KeyMaterial};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Span;
use wasm_bindgen::JsValue;

use crate::webcrypto::WebCrypto;
use crate::{authority, documents, namespace};

/// The binding of limits' authority: Durable Objects, or the address of a gateway that answers.
pub(crate) const LIMITS: &str = "TIDEGATE_LIMITS";

/// The secret that such a gateway wants to see.
const LIMITS_TOKEN: &str = "TIDEGATE_LIMITS_TOKEN";

/// The binding of the Durable Objects that hold connectors' tunnels.
pub(crate) const TUNNELS: &str = "TIDEGATE_TUNNELS";

/// The binding for a policy's name: upper case, with `_` for `-`.
pub(crate) fn binding_name(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

/// Octets of entropy fetched at once, as each fetch crosses to JavaScript.
const POOL: usize = 24 * 64;

/// The runtime, behind the Worker's `env`.
#[derive(Debug)]
pub(crate) struct WorkerPorts {
    env: JsValue,
    crypto: WebCrypto,
    /// Entropy that nobody has seen yet.
    pool: RefCell<Vec<u8>>,
}

impl WorkerPorts {
    pub(crate) fn new(env: JsValue) -> Self {
        Self {
            env,
            crypto: WebCrypto::default(),
            pool: RefCell::default(),
        }
    }

    /// What the platform has under a policy's name.
    pub(crate) fn binding(&self, name: &str) -> Option<JsValue> {
        let value = Reflect::get(&self.env, &binding_name(name).into()).ok()?;
        (!value.is_undefined()).then_some(value)
    }

    /// A plain variable, or a secret.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        Reflect::get(&self.env, &name.into()).ok()?.as_string()
    }

    /// The authority of limits.
    pub(crate) fn limits(&self) -> Option<JsValue> {
        let value = Reflect::get(&self.env, &LIMITS.into()).ok()?;
        (!value.is_undefined()).then_some(value)
    }

    /// What holds connectors' tunnels.
    pub(crate) fn tunnels(&self) -> Option<JsValue> {
        let value = Reflect::get(&self.env, &TUNNELS.into()).ok()?;
        value.is_object().then_some(value)
    }

    /// Unpredictable octets for hashing.
    pub(crate) fn seed(&self) -> [u8; 16] {
        self.draw()
    }

    /// Forgets imported keys: the bundle has changed.
    pub(crate) fn forget_keys(&self) {
        self.crypto.forget_keys();
    }

    fn draw<const N: usize>(&self) -> [u8; N] {
        let mut pool = self.pool.borrow_mut();
        if pool.len() < N {
            pool.resize(POOL, 0);
            if getrandom::fill(&mut pool).is_err() {
                // WebCrypto is part of the runtime: without it nothing else works either.
                pool.clear();
            }
        }
        let rest = pool.len().saturating_sub(N);
        pool.split_off(rest).try_into().unwrap_or([0; N])
    }
}

impl Ports for WorkerPorts {
    fn now(&self) -> UnixMillis {
        millis(Date::now())
    }

    fn entropy(&self) -> [u8; 24] {
        self.draw()
    }

    fn secret(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let secret = self.binding(name)?.as_string()?;
        Some(Cow::Owned(secret.into_bytes()))
    }

    async fn verify(
        &self,
        algorithm: Algorithm,
        key: &KeyMaterial,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, PortError> {
        let verified = self.crypto.verify(algorithm, key, message, signature).await;
        verified.map_err(|error| PortError(format!("WebCrypto failed: {error:?}")))
    }

    async fn credential(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        let namespace = self
            .binding(store)
            .ok_or_else(|| PortError(format!("there is no binding `{}`", binding_name(store))))?;
        namespace::get(&namespace, key).await
    }

    async fn authority(&self, question: &Question, time: Span) -> Result<Answer, PortError> {
        let binding = self
            .limits()
            .ok_or_else(|| PortError(format!("there is no binding `{LIMITS}`")))?;
        let Some(address) = binding.as_string() else {
            return authority::ask(&binding, question, time).await;
        };
        let token = self.variable(LIMITS_TOKEN).unwrap_or_default();
        let server =
            LimitServer::new(&address, &token).map_err(|error| PortError(error.to_string()))?;
        server.ask(question, time, documents::fetch).await
    }

    async fn fetch(
        &self,
        request: Request<Vec<u8>>,
        bounds: FetchBounds,
    ) -> Result<Response<Vec<u8>>, PortError> {
        documents::fetch(request, bounds).await
    }
}

/// A time, as JavaScript has it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole milliseconds after 1970 by the platform's contract"
)]
pub(crate) fn millis(time: f64) -> UnixMillis {
    UnixMillis(time as u64)
}
