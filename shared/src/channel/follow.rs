//! A reader of a channel: what it has seen, what it runs, and what it should fetch next.

use super::verify::{Knowledge, OtherBundle, Refused, Seen, open_bundle, verify};
use super::{ChannelName, InShadow, Statement};
use crate::bundle::Bundle;
use crate::digest::Digest;
use crate::envelope::Verified;
use crate::time::UnixMillis;
use crate::trust::TrustKeys;

/// Follows a channel. It does no IO: it is given what a store gave, and says what to ask for.
#[derive(Clone, Debug)]
pub struct Follower {
    channel: ChannelName,
    trust: TrustKeys,
    minimum: u64,
    /// Invariant: below 100. Kept for all statements, so that a roll-out only widens.
    draw: u8,
    seen: Option<Seen>,
    /// The statement that `seen` tells from others.
    accepted: Option<Statement>,
    in_force: Option<Digest>,
}

impl Follower {
    /// A reader that has seen nothing. `entropy` decides which side of roll-outs it is on.
    pub fn new(channel: ChannelName, trust: TrustKeys, minimum: u64, entropy: u64) -> Self {
        Self {
            channel,
            trust,
            minimum,
            draw: u8::try_from(entropy % 100).unwrap_or_default(),
            seen: None,
            accepted: None,
            in_force: None,
        }
    }

    /// The channel.
    pub fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// Remembers what it knew before it was started again: the statement that it followed then,
    /// which may have expired meanwhile. Says which bundle it ran.
    ///
    /// # Errors
    /// [`Refused`]; it then knows no more than before.
    pub fn recall(&mut self, statement: &[u8]) -> Result<Digest, Refused> {
        // What was accepted at its time may still be run; only new ones must be in time.
        let issued = crate::envelope::Signed::parse(statement)?
            .verify::<Statement>(&self.trust)?
            .content()
            .issued;
        let statement = self.verify(statement, issued)?;
        Ok(self.accept(statement))
    }

    /// Takes note of a statement. Says which bundle to fetch, unless that one is in force.
    ///
    /// # Errors
    /// [`Refused`]; what is in force stays.
    pub fn statement(&mut self, octets: &[u8], now: UnixMillis) -> Result<Option<Digest>, Refused> {
        let statement = self.verify(octets, now)?;
        // Also where its bundle cannot be had yet: an older statement is no way back.
        let bundle = self.accept(statement);
        Ok(Some(bundle).filter(|bundle| self.in_force != Some(*bundle)))
    }

    fn accept(&mut self, statement: Verified<Statement>) -> Digest {
        self.seen = Some((&statement).into());
        let statement = self.accepted.insert(statement.into_content());
        statement.bundle_for(self.draw)
    }

    /// The newest statement that it accepted, once its bundle is in force.
    pub fn settled(&self) -> Option<&Statement> {
        let statement = self.accepted.as_ref()?;
        let bundle = statement.bundle_for(self.draw);
        Some(statement).filter(|_| self.in_force == Some(bundle))
    }

    fn verify(&self, octets: &[u8], now: UnixMillis) -> Result<Verified<Statement>, Refused> {
        let known = Knowledge {
            channel: &self.channel,
            trust: &self.trust,
            seen: self.seen,
            minimum: self.minimum,
            now,
        };
        verify(octets, &known)
    }

    /// What is to decide in shadow, beside the bundle that is in force.
    pub fn shadow(&self) -> Option<InShadow> {
        self.settled()?.shadow
    }

    /// Opens the bundle that was to be fetched.
    ///
    /// # Errors
    /// [`OtherBundle`].
    pub fn open(&self, octets: &[u8], expected: Digest) -> Result<Verified<Bundle>, OtherBundle> {
        open_bundle(octets, expected, &self.trust)
    }

    /// Takes note that a bundle is in force.
    pub fn runs(&mut self, bundle: Digest) {
        self.in_force = Some(bundle);
    }

    /// The sequence of the newest statement that it accepted; 0 before the first.
    pub fn sequence(&self) -> u64 {
        self.seen.map_or(0, |seen| seen.sequence)
    }
}
