//! A limit whose bucket has an authority: what is held of it, and what must be asked.

use std::sync::Arc;

use tidegate_limits::{
    Ask, Contract, Question, Renewal, Reservation, Spend, Spent, Standing, Unreachable, seconds_up,
};
use tidegate_shared::time::UnixMillis;

use crate::authority;
use crate::ports::Ports;
use crate::state::{DueRenewal, Held, Holdings};

/// What one request takes from a bucket with an authority.
#[derive(Debug)]
pub(super) struct Remote {
    held: Arc<Held>,
    contract: Contract,
    cost: u64,
    rule: Unreachable,
    /// Whether tokens are held ahead of need.
    leases: bool,
    pub(super) state: Taking,
}

/// How far the taking is.
#[derive(Debug)]
pub(super) enum Taking {
    /// What is held does not do: the authority must be asked.
    Asking,
    /// From what is held, when the renewal of this number was the last.
    Spent(u32),
    /// Set aside by the authority for this request.
    Reserved(Reservation),
    /// By the authority, for good.
    Debited,
    /// The authority does not answer, and requests pass.
    Passed,
    /// The authority does not answer, and requests do not pass.
    Failed(String),
    /// Used up until then.
    Denied(UnixMillis),
    /// A full bucket does not hold as much.
    Impossible,
}

impl Remote {
    /// Takes what is held, as far as it goes.
    pub(super) fn begin(
        held: Arc<Held>,
        cost: u64,
        leases: bool,
        rule: Unreachable,
        now: UnixMillis,
    ) -> Self {
        let mut holder = held.lock();
        let contract = holder.contract();
        if leases {
            holder.holding.demand(capped(cost, contract));
        }
        drop(holder);
        let mut remote = Self {
            held,
            contract,
            cost,
            rule,
            leases,
            state: Taking::Asking,
        };
        remote.state = remote.spend(now);
        remote
    }

    pub(super) fn is_asking(&self) -> bool {
        matches!(self.state, Taking::Asking)
    }

    pub(super) fn refuses(&self) -> bool {
        match self.state {
            Taking::Failed(_) | Taking::Denied(_) | Taking::Impossible => true,
            Taking::Asking
            | Taking::Spent(_)
            | Taking::Reserved(_)
            | Taking::Debited
            | Taking::Passed => false,
        }
    }

    fn tokens(&self) -> u32 {
        capped(self.cost, self.contract)
    }

    fn spend(&self, now: UnixMillis) -> Taking {
        if self.cost > self.contract.burst().into() {
            return Taking::Impossible;
        }
        let holding = &mut self.held.lock().holding;
        match holding.spend(self.tokens(), now) {
            Spend::Admitted => Taking::Spent(holding.sequence()),
            Spend::Denied(until) => Taking::Denied(until),
            Spend::Starved => Taking::Asking,
            Spend::Unreachable => {
                let (rule, contract, tokens) = (self.rule, self.contract, self.tokens());
                if holding.admit_unreachable(rule, contract, tokens, now) {
                    Taking::Passed
                } else {
                    Taking::Failed("it did not answer lately".to_owned())
                }
            }
        }
    }

    /// Asks the authority. With `alone`, all else that the request needs is there, so that what is
    /// debited need not be given back.
    pub(super) async fn ask(&mut self, alone: bool, holdings: &Holdings, ports: &impl Ports) {
        if self.leases {
            self.renew(ports).await;
            if !self.is_asking() {
                return;
            }
        }
        if alone {
            self.debit(ports).await;
        } else {
            self.reserve(holdings, ports).await;
        }
    }

    /// Waits for a renewal, unless one is under way for another request.
    async fn renew(&mut self, ports: &impl Ports) {
        let Some((question, renewal)) = self.renewal(ports.now()) else {
            return;
        };
        let grant = authority::renew(&question, &renewal, ports).await;
        let now = ports.now();
        match grant {
            Ok(grant) => {
                self.held.lock().holding.receive(&grant, now);
                self.state = self.spend(now);
            }
            Err(error) => {
                self.held.lock().holding.lose(now);
                self.fail(error.0, now);
            }
        }
    }

    fn renewal(&self, now: UnixMillis) -> Option<(Question, Renewal)> {
        let mut holder = self.held.lock();
        if holder.holding.is_renewing(now) {
            return None;
        }
        let renewal = (holder.holding).renew(self.contract, self.tokens(), now);
        let question = self.held.question(&holder, Ask::Renew(renewal));
        Some((question, renewal))
    }

