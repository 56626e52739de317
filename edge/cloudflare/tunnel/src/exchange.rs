//! One request over a tunnel, and its answer. Both bodies move as fast as the slower side takes them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use futures_util::future::try_join;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::Request;

use crate::budget::Budget;
use crate::head;
use crate::tunnel::Event;

/// Octets of a body that are asked for, or given out, at once.
const PIECE: usize = 64 * 1024;

/// What an exchange and those outside tell each other.
#[derive(Debug)]
pub(crate) struct Exchange {
    id: u32,
    events: Rc<RefCell<VecDeque<Event>>>,
    budget: Rc<Budget>,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Of the request's body, what is to be sent.
    piece: Option<Bytes>,
    /// The request's body has ended.
    ended: bool,
    /// The client takes another piece of the answer.
    wanted: bool,
    /// Whatever waits for any of these, above and below.
    wakers: [Option<Waker>; 2],
    cancelled: bool,
    canceller: Option<Waker>,
}

/// Which half waits.
const UP: usize = 0;
const DOWN: usize = 1;

impl Exchange {
    pub(crate) fn new(id: u32, events: Rc<RefCell<VecDeque<Event>>>, budget: Rc<Budget>) -> Self {
        Self {
            id,
            events,
            budget,
            state: RefCell::default(),
        }
    }

    /// A piece of the request's body; the next one once this is [`Taken`](Event::Taken).
    pub(crate) fn piece(&self, octets: Bytes) {
        self.change(UP, |state| state.piece = Some(octets));
    }

