//! Calls under way.

use std::borrow::Cow;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tidegate_edge::{FetchBounds, PortError, Ports};

use super::*;

/// A world whose server never answers, and where requests can wait for each other or not.
struct Stalled<const SHARED: bool> {
    world: World,
}

impl<const SHARED: bool> Ports for Stalled<SHARED> {
    const SHARES: bool = SHARED;

    fn now(&self) -> UnixMillis {
        self.world.now()
    }

    fn entropy(&self) -> [u8; 24] {
        self.world.entropy()
    }

    fn secret(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.world.secret(name)
    }

    async fn fetch(
        &self,
        _: http::Request<Vec<u8>>,
        _: FetchBounds,
    ) -> Result<http::Response<Vec<u8>>, PortError> {
        self.world.fetches.set(self.world.fetches.get() + 1);
        std::future::pending().await
    }
}

#[test]
fn a_flood_of_unknown_tokens_makes_no_flood_of_calls() {
    let gateway = gateway_asking(sessions(), &[]);
    let stalled = Stalled::<false> {
        world: World::new(),
    };
    let requests: Vec<_> = (0..100)
        .map(|number| bearer(&format!("unknown-{number}")))
        .collect();
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting = Vec::new();
    for request in &requests {
        let state = &stalled.world.state;
        let mut decision = Box::pin(gateway.decide(state, &stalled, request));
        match decision.as_mut().poll(&mut context) {
            Poll::Pending => waiting.push(decision),
            Poll::Ready(Decision::Respond(reply, _)) => {
                assert_eq!(problem(&reply).as_deref(), Some("issuer-unavailable"));
                assert_eq!(field(&reply, "retry-after").as_deref(), Some("1"));
            }
            Poll::Ready(Decision::Forward(_)) => panic!("forwarded"),
        }
    }
    assert_eq!(waiting.len(), 32);
    assert_eq!(stalled.world.fetches.get(), 32);
    // Clients that go away make room.
    drop(waiting);
    let mut decision = pin!(gateway.decide(&stalled.world.state, &stalled, &requests[0]));
    assert!(decision.as_mut().poll(&mut context).is_pending());
    assert_eq!(stalled.world.fetches.get(), 33);
}

#[test]
fn requests_with_one_token_wait_for_one_call() {
    let gateway = gateway_asking(sessions(), &[]);
    let stalled = Stalled::<true> {
        world: World::new(),
    };
    let request = bearer(TOKEN);
    let decide = || Box::pin(gateway.decide(&stalled.world.state, &stalled, &request));
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting: Vec<_> = (0..100).map(|_| decide()).collect();
    for decision in &mut waiting {
        assert!(decision.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(stalled.world.fetches.get(), 1);
    // The one that asked goes away: another one asks.
    drop(waiting.remove(0));
    for decision in &mut waiting {
        assert!(decision.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(stalled.world.fetches.get(), 2);
}
