//! Origins that are reached by what their connectors have opened: who may open a tunnel, and which
//! Durable Object holds those of a connector.

use http::{HeaderName, HeaderValue};
use js_sys::Array;
use tidegate_edge::problem_reply;
use tidegate_shared::problem::Problem;
use tidegate_shared::spiffe::SpiffeId;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::authority::Objects;
use crate::isolate::Isolate;
use crate::{certificate, fields, log};

/// What an object is to do, in a field that `tunnels.js` reads.
const ORDER: HeaderName = HeaderName::from_static("tidegate-tunnel");

/// Whether the client of a request may open a tunnel: its object and what to say to it, or the refusal.
///
/// # Errors
/// Where the runtime refuses what it is given; the request must then be refused.
#[wasm_bindgen]
pub fn admit(request: &JsValue) -> Result<JsValue, JsValue> {
    let Some((isolate, gateway)) = Isolate::current() else {
        return refuse(Problem::NotReady);
    };
    let Some(objects) = isolate.ports.tunnels() else {
        return refuse(Problem::UpgradeUnsupported);
    };
    let Some(Ok(certificate)) = certificate::details(request) else {
        let reason = "no certificate that was verified";
        log::refused("tunnel refused", "no-certificate", reason);
        return refuse(Problem::CredentialMissing);
    };
    let Some(connector) = certificate.spiffe else {
        let reason = "the certificate has no SPIFFE ID";
        log::refused("tunnel refused", "no-identity", reason);
        return refuse(Problem::CallerRefused);
    };
    if !gateway.takes_tunnels_of(&connector) {
        let reason = format!("no origin of the policy is reached by `{connector}`");
        log::refused("tunnel refused", "unwanted", &reason);
        return refuse(Problem::CallerRefused);
    }
    let until = certificate.not_after.saturating_mul(1000);
    let order = format!("open {until} {connector}");
    Ok(Array::of2(&object(&objects, &connector)?, &order.into()).into())
}

/// The object that holds the tunnels of a connector.
pub(crate) fn object(objects: &JsValue, connector: &SpiffeId) -> Result<JsValue, JsValue> {
    let objects: &Objects = objects.unchecked_ref();
    let id = objects.id_from_name(&connector.to_string())?;
    Ok(objects.get(&id)?.into())
}

/// Adds to a request's head that it is to be sent, and whether that may happen `again` where a tunnel
/// breaks.
pub(crate) fn send(head: &mut String, again: bool) {
    let order = HeaderValue::from_static(if again { "again" } else { "once" });
    fields::set(head, &ORDER, &order);
}

fn refuse(problem: Problem) -> Result<JsValue, JsValue> {
    fields::reply(&problem_reply(problem, None)).map(JsValue::from)
}