    /// The request's body is complete.
    pub(crate) fn end(&self) {
        self.change(UP, |state| state.ended = true);
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn cancel(&self) {
        let mut state = self.state.borrow_mut();
        state.cancelled = true;
        if let Some(waker) = state.canceller.take() {
            waker.wake();
        }
    }

    /// The client takes another piece of the answer.
    pub(crate) fn want(&self) {
        self.change(DOWN, |state| state.wanted = true);
    }

    fn change(&self, half: usize, change: impl FnOnce(&mut State)) {
        let mut state = self.state.borrow_mut();
        change(&mut state);
        if let Some(waker) = state.wakers.get_mut(half).and_then(Option::take) {
            waker.wake();
        }
    }

    /// Looks at the state until there is something in it.
    fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        half: usize,
        look: impl FnOnce(&mut State) -> Option<T>,
    ) -> Poll<T> {
        let mut state = self.state.borrow_mut();
        if let Some(found) = look(&mut state) {
            return Poll::Ready(found);
        }
        if let Some(slot) = state.wakers.get_mut(half) {
            *slot = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    fn tell(&self, event: Event) {
        self.events.borrow_mut().push_back(event);
    }

    /// Sends the request and passes the answer on. What goes wrong is told, too.
    pub(crate) async fn run(
        self: Rc<Self>,
        sender: SendRequest<Bytes>,
        request: Request<()>,
        body: bool,
    ) -> u32 {
        let mut exchange = Box::pin(self.exchange(sender, request, body));
        let ended = poll_fn(|cx| {
            let mut state = self.state.borrow_mut();
            if state.cancelled {
                // What is dropped before its end is reset (RFC 9113 §5.4.2).
                return Poll::Ready(Ok(()));
            }
            state.canceller = Some(cx.waker().clone());
            drop(state);
            exchange.as_mut().poll(cx)
        });
        if let Err(Failure { unsent, cause }) = ended.await {
            let id = self.id;
            self.tell(Event::Failed { id, unsent, cause });
        }
        self.id
    }

    async fn exchange(
        &self,
        sender: SendRequest<Bytes>,
        request: Request<()>,
        body: bool,
    ) -> Result<(), Failure> {
        let mut sender = sender.ready().await.map_err(Failure::unsent)?;
        let sent = sender.send_request(request, !body);
        let (response, stream) = sent.map_err(Failure::unsent)?;
        drop(sender);
        let up = async {
            match body {
                true => self.up(stream).await,
                false => Ok(()),
            }
        };
        try_join(up, self.down(response)).await?;
        Ok(())
    }

    /// The request's body. Where the connector wants no more of it, that is not a failure: it has
    /// answered, or will (RFC 9113 §8.1).
    async fn up(&self, mut stream: SendStream<Bytes>) -> Result<(), Failure> {
        loop {
            let next = poll_fn(|cx| {
                if stream.poll_reset(cx).is_ready() {
                    return Poll::Ready(Next::Stop);
                }
                self.poll(cx, UP, |state| match state.piece.take() {
                    Some(piece) => Some(Next::Piece(piece)),
                    None => state.ended.then_some(Next::End),
                })
            });
            let mut piece = match next.await {
                Next::Piece(piece) => piece,
                Next::End => {
                    // Where that is refused, the other half hears why.
                    let _ = stream.send_data(Bytes::new(), true);
                    return Ok(());
                }
                Next::Stop => break,
            };
            while !piece.is_empty() {
                stream.reserve_capacity(piece.len().min(PIECE));
                let mut room = stream.capacity();
                if room == 0 {
                    match poll_fn(|cx| stream.poll_capacity(cx)).await {
                        Some(Ok(_)) => room = stream.capacity(),
                        Some(Err(_)) | None => {
                            self.tell(Event::Stopped { id: self.id });
                            return Ok(());
                        }
                    }
                }
                let most = room.min(piece.len());
                if most == 0 {
                    continue;
                }
                let length = poll_fn(|cx| self.budget.poll_take(cx, most)).await;
                if stream.send_data(piece.split_to(length), false).is_err() {
                    self.tell(Event::Stopped { id: self.id });
                    return Ok(());
                }
            }
            self.tell(Event::Taken { id: self.id });
        }
        self.tell(Event::Stopped { id: self.id });
        Ok(())
    }

    /// The answer.
    async fn down(&self, response: ResponseFuture) -> Result<(), Failure> {
        let response = response.await.map_err(Failure::of)?;
        let id = self.id;
        let text = head::response(&response);
        let mut body = response.into_body();
        let more = !body.is_end_stream();
        self.tell(Event::Head {
            id,
            head: text,
            body: more,
        });
        if !more {
            return Ok(());
        }
        let mut last = None;
        loop {
            let wanted = |state: &mut State| std::mem::take(&mut state.wanted).then_some(());
            poll_fn(|cx| self.poll(cx, DOWN, wanted)).await;
            let octets = match last.take() {
                Some(Err(error)) => return Err(Failure::of(error)),
                Some(Ok(())) => None,
                None => self.next(&mut body, &mut last).await?,
            };
            match octets {
                Some(octets) => self.tell(Event::Data { id, octets }),
                None => {
                    self.tell(Event::End { id });
                    return Ok(());
                }
            }
        }
    }

    /// What there is of the body, once there is something: up to a piece, and how it goes on where
    /// that is known. Then there is room for as much again.
    async fn next(
        &self,
        body: &mut RecvStream,
        last: &mut Option<Result<(), h2::Error>>,
    ) -> Result<Option<Bytes>, Failure> {
        let first = loop {
            match body.data().await {
                None => return Ok(None),
                Some(Ok(octets)) if octets.is_empty() => {}
                Some(octets) => break octets.map_err(Failure::of)?,
            }
        };
        let mut all = BytesMut::from(first);
        while all.len() < PIECE {
            match poll_fn(|cx| Poll::Ready(body.poll_data(cx))).await {
                Poll::Pending => break,
                Poll::Ready(Some(Ok(octets))) => all.extend_from_slice(&octets),
                Poll::Ready(Some(Err(error))) => {
                    *last = Some(Err(error));
                    break;
                }
                Poll::Ready(None) => {
                    *last = Some(Ok(()));
                    break;
                }
            }
        }
        // More is never released than has come.
        let _ = body.flow_control().release_capacity(all.len());
        Ok(Some(all.freeze()))
    }
}

enum Next {
    Piece(Bytes),
    End,
    Stop,
}

/// An exchange without an answer, or without the end of one.
struct Failure {
    /// The connector has done nothing with it.
    unsent: bool,
    cause: String,
}

impl Failure {
    #[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
    fn unsent(error: h2::Error) -> Self {
        Self {
            unsent: true,
            cause: error.to_string(),
        }
    }

    /// RFC 9113 §8.7: what was refused, or is behind the last stream of a GOAWAY, was not processed.
    #[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
    fn of(error: h2::Error) -> Self {
        let reason = error.reason();
        let refused = error.is_reset() && reason == Some(Reason::REFUSED_STREAM);
        let behind = error.is_go_away() && reason == Some(Reason::NO_ERROR);
        Self {
            unsent: error.is_remote() && (refused || behind),
            cause: error.to_string(),
        }
    }
}
