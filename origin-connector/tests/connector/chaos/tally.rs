//! What callers sent and got, beside what origins saw.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use http::Method;

use super::load::Sent;
use crate::origin::Origin;
use crate::program::Running;

/// More than this in octets is memory that did not come back: an allocator keeps some.
const KEPT: u64 = 48 << 20;

/// How long memory may take to come back.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Tally {
    name: &'static str,
    sent: usize,
    answered: usize,
    /// By the connector: 5xx.
    refused: usize,
    /// Without any answer.
    unanswered: usize,
    /// Idempotent requests without the origin's answer.
    lost: usize,
    /// Others that reached origins more than once.
    twice: usize,
    /// Answers that were another request's.
    mixed: usize,
    /// Answered, and no origin knows of it.
    invented: usize,
    /// Octets of the connector, where they are compared: before, and after.
    memory: Option<(u64, u64)>,
}

impl Tally {
    pub(super) fn new(name: &'static str, sent: Vec<Sent>, origins: &[Origin]) -> Self {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for parts in origins.iter().flat_map(Origin::seen) {
            if let Some(id) = parts.headers.get("x-request-id") {
                *seen.entry(id.to_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        let mut tally = Self {
            name,
            sent: sent.len(),
            ..Self::default()
        };
        for Sent { id, method, answer } in sent {
            let times = seen.get(&id).copied().unwrap_or(0);
            match &answer {
                Some((200, body)) => {
                    tally.answered += 1;
                    tally.mixed += usize::from(*body != id);
                    tally.invented += usize::from(times == 0);
                }
                Some(_) => tally.refused += 1,
                None => tally.unanswered += 1,
            }
            let good = matches!(answer, Some((200, _)));
            tally.lost += usize::from(method == Method::GET && !good);
            tally.twice += usize::from(method != Method::GET && times > 1);
        }
        tally
    }

    /// Waits, for a bounded time, until the memory has come back: the allocator gives it to the system
    /// some seconds after the last use.
    pub(super) async fn memory(&mut self, before: u64, connector: &Running) {
        let until = Instant::now() + PATIENCE;
        let mut after = connector.memory();
        while after >= before + KEPT && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(100)).await;
            after = connector.memory();
        }
        self.memory = Some((before, after));
    }

    /// What must hold whatever happens.
    pub(super) fn hold(&self) {
        let memory = self.memory.map_or("-".to_owned(), |(before, after)| {
            format!("{} to {}", before / 1024, after / 1024)
        });
        // The first line of the table stands in every run of one scenario.
        println!(
            "{:<34} {:>7} {:>8} {:>7} {:>10} {:>5} {:>5} {:>5} {:>16}",
            "",
            "sent",
            "answered",
            "refused",
            "unanswered",
            "lost",
            "twice",
            "mixed",
            "memory, KiB"
        );
        println!(
            "{:<34} {:>7} {:>8} {:>7} {:>10} {:>5} {:>5} {:>5} {memory:>16}",
            self.name,
            self.sent,
            self.answered,
            self.refused,
            self.unanswered,
            self.lost,
            self.twice,
            self.mixed,
        );
        assert!(self.answered > 0, "{self:?}");
        let faults = (self.lost, self.twice, self.mixed, self.invented);
        assert_eq!(faults, (0, 0, 0, 0), "{self:?}");
        if let Some((before, after)) = self.memory {
            assert!(after < before + KEPT, "{self:?}");
        }
    }

    /// And where nothing happens to the origin: every request is answered.
    pub(super) fn hold_all(&self) {
        self.hold();
        assert_eq!(self.answered, self.sent, "{self:?}");
    }
}
