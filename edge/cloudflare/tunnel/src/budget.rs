//! How much of requests' bodies may be on its way to the connector.
//!
//! A WebSocket of a Worker takes whatever it is given, and keeps it. What HTTP/2 lets through is
//! bounded by the connector's windows alone, which are as large as it likes. So no more goes out than
//! this, until the connector has answered a PING that was sent behind it (RFC 9113 §6.7): then all
//! that went before has arrived.

use std::cell::RefCell;
use std::task::{Context, Poll, Waker};

/// Octets that may be on their way.
const MOST: u64 = 1024 * 1024;
/// Octets after which the connector is asked.
const ASK: u64 = 128 * 1024;
/// Octets of any kind, answers to PINGs and the like, that may be on their way: whoever makes a tunnel
/// say more, and reads none of it, has no good in mind.
const OUTPUT: u64 = 8 * 1024 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Budget(RefCell<Account>);

#[derive(Debug, Default)]
struct Account {
    sent: u64,
    /// Of `sent`, what has arrived.
    arrived: u64,
    /// Octets of any kind that went out, and of them those that have arrived.
    output: u64,
    output_arrived: u64,
    /// Of `output`, what went before the PING that has no answer yet.
    output_asked: u64,
    /// Of `sent`, what went before the PING that has no answer yet.
    asked: Option<u64>,
    /// That PING was already under way at the last look.
    looked: bool,
    /// The tunnel has ended: nothing goes out any more.
    over: bool,
    waiting: Vec<Waker>,
}

impl Budget {
    /// Takes up to so many octets, and at least one.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>, most: usize) -> Poll<usize> {
        let mut account = self.0.borrow_mut();
        if account.over {
            return Poll::Ready(most);
        }
        let left = MOST.saturating_sub(account.sent.saturating_sub(account.arrived));
        let taken = most.min(usize::try_from(left).unwrap_or(usize::MAX));
        if taken == 0 {
            account.waiting.push(cx.waker().clone());
            return Poll::Pending;
        }
        account.sent = account.sent.saturating_add(taken as u64);
        Poll::Ready(taken)
    }

    /// Octets go out. Whether so many may be on their way.
    pub(crate) fn output(&self, octets: usize) -> bool {
        let mut account = self.0.borrow_mut();
        account.output = account.output.saturating_add(octets as u64);
        account.output.saturating_sub(account.output_arrived) <= OUTPUT
    }

    /// Whether it is time to ask, or `always` is.
    pub(crate) fn wants_to_ask(&self, always: bool) -> bool {
        let account = self.0.borrow();
        let open = account.sent.saturating_sub(account.arrived);
        let output = account.output.saturating_sub(account.output_arrived);
        account.asked.is_none() && (always || open.max(output) >= ASK)
    }

    /// A PING goes out, at a look or between two.
    pub(crate) fn ask(&self, look: bool) {
        let mut account = self.0.borrow_mut();
        account.asked = Some(account.sent);
        account.output_asked = account.output;
        account.looked = look;
    }

    /// Looks whether a PING has no answer that had none at the last look either.
    pub(crate) fn overdue(&self) -> bool {
        let mut account = self.0.borrow_mut();
        account.asked.is_some() && std::mem::replace(&mut account.looked, true)
    }

    /// It was answered.
    pub(crate) fn answered(&self) {
        let mut account = self.0.borrow_mut();
        if let Some(arrived) = account.asked.take() {
            account.arrived = arrived;
            account.output_arrived = account.output_asked;
        }
        account.wake();
    }

    /// Lets everything through, so that whoever waits hears that the tunnel has ended.
    pub(crate) fn end(&self) {
        let mut account = self.0.borrow_mut();
        account.over = true;
        account.wake();
    }
}

impl Account {
    fn wake(&mut self) {
        for waker in self.waiting.drain(..) {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_on_its_way_than_may_be() {
        let (ask, most) = (128 * 1024, 1024 * 1024);
        assert_eq!((ask as u64, most as u64), (ASK, MOST));
        let budget = Budget::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut take = |most| budget.poll_take(&mut cx, most);
        assert!(!budget.wants_to_ask(false));
        assert_eq!(take(ask), Poll::Ready(ask));
        assert!(budget.wants_to_ask(false));
        budget.ask(false);
        assert!(!budget.wants_to_ask(true));
        assert_eq!(take(usize::MAX), Poll::Ready(most - ask));
        assert_eq!(take(1), Poll::Pending);
        // What was sent behind the PING is still on its way.
        budget.answered();
        assert_eq!(take(usize::MAX), Poll::Ready(ask));
        assert_eq!(take(1), Poll::Pending);
        assert!(budget.wants_to_ask(false));
    }

    #[test]
    fn an_answer_has_from_one_look_to_the_next() {
        let budget = Budget::default();
        assert!(!budget.overdue());
        budget.ask(true);
        assert!(budget.overdue());
        budget.answered();
        assert!(!budget.overdue());
        // What was asked a moment before a look has time until the one after it.
        budget.ask(false);
        assert!(!budget.overdue());
        assert!(budget.overdue());
    }
}
