//! The tunnel as JavaScript has it.

use bytes::Bytes;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::tunnel::{Event, Http2Tunnel};

/// A tunnel over one WebSocket. After each call there may be [messages](Tunnel::output) to send and
/// [events](Tunnel::event) to act on.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Tunnel(Http2Tunnel);

/// What has happened to a request.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Happening(Event);

#[wasm_bindgen]
impl Tunnel {
    /// A tunnel over a WebSocket that has just been opened.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// A binary message has come.
    pub fn receive(&mut self, octets: Vec<u8>) {
        self.0.receive(Bytes::from(octets));
    }

    /// The socket is gone.
    pub fn end(&mut self) {
        self.0.end();
    }

    /// Whether no more will ever come.
    #[wasm_bindgen(getter)]
    pub fn over(&self) -> bool {
        self.0.is_over()
    }

    /// The requests that are under way.
    #[wasm_bindgen(getter)]
    pub fn load(&self) -> usize {
        self.0.load()
    }

    /// How many more it takes now.
    #[wasm_bindgen(getter)]
    pub fn room(&mut self) -> usize {
        self.0.room()
    }

    /// Sends a request; `undefined` where that is not possible.
    pub fn send(&mut self, head: &str, body: bool) -> Option<u32> {
        self.0.send(head, body).ok()
    }

    /// A piece of a request's body.
    pub fn data(&mut self, id: u32, octets: Vec<u8>) {
        self.0.data(id, Bytes::from(octets));
    }

    /// A request's body is complete.
    pub fn finish(&mut self, id: u32) {
        self.0.finish(id);
    }

    /// The client takes the next piece of an answer.
    pub fn want(&mut self, id: u32) {
        self.0.want(id);
    }

    /// Nobody waits for an answer any more.
    pub fn cancel(&mut self, id: u32) {
        self.0.cancel(id);
    }

    /// Asks the connector whether it is there. Whether it has answered the last time.
    pub fn ask(&mut self) -> bool {
        self.0.ask()
    }

    /// The next message to send.
    pub fn output(&mut self) -> Option<Vec<u8>> {
        self.0.output().map(Vec::from)
    }

    /// What has happened next.
    pub fn event(&mut self) -> Option<Happening> {
        self.0.event().map(Happening)
    }
}

#[wasm_bindgen]
impl Happening {
    /// What it is.
    #[wasm_bindgen(getter)]
    pub fn kind(&self) -> JsValue {
        JsValue::from_str(match &self.0 {
            Event::Head { .. } => "head",
            Event::Data { .. } => "data",
            Event::End { .. } => "end",
            Event::Taken { .. } => "taken",
            Event::Stopped { .. } => "stopped",
            Event::Failed { .. } => "failed",
        })
    }

    /// The request.
    #[wasm_bindgen(getter)]
    pub fn id(&self) -> u32 {
        match &self.0 {
            Event::Head { id, .. }
            | Event::Data { id, .. }
            | Event::End { id }
            | Event::Taken { id }
            | Event::Stopped { id }
            | Event::Failed { id, .. } => *id,
        }
    }

    /// The head of an answer, or why there is none.
    #[wasm_bindgen(getter)]
    pub fn text(&self) -> Option<String> {
        match &self.0 {
            Event::Head { head, .. } => Some(head.clone()),
            Event::Failed { cause, .. } => Some(cause.clone()),
            Event::Data { .. }
            | Event::End { .. }
            | Event::Taken { .. }
            | Event::Stopped { .. } => None,
        }
    }

    /// A piece of an answer.
    #[wasm_bindgen(getter)]
    pub fn octets(&self) -> Option<Vec<u8>> {
        match &self.0 {
            Event::Data { octets, .. } => Some(octets.to_vec()),
            Event::Head { .. }
            | Event::End { .. }
            | Event::Taken { .. }
            | Event::Stopped { .. }
            | Event::Failed { .. } => None,
        }
    }

    /// Of a head whether a body follows, of a failure whether the request may be sent elsewhere.
    #[wasm_bindgen(getter)]
    pub fn flag(&self) -> bool {
        match &self.0 {
            Event::Head { body, .. } => *body,
            Event::Failed { unsent, .. } => *unsent,
            Event::Data { .. }
            | Event::End { .. }
            | Event::Taken { .. }
            | Event::Stopped { .. } => false,
        }
    }
}
