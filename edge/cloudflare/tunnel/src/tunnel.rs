//! A tunnel, from its first octet to its last.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use h2::client::{Builder, Connection, SendRequest};
use h2::{Ping, PingPong};

use crate::budget::Budget;
use crate::exchange::Exchange;
use crate::head;
use crate::wire::Wire;

/// Requests at once; fewer where the connector says so.
const STREAMS: usize = 128;
/// Octets of one answer that may be under way to here.
const STREAM_WINDOW: u32 = 128 * 1024;
/// The largest head of an answer in octets.
const MAX_HEAD: u32 = 64 * 1024;
/// Streams that may be reset over a tunnel's life because of what came in, such as what was under way
/// when a client went.
const RESETS: usize = 1 << 20;

/// What has happened to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The answer has begun: its status in a line, and a line `name:value` for each field.
    Head {
        /// The request.
        id: u32,
        /// The text.
        head: String,
        /// Whether there is a body to ask for.
        body: bool,
    },
    /// A piece of the answer that was asked for.
    Data {
        /// The request.
        id: u32,
        /// The piece.
        octets: Bytes,
    },
    /// The answer is complete.
    End {
        /// The request.
        id: u32,
    },
    /// The last piece of the request's body has gone out.
    Taken {
        /// The request.
        id: u32,
    },
    /// The connector wants no more of the request's body.
    Stopped {
        /// The request.
        id: u32,
    },
    /// There is no answer, or no end of it.
    Failed {
        /// The request.
        id: u32,
        /// Whether the connector has not looked at it, so that it may be sent elsewhere.
        unsent: bool,
        /// Why.
        cause: String,
    },
}

/// A tunnel takes no request now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// It has as many as it takes, or takes none any more.
    NoRoom,
    /// What was given is no head of a request.
    InvalidHead,
}

type Task = Pin<Box<dyn Future<Output = u32>>>;

/// The client's side of HTTP/2 over the messages of a WebSocket.
pub struct Http2Tunnel {
    wire: Wire,
    /// None once it has ended.
    connection: Option<Connection<Wire, Bytes>>,
    sender: Option<SendRequest<Bytes>>,
    pings: Option<PingPong>,
    tasks: FuturesUnordered<Task>,
    exchanges: HashMap<u32, Rc<Exchange>>,
    next: u32,
    events: Rc<RefCell<VecDeque<Event>>>,
    budget: Rc<Budget>,
    woken: Arc<Woken>,
}

impl std::fmt::Debug for Http2Tunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http2Tunnel")
            .field("over", &self.is_over())
            .field("exchanges", &self.exchanges.len())
            .finish_non_exhaustive()
    }
}

/// Whether something has become possible while something else was done.
#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Default for Http2Tunnel {
    fn default() -> Self {
        Self::new()
    }
}

