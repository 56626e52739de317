//! A bundle in shadow, asked beside the origin or behind the answer.

use std::rc::Rc;

use spin_sdk::wit_bindgen::{spawn, yield_async};
use tidegate_edge::{Decision, LateRecord, ShadowBundle, State, Would};

use crate::head::IncomingHead;
use crate::log;
use crate::needs::Needs;
use crate::policy::Policy;
use crate::ports::SpinPorts;

/// A bundle that decides in shadow, with the secrets that it names.
pub(crate) struct Shadow {
    pub(crate) bundle: ShadowBundle,
    pub(crate) needs: Needs,
}

/// Sees to it that the bundle in shadow is asked about a request, where there is one and the
/// request is of its share. Gives the record that waits for what is said.
///
/// An instance may be there for this one request: where it has not fetched the bundle yet, that is
/// done for this request already, and nobody but the record waits for it.
pub(crate) fn watch(
    policy: &Policy,
    state: &Rc<State>,
    decision: &Decision,
    head: &Rc<IncomingHead>,
) -> Option<Rc<LateRecord>> {
    let (channel, wanted) = policy.shadow()?;
    let ports = SpinPorts {
        needs: &policy.needs,
    };
    let decided = Would::drawn(decision, wanted.share, &ports)?;
    let late = Rc::new(LateRecord::new(log::record));
    let (noted, state, head) = (Rc::clone(&late), Rc::clone(state), Rc::clone(head));
    spawn(async move {
        // The answer goes first, or the request to its origin.
        yield_async().await;
        if let Some(shadow) = channel.shadow().await {
            let ports = SpinPorts {
                needs: &shadow.needs,
            };
            let asked = shadow.bundle.compare(&decided, &state, &ports, &*head);
            noted.watched(asked.await);
        }
    });
    Some(late)
}
