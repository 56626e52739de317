//! What a list finds, and each attack by its name.

use super::*;
use crate::bundle::{Bundle, Header, Tables};
use crate::channel::{CLOCK_SKEW, Seen};
use crate::digest::Digest;
use crate::envelope::{InvalidEnvelope, VerifyError};
use crate::trust::TrustKeys;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const DAY: Span = Span(86_400_000);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn text(value: &str) -> String {
    value.to_owned()
}

fn record(revoked: Revoked, until: Option<u64>) -> Revocation {
    Revocation { revoked, until }
}

fn token(id: &str) -> Revoked {
    Revoked::Token(text("customers"), text(id))
}

fn list() -> Revocations {
    let records = [
        token("t1"),
        Revoked::Subject(text("customers"), text("eve")),
        Revoked::Key(text("customers"), text("k1")),
    ];
    let records = records.map(|revoked| record(revoked, None));
    Revocations::default().next(records.into(), NOW, DAY)
}

fn with_sequence(sequence: u64) -> Revocations {
    Revocations { sequence, ..list() }
}

fn bearer<'b>(subject: &'b str, token: Option<&'b str>, key: Option<&'b str>) -> Bearer<'b> {
    Bearer {
        issuer: "customers",
        subject,
        token,
        key,
    }
}

#[test]
fn a_bearer_is_known_by_token_subject_or_key_of_its_issuer() {
    let list = list();
    let of_another = Bearer {
        issuer: "others",
        ..bearer("eve", Some("t1"), Some("k1"))
    };
    for (bearer, expected) in [
        (bearer("ada", Some("t2"), Some("k2")), None),
        (bearer("ada", None, None), None),
        (bearer("ada", Some("t1"), None), Some((0, "t1"))),
        (bearer("eve", Some("t2"), None), Some((1, "eve"))),
        (bearer("ada", Some("t2"), Some("k1")), Some((2, "k1"))),
        // What is a subject's name is no token's, and the reverse.
        (bearer("t1", Some("eve"), Some("t1")), None),
        (of_another, None),
    ] {
        let found = list.find(&bearer).map(Revoked::order);
        let expected = expected.map(|(kind, value)| (kind, "customers", value));
        assert_eq!(found, expected, "{bearer:?}");
    }
}

#[test]
fn the_next_list_has_what_it_is_given_but_what_has_expired() {
    let soon = NOW.seconds() + 60;
    let mut records = list().records().to_vec();
    records.push(record(token("t2"), Some(soon)));
    let first = list().next(records, NOW, DAY);
    assert_eq!((first.sequence, first.records().len()), (2, 4));
    assert_eq!(first.expires, NOW.plus(DAY.0));
    // Revoked again, for longer.
    let longer = record(token("t2"), Some(soon + 3600));
    let mut records = first.records().to_vec();
    records.push(longer.clone());
    let second = first.next(records, NOW, DAY);
    assert_eq!(second.records().len(), 4);
    assert!(second.records().contains(&longer));
    let later = UnixMillis((soon + 3600) * 1000);
    let third = second.next(second.records().to_vec(), later, DAY);
    assert_eq!(third.records(), list().records());
}

/// What a reader says that trusts key 1 and has seen `seen`.
fn read(octets: &[u8], seen: Option<&[u8]>, now: UnixMillis) -> Result<u64, Refused> {
    let trust = TrustKeys::from(key(1).trust_key());
    let seen = seen.map(|octets| {
        let verified = verify(octets, &trust, None, NOW).unwrap();
        Seen {
            sequence: verified.content().sequence,
            digest: verified.digest(),
        }
    });
    verify(octets, &trust, seen, now).map(|list| list.content().sequence)
}

#[test]
fn a_sequence_never_goes_back() {
    let [five, six] = [5, 6].map(|sequence| with_sequence(sequence).sign(&key(1)).unwrap());
    let other = Revocations {
        records: vec![],
        ..with_sequence(6)
    };
    let other_six = other.sign(&key(1)).unwrap();
    let rollback = Refused::Rollback { seen: 6, found: 5 };
    for (octets, seen, expected) in [
        (&six, None, Ok(6)),
        (&six, Some(&five), Ok(6)),
        (&six, Some(&six), Ok(6)),
        (&five, Some(&six), Err(rollback)),
        (&other_six, Some(&six), Err(Refused::Equivocation(6))),
    ] {
        assert_eq!(read(octets, seen.map(Vec::as_slice), NOW), expected);
    }
}

