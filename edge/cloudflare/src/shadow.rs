//! A bundle in shadow: followed behind the requests, after what is in force, and asked behind
//! their answers.

use std::rc::Rc;

use tidegate_edge::{Decision, LateRecord, ShadowBundle, Would};
use tidegate_shared::channel::{self, InShadow, ShadowStep, Shadowing};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::decide::soon;
use crate::head::IncomingHead;
use crate::isolate::{BundleError, Isolate};
use crate::log;

#[wasm_bindgen(module = "/src/behind.js")]
extern "C" {
    /// Asks once the answer is on its way, or the request at its origin.
    fn behind(ctx: &JsValue, watch: Watch);
}

/// What an isolate has in shadow.
#[derive(Debug, Default)]
pub(crate) struct Shadow {
    shadowing: Shadowing,
    bundle: Option<Rc<ShadowBundle>>,
}

/// A bundle that is to decide in shadow and does not yet.
#[wasm_bindgen]
#[derive(Debug)]
pub struct WantedShadow(InShadow);

#[wasm_bindgen]
impl WantedShadow {
    /// The key of the namespace that has it.
    #[wasm_bindgen(getter)]
    pub fn key(&self) -> String {
        channel::bundle_path(self.0.bundle)
    }

    /// Lets what the namespace has decide in shadow, if it is the one and a good one.
    pub fn run(self, env: JsValue, octets: Option<Vec<u8>>) {
        let isolate = Isolate::start(env);
        if let Err(error) = isolate.run_shadow(self.0, octets) {
            isolate.shadow_failed(self.0, error.name(), &error.to_string());
        }
    }

    /// The namespace gave nothing, or not in time.
    pub fn unread(self, env: JsValue, stalled: bool, reason: &str) {
        let name = if stalled { "stalled" } else { "unreachable" };
        Isolate::start(env).shadow_failed(self.0, name, reason);
    }
}

/// What the statement that is followed has in shadow, where that is to be fetched.
#[wasm_bindgen(js_name = followShadow)]
pub fn follow_shadow(env: JsValue) -> Option<WantedShadow> {
    match Isolate::start(env).follow_shadow() {
        ShadowStep::Run(wanted) => Some(WantedShadow(wanted)),
        ShadowStep::End | ShadowStep::Stay => None,
    }
}

impl Isolate {
    fn follow_shadow(&self) -> ShadowStep {
        let channel = self.channel.borrow();
        let wanted = channel
            .as_ref()
            .and_then(|channel| channel.follower.shadow());
        let mut shadow = self.shadow.borrow_mut();
        let step = shadow.shadowing.follow(wanted);
        // Of another statement: what it would do now is of no interest.
        if step != ShadowStep::Stay
            && let Some(ended) = shadow.bundle.take()
        {
            log::info("no longer in shadow", &ended.digest().to_string());
        }
        step
    }

    fn run_shadow(&self, wanted: InShadow, octets: Option<Vec<u8>>) -> Result<(), BundleError> {
        if !self.wants(wanted) {
            return Ok(());
        }
        let gateway = self.open(octets, wanted.bundle)?;
        let bundle = ShadowBundle::new(gateway, self.ports.seed(), wanted.share);
        log::info("bundle in shadow", &wanted.bundle.to_string());
        let mut shadow = self.shadow.borrow_mut();
        shadow.bundle = Some(Rc::new(bundle));
        shadow.shadowing.runs(wanted);
        Ok(())
    }

    /// Another look may have been quicker, or have found another statement.
    fn wants(&self, wanted: InShadow) -> bool {
        self.follow_shadow() == ShadowStep::Run(wanted)
    }

    fn shadow_failed(&self, wanted: InShadow, name: &'static str, reason: &str) {
        if self.wants(wanted) && self.shadow.borrow_mut().shadowing.failed(wanted, name) {
            log::refused("no bundle in shadow", name, reason);
        }
    }
}

/// A request that a bundle in shadow is to be asked about.
#[derive(Debug)]
pub(crate) struct Question {
    shadow: Rc<ShadowBundle>,
    decided: Would,
    late: Rc<LateRecord>,
}

impl Question {
    /// The question, where there is one about this request.
    pub(crate) fn about(decision: &Decision, isolate: &Isolate) -> Option<Self> {
        let shadow = isolate.shadow.borrow().bundle.clone()?;
        Some(Self {
            decided: Would::drawn(decision, shadow.share(), &isolate.ports)?,
            late: Rc::new(LateRecord::new(log::record)),
            shadow,
        })
    }

    /// The record that waits for what is said.
    pub(crate) fn late(&self) -> Rc<LateRecord> {
        Rc::clone(&self.late)
    }

    /// Asks behind the answer.
    pub(crate) fn ask(self, isolate: Rc<Isolate>, head: IncomingHead, ctx: &JsValue) {
        let watch = Watch {
            question: self,
            isolate,
            head,
        };
        behind(ctx, watch);
    }
}

/// A question on its way to a bundle in shadow.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Watch {
    question: Question,
    isolate: Rc<Isolate>,
    head: IncomingHead,
}

#[wasm_bindgen]
impl Watch {
    /// Asks: nothing, or the promise of an end.
    ///
    /// # Errors
    /// None.
    pub fn run(self) -> Result<JsValue, JsValue> {
        soon(async move {
            let Self {
                question,
                isolate,
                head,
            } = self;
            let Isolate { state, ports, .. } = &*isolate;
            let asked = question
                .shadow
                .compare(&question.decided, state, ports, &head);
            question.late.watched(asked.await);
            Ok(JsValue::UNDEFINED)
        })
    }
}
