//! Statements of channels.

use tidegate_shared::channel::{self, ChannelName, Knowledge, Statement};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Percent;

use crate::gateway;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const CHANNEL: &str = "production";

/// Only what was signed for this channel, and is not old, is followed.
pub fn run(octets: &[u8]) {
    let Ok(channel) = CHANNEL.parse::<ChannelName>() else {
        return;
    };
    let read = |octets| {
        let known = Knowledge {
            channel: &channel,
            trust: &gateway::trust(),
            seen: None,
            minimum: 6,
            now: NOW,
        };
        channel::verify(octets, &known)
    };
    if read(octets).is_ok() {
        assert!(octets == signed(7), "a forged statement is followed");
    }
    // The same octets as a payload: what is signed is read within its bounds.
    let payload = envelope::sign::<Statement>(octets.to_vec(), &gateway::key());
    if let Ok(statement) = read(&payload) {
        let statement = statement.content();
        assert!(statement.sequence >= 6 && statement.channel == channel);
        assert_eq!(statement.sign(&gateway::key()), Ok(payload));
    }
}

fn statement(sequence: u64) -> Option<Statement> {
    Some(Statement {
        format: channel::FORMAT_VERSION,
        channel: CHANNEL.parse().ok()?,
        sequence,
        issued: NOW,
        expires: NOW.plus(3_600_000),
        bundle: Digest::of(b"new"),
        rollout: Percent(10),
        previous: Some(Digest::of(b"old")),
        shadow: None,
    })
}

fn signed(sequence: u64) -> Vec<u8> {
    let signed = statement(sequence).and_then(|statement| statement.sign(&gateway::key()).ok());
    signed.unwrap_or_default()
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let payload = statement(7).map(|statement| tidegate_shared::cbor::encode(&statement));
    vec![signed(7), signed(5), payload.unwrap_or_default()]
}