impl Http2Tunnel {
    /// A tunnel over a WebSocket that has just been opened.
    pub fn new() -> Self {
        let wire = Wire::default();
        let streams = u32::try_from(STREAMS).unwrap_or(u32::MAX);
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .max_header_list_size(MAX_HEAD)
            .initial_window_size(STREAM_WINDOW)
            // Answers to many clients share the tunnel: one that its client does not take must not
            // hold the others up, so that the connection's window has room for all of them.
            .initial_connection_window_size(STREAM_WINDOW.saturating_mul(streams))
            // Nothing is sent before the connector has said how much it takes.
            .initial_max_send_streams(0)
            // A stream that was reset is forgotten at once: to forget it later takes a clock.
            .max_concurrent_reset_streams(0)
            .max_local_error_reset_streams(Some(RESETS));
        let mut handshake = Box::pin(builder.handshake::<_, Bytes>(wire.clone()));
        // It writes, and whatever is written is taken at once.
        let begun = match handshake
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(Ok(begun)) => Some(begun),
            Poll::Ready(Err(_)) | Poll::Pending => None,
        };
        let (sender, mut connection) = begun.unzip();
        let pings = connection.as_mut().and_then(Connection::ping_pong);
        let mut tunnel = Self {
            wire,
            connection,
            sender,
            pings,
            tasks: FuturesUnordered::new(),
            exchanges: HashMap::new(),
            next: 0,
            events: Rc::default(),
            budget: Rc::default(),
            woken: Arc::default(),
        };
        tunnel.turn();
        tunnel
    }

    /// A binary message has come.
    pub fn receive(&mut self, octets: Bytes) {
        self.wire.receive(octets);
        self.turn();
    }

    /// The socket is gone. Answers that are complete already can still be asked for.
    pub fn end(&mut self) {
        self.wire.end();
        self.turn();
    }

    /// Whether no more will ever come.
    pub fn is_over(&self) -> bool {
        self.connection.is_none()
    }

    /// The requests that are under way.
    pub fn load(&self) -> usize {
        self.exchanges.len()
    }

    /// How many more requests it takes now.
    pub fn room(&mut self) -> usize {
        let (Some(connection), Some(sender)) = (&self.connection, &mut self.sender) else {
            return 0;
        };
        let mut cx = Context::from_waker(Waker::noop());
        // After a GOAWAY (RFC 9113 §6.8) none is taken.
        if let Poll::Ready(Err(_)) = sender.poll_ready(&mut cx) {
            return 0;
        }
        let most = connection.max_concurrent_send_streams().min(STREAMS);
        most.saturating_sub(self.exchanges.len())
    }

    /// Sends a request, whose head is `METHOD URL` and a line `name:value` for each field.
    ///
    /// # Errors
    /// [`Full`] where that is not possible; nothing was sent then.
    pub fn send(&mut self, text: &str, body: bool) -> Result<u32, Full> {
        let request = head::request(text).map_err(|_| Full::InvalidHead)?;
        if self.room() == 0 {
            return Err(Full::NoRoom);
        }
        let sender = self.sender.clone().ok_or(Full::NoRoom)?;
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        let exchange = Exchange::new(id, Rc::clone(&self.events), Rc::clone(&self.budget));
        let exchange = Rc::new(exchange);
        self.exchanges.insert(id, Rc::clone(&exchange));
        self.tasks
            .push(Box::pin(exchange.run(sender, request, body)));
        self.turn();
        Ok(id)
    }

    /// A piece of a request's body; the next one when this is [`Event::Taken`].
    pub fn data(&mut self, id: u32, octets: Bytes) {
        self.with(id, |exchange| exchange.piece(octets));
    }

    /// A request's body is complete.
    pub fn finish(&mut self, id: u32) {
        self.with(id, Exchange::end);
    }

    /// The client takes the next piece of an answer.
    pub fn want(&mut self, id: u32) {
        self.with(id, Exchange::want);
    }

    /// Nobody waits for an answer any more, or a request's body has broken off.
    pub fn cancel(&mut self, id: u32) {
        self.with(id, Exchange::cancel);
    }

    /// Asks the connector whether it is there. Whether it has answered what was asked before the last
    /// call.
    pub fn ask(&mut self) -> bool {
        if self.budget.overdue() {
            return false;
        }
        self.ping(true);
        self.turn();
        true
    }

    /// The next message to send.
    pub fn output(&mut self) -> Option<Bytes> {
        let octets = self.wire.output()?;
        if self.budget.output(octets.len()) {
            return Some(octets);
        }
        self.end();
        None
    }

    /// What has happened next.
    pub fn event(&mut self) -> Option<Event> {
        self.events.borrow_mut().pop_front()
    }

    fn with(&mut self, id: u32, act: impl FnOnce(&Exchange)) {
        if let Some(exchange) = self.exchanges.get(&id) {
            act(exchange);
            self.turn();
        }
    }

    /// Does all that can be done now.
    fn turn(&mut self) {
        let waker = Waker::from(Arc::clone(&self.woken));
        let mut cx = Context::from_waker(&waker);
        loop {
            self.woken.0.store(false, Ordering::Relaxed);
            if let Some(connection) = &mut self.connection
                && Pin::new(connection).poll(&mut cx).is_ready()
            {
                self.connection = None;
                self.pings = None;
                self.sender = None;
                self.budget.end();
            }
            while let Poll::Ready(Some(id)) = self.tasks.poll_next_unpin(&mut cx) {
                self.exchanges.remove(&id);
            }
            if let Some(pings) = &mut self.pings
                && let Poll::Ready(Ok(_)) = pings.poll_pong(&mut cx)
            {
                self.budget.answered();
            }
            self.ping(false);
            if !self.woken.0.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// Sends a PING where one is due; all that was sent before has gone out by now.
    fn ping(&mut self, always: bool) {
        if let Some(pings) = &mut self.pings
            && self.budget.wants_to_ask(always)
            && pings.send_ping(Ping::opaque()).is_ok()
        {
            self.budget.ask(always);
            self.woken.0.store(true, Ordering::Relaxed);
        }
    }
}
