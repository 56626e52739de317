//! The authority of limits: how isolates ask it, and how a Durable Object answers.
//!
//! Each bucket has an object of its own, so that its place is near to those who use it first, and
//! one caller's requests do not wait for another's.

use js_sys::futures::JsFuture;
use js_sys::{Promise, Uint8Array};
use tidegate_edge::PortError;
use tidegate_limits::{Answer, Ledger, Question};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Span;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::ports::millis;

#[wasm_bindgen(module = "/src/patience.js")]
extern "C" {
    fn within(promise: &Promise, milliseconds: u32, what: &str) -> Promise;
}

#[wasm_bindgen]
extern "C" {
    /// A binding to the objects of a class.
    pub(crate) type Objects;

    #[wasm_bindgen(method, catch, js_name = idFromName)]
    pub(crate) fn id_from_name(this: &Objects, name: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn get(this: &Objects, id: &JsValue) -> Result<Object, JsValue>;

    /// A way to one object.
    pub(crate) type Object;

    #[wasm_bindgen(method, catch)]
    fn answer(this: &Object, question: &Uint8Array) -> Result<Promise, JsValue>;
}

/// Asks the bucket's object.
pub(crate) async fn ask(
    objects: &JsValue,
    question: &Question,
    time: Span,
) -> Result<Answer, PortError> {
    let failed = |error: JsValue| PortError(format!("the limit's object: {error:?}"));
    let objects: &Objects = objects.unchecked_ref();
    let id = objects.id_from_name(&hex::encode(question.bucket));
    let object = objects.get(&id.map_err(failed)?).map_err(failed)?;
    // Copied, as a view of this module's memory must not leave it.
    let octets = Uint8Array::from(question.encode().as_slice());
    let answer = object.answer(&octets).map_err(failed)?;
    let time = u32::try_from(time.0).unwrap_or(u32::MAX);
    let answer = JsFuture::from(within(&answer, time, "answer")).await;
    let answer: Uint8Array = answer.map_err(failed)?.dyn_into().map_err(failed)?;
    Answer::decode(&answer.to_vec())
        .map_err(|error| PortError(format!("the answer of the limit's object: {error}")))
}

/// What an object answers, and what it must store before.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Answered {
    octets: Vec<u8>,
    ledger: Vec<u8>,
    idle: UnixMillis,
}

#[wasm_bindgen]
impl Answered {
    /// The answer.
    #[wasm_bindgen(getter)]
    pub fn octets(&self) -> Vec<u8> {
        self.octets.clone()
    }

    /// The ledger.
    #[wasm_bindgen(getter)]
    pub fn ledger(&self) -> Vec<u8> {
        self.ledger.clone()
    }

    /// When the ledger will say no more than a new one, if nothing more is asked.
    #[wasm_bindgen(getter)]
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds are exact for 285,000 years, and later is no earlier"
    )]
    pub fn idle(&self) -> f64 {
        self.idle.0 as f64
    }
}

/// Answers a question about a bucket, of which a ledger is stored or none.
///
/// # Errors
/// Where the octets are no question.
#[wasm_bindgen]
pub fn answer(question: &[u8], stored: Option<Vec<u8>>, now: f64) -> Result<Answered, JsValue> {
    let question = Question::decode(question).map_err(|error| error.to_string())?;
    let (contract, now) = (question.contract(), millis(now));
    let mut ledger = match stored {
        None => Ledger::default(),
        // What cannot be read may have been about any leases.
        Some(stored) => {
            Ledger::decode(&stored).unwrap_or_else(|_| Ledger::recovering(contract, now))
        }
    };
    let answer = ledger.answer(contract, &question.ask, now);
    Ok(Answered {
        octets: answer.encode(),
        ledger: ledger.encode(),
        idle: ledger.idle_at(contract),
    })
}