    async fn debit(&mut self, ports: &impl Ports) {
        let tokens = self.tokens();
        let question = self.held.question(&self.held.lock(), Ask::Spend(tokens));
        let spent = authority::spend(&question, tokens, ports).await;
        let now = ports.now();
        match spent {
            Ok(spent) => {
                self.held.lock().holding.learn(tokens, &spent, now);
                self.state = if spent.tokens == tokens {
                    Taking::Debited
                } else {
                    Taking::Denied(now.plus(spent.retry_after.into()))
                };
            }
            Err(error) => {
                self.held.lock().holding.miss(now);
                self.fail(error.0, now);
            }
        }
    }

    async fn reserve(&mut self, holdings: &Holdings, ports: &impl Ports) {
        let tokens = self.tokens();
        let reservation = Reservation::new(holdings.name(), tokens);
        let renewal = reservation.ask();
        let question = (self.held).question(&self.held.lock(), Ask::Renew(renewal));
        let grant = authority::renew(&question, &renewal, ports).await;
        let now = ports.now();
        match grant {
            Ok(grant) => {
                let reserved = grant.granted == tokens;
                let known = Spent {
                    tokens: if reserved { tokens } else { 0 },
                    retry_after: grant.retry_after,
                    free: grant.free,
                };
                self.held.lock().holding.learn(tokens, &known, now);
                if reserved {
                    self.state = Taking::Reserved(reservation);
                } else {
                    self.state = Taking::Denied(now.plus(grant.retry_after.into()));
                    self.tell(reservation.give_back(), holdings);
                }
            }
            Err(error) => {
                self.held.lock().holding.miss(now);
                self.fail(error.0, now);
            }
        }
    }

    /// Leaves word of a reservation.
    fn tell(&self, renewal: Renewal, holdings: &Holdings) {
        let question = (self.held).question(&self.held.lock(), Ask::Renew(renewal));
        holdings.tell(DueRenewal {
            question,
            renewal,
            held: None,
        });
    }

    fn fail(&mut self, cause: String, now: UnixMillis) {
        let (rule, contract, tokens) = (self.rule, self.contract, self.tokens());
        let holding = &mut self.held.lock().holding;
        self.state = if holding.admit_unreachable(rule, contract, tokens, now) {
            Taking::Passed
        } else {
            Taking::Failed(cause)
        };
    }

    /// Ends the taking: the request goes on, or everything is given back. What the authority is to
    /// be told is left for the adapter.
    pub(super) fn end(&self, goes_on: bool, holdings: &Holdings, now: UnixMillis) {
        match &self.state {
            Taking::Reserved(reservation) if goes_on => self.tell(reservation.used(), holdings),
            Taking::Reserved(reservation) => self.tell(reservation.give_back(), holdings),
            Taking::Spent(sequence) if !goes_on => {
                let holding = &mut self.held.lock().holding;
                holding.unspend(self.tokens(), *sequence);
            }
            Taking::Spent(_)
            | Taking::Debited
            | Taking::Asking
            | Taking::Passed
            | Taking::Failed(_)
            | Taking::Denied(_)
            | Taking::Impossible => {}
        }
        let mut holder = self.held.lock();
        if holder.holding.is_due(self.contract, now) {
            let renewal = if self.leases {
                holder.holding.renew(self.contract, 0, now)
            } else {
                // Shows whether the authority answers again.
                holder.holding.give_back(now)
            };
            let question = self.held.question(&holder, Ask::Renew(renewal));
            holdings.tell(DueRenewal {
                question,
                renewal,
                held: Some(Arc::clone(&self.held)),
            });
        }
    }

    /// How the bucket stands, once the taking has [ended](Self::end); `None` where that is not
    /// known.
    pub(super) fn standing(&self, now: UnixMillis) -> Option<Standing> {
        let holder = self.held.lock();
        let remaining = (holder.holding.remaining(now)).min(self.contract.burst());
        let used = self.contract.burst().saturating_sub(remaining);
        let (admitted, reset) = match self.state {
            Taking::Asking | Taking::Passed | Taking::Failed(_) => return None,
            Taking::Spent(_) | Taking::Reserved(_) | Taking::Debited => {
                (true, Some(self.contract.drain(used.into())))
            }
            Taking::Denied(until) => {
                let millis = until.since(now).max(1);
                (false, Some(millis.saturating_mul(1_000_000)))
            }
            Taking::Impossible => (false, None),
        };
        Some(Standing {
            admitted,
            remaining: remaining.into(),
            reset: reset.map(seconds_up),
        })
    }
}

/// What a request takes, of which more than a full bucket is never asked for.
fn capped(cost: u64, contract: Contract) -> u32 {
    u32::try_from(cost).map_or(contract.burst(), |cost| cost.min(contract.burst()))
}
