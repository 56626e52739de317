//! What is asked of limits' authorities, and what is made of their answers.

mod server;

use tidegate_limits::{Grant, Question, Renewal, Spent};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Span;

use crate::ports::{PortError, Ports};
use crate::state::{DueRenewal, State};

pub use server::{InvalidLimitServer, LIMITS_MEDIA_TYPE, LimitServer};

/// How long an authority is waited for.
const PATIENCE: Span = Span(1_000);

/// Asks for a renewal, which the question is about.
pub(crate) async fn renew(
    question: &Question,
    renewal: &Renewal,
    ports: &impl Ports,
) -> Result<Grant, PortError> {
    let answer = ports.authority(question, PATIENCE).await?;
    answer.to_renewal(renewal).ok_or_else(senseless)
}

/// Asks to spend tokens, which the question is about.
pub(crate) async fn spend(
    question: &Question,
    tokens: u32,
    ports: &impl Ports,
) -> Result<Spent, PortError> {
    let answer = ports.authority(question, PATIENCE).await?;
    answer.to_spending(tokens).ok_or_else(senseless)
}

fn senseless() -> PortError {
    PortError("the authority's answer does not fit the question".to_owned())
}

impl State {
    /// A message to an authority that no request waits for, if there is one. For the adapter to
    /// [carry](DueRenewal::carry) behind the requests, each beside the others; without it,
    /// requests wait for the authorities.
    pub fn next_renewal(&self) -> Option<DueRenewal> {
        self.holdings.next_due()
    }

    /// Looks for leases that end soon, and for those that nobody needs. For the adapter to call
    /// about once a second, where it runs between requests.
    pub fn tend_leases(&self, now: UnixMillis) {
        self.holdings.tend(now);
    }
}

impl DueRenewal {
    /// Sends the message and takes the answer.
    ///
    /// # Errors
    /// [`PortError`], for the operator's log. What the lease does then is settled.
    pub async fn carry(self, ports: &impl Ports) -> Result<(), PortError> {
        let Self {
            question,
            renewal,
            held,
        } = self;
        let grant = renew(&question, &renewal, ports).await;
        let now = ports.now();
        if let Some(held) = held {
            let holding = &mut held.lock().holding;
            match &grant {
                Ok(grant) => holding.receive(grant, now),
                Err(_) => holding.lose(now),
            }
        }
        grant.map(|_| ())
    }
}
