//! Bundles, keys and a reader.

use tidegate_policy_compiler::publish::{Channel, Sink, Terms};
use tidegate_shared::bundle::{Bundle, FORMAT_VERSION, Header, Tables};
use tidegate_shared::channel::{self, Knowledge, Seen, Statement};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::{SigningKey, TrustKeys};
use tidegate_shared::units::{Percent, Span};

pub(crate) const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed([5; 32])
}

/// A bundle that is told from others by its name.
pub(crate) fn bundle(name: &str) -> Vec<u8> {
    let header = Header {
        format: FORMAT_VERSION,
        name: name.to_owned(),
        sequence: 1,
        source: Digest::of(name.as_bytes()),
    };
    let bundle = Bundle {
        header,
        tables: Tables::default(),
        hosts: vec![],
    };
    envelope::sign::<Bundle>(bundle.encode().unwrap(), &key())
}

pub(crate) fn digest(name: &str) -> Digest {
    Digest::of(&bundle(name))
}

pub(crate) fn channel<S: Sink>(sink: S) -> Channel<S> {
    Channel {
        sink,
        name: "production".parse().unwrap(),
        trust: key().trust_key().into(),
    }
}

pub(crate) fn terms(key: &SigningKey) -> Terms<'_> {
    Terms {
        key,
        now: NOW,
        validity: Span(3_600_000),
        rollout: Percent(100),
        after: None,
    }
}

/// A reader, which remembers what it accepted.
#[derive(Debug, Default)]
pub(crate) struct Reader(pub(crate) Option<Seen>);

impl Reader {
    /// Reads as a gateway does. Panics where what it finds is not whole, signed and newest.
    pub(crate) async fn read(&mut self, sink: &impl Sink) -> Option<Statement> {
        self.read_at(sink, NOW).await
    }

    /// The same at another time.
    pub(crate) async fn read_at(&mut self, sink: &impl Sink, now: UnixMillis) -> Option<Statement> {
        let name = "production".parse().unwrap();
        let trust = TrustKeys::from(key().trust_key());
        let stored = sink.read(&channel::statement_path(&name)).await.unwrap()?;
        let known = Knowledge {
            channel: &name,
            trust: &trust,
            seen: self.0,
            minimum: 0,
            now,
        };
        let statement = channel::verify(&stored.octets, &known).unwrap();
        self.0 = Some((&statement).into());
        let statement = statement.into_content();
        for digest in [Some(statement.bundle), statement.previous]
            .into_iter()
            .flatten()
        {
            let bundle = sink.read(&channel::bundle_path(digest)).await.unwrap();
            channel::open_bundle(&bundle.unwrap().octets, digest, &trust).unwrap();
        }
        Some(statement)
    }
}
