//! A channel: a small signed statement that says which bundle is in force.
//!
//! Bundles are immutable and lie under their digest; of a channel only the statement changes. Its
//! sequence only grows, so that nobody can lead a reader back (rollback); it expires, so that a
//! reader notices when it is shown nothing new (freeze); and it names the bundle by the digest
//! of all its octets, so that nothing can be exchanged beneath it (mix and match). These are the
//! attacks of The Update Framework, and its remedies.

mod follow;
mod layout;
mod memory;
mod name;
mod shadow;
mod source;
mod verify;
mod wire;

use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use crate::cbor::{self, Bounds, InvalidCbor};
use crate::digest::Digest;
use crate::envelope::{self, Content};
use crate::time::UnixMillis;
use crate::trust::SigningKey;
use crate::units::Percent;

pub use follow::Follower;
pub use layout::{
    bundle_path, history_folder, history_path, memory_path, statement_path, trouble_path,
};
pub use memory::Memory;
pub use name::{ChannelName, InvalidChannelName};
pub use shadow::{ShadowStep, Shadowing};
pub use source::SourceError;
pub use verify::{
    CLOCK_SKEW, Knowledge, MAX_LEAP, OtherBundle, Refused, Seen, open_bundle, verify,
};

/// The format of statements.
pub const FORMAT_VERSION: u16 = 1;
/// The format of statements with a bundle in shadow, which readers of before do not know.
pub const SHADOW_FORMAT_VERSION: u16 = 2;
/// The largest statement in octets, with its envelope.
pub const MAX_STATEMENT: usize = 1024;
/// The longest time for which a statement holds, in milliseconds: 400 days.
pub const MAX_VALIDITY: u64 = 400 * 86_400_000;

const BOUNDS: Bounds = Bounds {
    octets: MAX_STATEMENT,
    items: 16,
};

/// What is in force on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// [`FORMAT_VERSION`], or [`SHADOW_FORMAT_VERSION`] with a bundle in shadow.
    pub format: u16,
    /// The channel. A statement of one channel is none of another.
    pub channel: ChannelName,
    /// Grows with every statement of the channel; at least 1.
    pub sequence: u64,
    /// When it was signed.
    pub issued: UnixMillis,
    /// From when on it holds no longer.
    pub expires: UnixMillis,
    /// The bundle in force.
    pub bundle: Digest,
    /// The share of readers that run it; the others run `previous`.
    pub rollout: Percent,
    /// What was in force before.
    pub previous: Option<Digest>,
    /// What decides beside it, and is not followed.
    pub shadow: Option<InShadow>,
}

/// A bundle in shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct InShadow {
    /// The bundle.
    pub bundle: Digest,
    /// The share of requests that it decides about, on every reader.
    pub share: Percent,
}

/// Why a payload is no usable statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidStatement {
    /// The payload is not the deterministic encoding of a statement.
    #[error("malformed statement: {0}")]
    Payload(#[from] InvalidCbor),
    /// Written for another version of the reader.
    #[error(
        "statement format {0}, this program reads {FORMAT_VERSION} and {SHADOW_FORMAT_VERSION}"
    )]
    Format(u16),
    /// A share above all requests.
    #[error("a bundle in shadow for {0}% of requests")]
    Shadow(u8),
    /// Sequences begin with 1.
    #[error("the statement has sequence 0, the first is 1")]
    Sequence,
    /// It expires before it is issued, or too long after.
    #[error("the statement holds for no time, or for more than 400 days")]
    Validity,
    /// More than all readers, or a part of them without a bundle for the rest.
    #[error("a statement for {0}% of the readers must say what the others run")]
    Rollout(u8),
}

impl Statement {
    fn check(&self) -> Result<(), InvalidStatement> {
        let format = match self.shadow {
            None => FORMAT_VERSION,
            Some(_) => SHADOW_FORMAT_VERSION,
        };
        if self.format != format {
            return Err(InvalidStatement::Format(self.format));
        }
        if let Some(shadow) = self.shadow.filter(|shadow| shadow.share.0 > 100) {
            return Err(InvalidStatement::Shadow(shadow.share.0));
        }
        if self.sequence == 0 {
            return Err(InvalidStatement::Sequence);
        }
        let validity = self.expires.since(self.issued);
        if validity == 0 || validity > MAX_VALIDITY {
            return Err(InvalidStatement::Validity);
        }
        if self.rollout.0 > 100 || (self.rollout.0 < 100 && self.previous.is_none()) {
            return Err(InvalidStatement::Rollout(self.rollout.0));
        }
        Ok(())
    }

    /// Signs the statement.
    ///
    /// # Errors
    /// [`InvalidStatement`], where no reader would take it.
    pub fn sign(&self, key: &SigningKey) -> Result<Vec<u8>, InvalidStatement> {
        self.check()?;
        Ok(envelope::sign::<Self>(cbor::encode(self), key))
    }

    /// The bundle for a reader that drew this number, from 0 to 99, once for all statements: so a
    /// roll-out that widens never takes the new bundle away from a reader.
    pub fn bundle_for(&self, draw: u8) -> Digest {
        match self.previous {
            Some(previous) if draw >= self.rollout.0 => previous,
            Some(_) | None => self.bundle,
        }
    }
}

impl Content for Statement {
    const CONTENT_TYPE: &'static str = "application/vnd.tidegate.channel+cbor";
    type Invalid = InvalidStatement;

    fn decode(payload: Vec<u8>) -> Result<Self, InvalidStatement> {
        let statement: Self = cbor::decode(&payload, &BOUNDS)?;
        statement.check()?;
        Ok(statement)
    }
}

#[cfg(test)]
mod tests;
