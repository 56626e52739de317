//! Lists of revocations.

use tidegate_shared::channel::Seen;
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope;
use tidegate_shared::revocation::{self, Bearer, Revocation, Revocations, Revoked};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Span;

use crate::gateway;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const DAY: Span = Span(86_400_000);
const SEEN: u64 = 1;

/// Only what was signed as a list comes into force, and what it has is found in it.
pub fn run(octets: &[u8]) {
    let read = |octets| {
        let seen = Seen {
            sequence: SEEN,
            digest: Digest::of(b""),
        };
        revocation::verify(octets, &gateway::trust(), Some(seen), NOW)
    };
    if read(octets).is_ok() {
        assert!(octets == signed(), "a forged list is in force");
    }
    // The same octets as a payload: what is signed is read within its bounds.
    let payload = envelope::sign::<Revocations>(octets.to_vec(), &gateway::key());
    let Ok(list) = read(&payload) else {
        return;
    };
    let list = list.content();
    assert!(list.sequence > SEEN && list.expires > NOW);
    assert_eq!(list.sign(&gateway::key()), Ok(payload));
    for record in list.records() {
        assert_eq!(find(list, &record.revoked), Some(&record.revoked));
    }
}

/// Looks for a caller of whom nothing else is known.
fn find<'l>(list: &'l Revocations, revoked: &Revoked) -> Option<&'l Revoked> {
    // No list with this subject is among the inputs to begin with.
    let nobody = "\u{10ffff}";
    let (issuer, subject, token, key) = match revoked {
        Revoked::Token(issuer, token) => (issuer, nobody, Some(token.as_str()), None),
        Revoked::Subject(issuer, subject) => (issuer, subject.as_str(), None, None),
        Revoked::Key(issuer, key) => (issuer, nobody, None, Some(key.as_str())),
    };
    list.find(&Bearer {
        issuer,
        subject,
        token,
        key,
    })
}

fn list() -> Revocations {
    let text = str::to_owned;
    let records = [
        Revoked::Token(text("customers"), text("t1")),
        Revoked::Subject(text("customers"), text("eve")),
        Revoked::Subject(text("partners"), text("acme")),
        Revoked::Key(text("partners"), text("0123456789abcdef")),
    ];
    let records = records.map(|revoked| Revocation {
        revoked,
        until: Some(NOW.seconds() + 60),
    });
    let before = Revocations::default().next(vec![], NOW, DAY);
    before.next(records.into(), NOW, DAY)
}

fn signed() -> Vec<u8> {
    list().sign(&gateway::key()).unwrap_or_default()
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    vec![signed(), tidegate_shared::cbor::encode(&list())]
}
