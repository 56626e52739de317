//! What is said to the authorities of limits behind the requests.

use std::rc::Rc;

use js_sys::futures::future_to_promise;
use js_sys::{Array, Promise};
use tidegate_edge::Ports;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::isolate::Isolate;
use crate::log;

/// Milliseconds between two looks for leases that end soon, or that nobody needs.
const INTERVAL: u64 = 1_000;

/// Messages that one request carries: a request may only call so many others.
const MAX_CARRIED: usize = 16;

/// Sends what has become due, each message beside the others: a promise for the runtime to wait
/// for behind the answer, or `undefined` where there is nothing to say.
#[wasm_bindgen]
pub fn carry() -> JsValue {
    let Some((isolate, _)) = Isolate::current() else {
        return JsValue::UNDEFINED;
    };
    let now = isolate.ports.now();
    if now.since(isolate.tended.get()) >= INTERVAL {
        isolate.tended.set(now);
        isolate.state.tend_leases(now);
    }
    let carried = Array::new();
    while let Some(due) = isolate.state.next_renewal() {
        let isolate = Rc::clone(&isolate);
        carried.push(&future_to_promise(async move {
            if let Err(error) = due.carry(&isolate.ports).await {
                log::error("the authority of a limit does not answer", &error.0);
            }
            Ok(JsValue::UNDEFINED)
        }));
        if usize::try_from(carried.length()).is_ok_and(|length| length >= MAX_CARRIED) {
            break;
        }
    }
    if carried.length() == 0 {
        return JsValue::UNDEFINED;
    }
    Promise::all(&carried).into()
}