#[test]
fn a_list_is_in_force_between_its_dates() {
    let octets = list().sign(&key(1)).unwrap();
    let expires = NOW.plus(DAY.0);
    let early = UnixMillis(NOW.0 - CLOCK_SKEW - 1);
    let expired = Refused::Expired {
        expires,
        now: expires,
    };
    let future = Refused::FromTheFuture {
        issued: NOW,
        now: early,
    };
    for (now, expected) in [
        (NOW, Ok(1)),
        (UnixMillis(expires.0 - 1), Ok(1)),
        (expires, Err(expired)),
        (UnixMillis(early.0 + 1), Ok(1)),
        (early, Err(future)),
    ] {
        assert_eq!(read(&octets, None, now), expected);
    }
}

#[test]
fn what_the_key_has_not_signed_as_a_list_is_none() {
    let octets = list().sign(&key(1)).unwrap();
    let other = key(2).trust_key().id();
    let stranger = list().sign(&key(2)).unwrap();
    let unknown = Refused::Verify(VerifyError::UnknownKey(other));
    assert_eq!(read(&stranger, None, NOW), Err(unknown));

    let mut forged = octets.clone();
    *forged.last_mut().unwrap() ^= 1;
    let forgery = Refused::Verify(VerifyError::Signature(key(1).trust_key().id()));
    assert_eq!(read(&forged, None, NOW), Err(forgery));

    for end in [octets.len() - 1, octets.len() / 2, 1] {
        let cut = Refused::Envelope(InvalidEnvelope::Truncated);
        assert_eq!(read(&octets[..end], None, NOW), Err(cut), "{end}");
    }
    let large = vec![0; MAX_LIST + 1];
    let too_large = Refused::TooLarge(large.len());
    assert_eq!(read(&large, None, NOW), Err(too_large));
}

#[test]
fn no_bundle_is_a_list_and_no_list_a_bundle() {
    let bundle = Bundle {
        header: Header {
            format: crate::bundle::FORMAT_VERSION,
            name: text("bank"),
            sequence: 9,
            source: Digest([0; 32]),
        },
        tables: Tables::default(),
        hosts: vec![],
    };
    let bundle = envelope::sign::<Bundle>(bundle.encode().unwrap(), &key(1));
    let posing = VerifyError::ContentType {
        expected: Revocations::CONTENT_TYPE,
        found: text(Bundle::CONTENT_TYPE),
    };
    assert_eq!(read(&bundle, None, NOW), Err(Refused::Verify(posing)));

    let octets = list().sign(&key(1)).unwrap();
    let signed = envelope::Signed::parse(&octets).unwrap();
    let trust = TrustKeys::from(key(1).trust_key());
    let posing = VerifyError::ContentType {
        expected: Bundle::CONTENT_TYPE,
        found: text(Revocations::CONTENT_TYPE),
    };
    assert_eq!(signed.verify::<Bundle>(&trust).unwrap_err(), posing);
}

#[test]
fn only_what_a_reader_takes_is_signed_and_the_reverse() {
    let mut unsorted = list();
    unsorted.records.reverse();
    let mut repeated = list();
    repeated.records.insert(0, repeated.records[0].clone());
    for (list, expected) in [
        (unsorted, InvalidRevocations::Order),
        (repeated, InvalidRevocations::Order),
        (with_sequence(0), InvalidRevocations::Sequence),
        (
            Revocations {
                format: 2,
                ..list()
            },
            InvalidRevocations::Format(2),
        ),
        (
            Revocations {
                expires: NOW,
                ..list()
            },
            InvalidRevocations::Validity,
        ),
        (
            Revocations {
                expires: NOW.plus(MAX_VALIDITY + 1),
                ..list()
            },
            InvalidRevocations::Validity,
        ),
    ] {
        assert_eq!(list.sign(&key(1)), Err(expected.clone()));
        assert_eq!(Revocations::decode(cbor::encode(&list)), Err(expected));
    }
}

#[test]
fn the_largest_list_is_read() {
    let tokens = |count: usize| {
        let ids = (0..count).map(|number| format!("{number:036}"));
        let records = ids.map(|id| record(token(&id), Some(u64::MAX))).collect();
        Revocations::default().next(records, NOW, DAY)
    };
    let octets = tokens(MAX_RECORDS).sign(&key(1)).unwrap();
    assert_eq!(read(&octets, None, NOW), Ok(1));
    let more = tokens(MAX_RECORDS + 1);
    assert_eq!(more.sign(&key(1)), Err(InvalidRevocations::TooMany));
}
