//! Each attack by its name. The cases of rollback are those of go-tuf: nothing seen, the same
//! again, newer, older, older than pinned, and the same sequence with another content.

use proptest::prelude::*;

use super::*;
use crate::bundle::{Bundle, Header, Tables};
use crate::envelope::VerifyError;
use crate::trust::{KeyId, TrustKeys};

const HOUR: u64 = 3_600_000;
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn key_id(seed: u8) -> KeyId {
    key(seed).trust_key().id()
}

fn channel(name: &str) -> ChannelName {
    name.parse().unwrap()
}

fn statement(sequence: u64) -> Statement {
    Statement {
        format: FORMAT_VERSION,
        channel: channel("production"),
        sequence,
        issued: NOW,
        expires: NOW.plus(HOUR),
        bundle: Digest::of(b"new"),
        rollout: Percent(100),
        previous: Some(Digest::of(b"old")),
        shadow: None,
    }
}

fn shadowing(share: u8) -> Statement {
    Statement {
        format: SHADOW_FORMAT_VERSION,
        shadow: Some(InShadow {
            bundle: Digest::of(b"shadow"),
            share: Percent(share),
        }),
        ..statement(6)
    }
}

fn signed(statement: &Statement) -> Vec<u8> {
    statement.sign(&key(1)).unwrap()
}

/// What a reader says that has seen `seen`, pinned `minimum`, and reads at `now`.
fn read(octets: &[u8], seen: Option<&[u8]>, minimum: u64, now: UnixMillis) -> Result<u64, Refused> {
    let trust = TrustKeys::from(key(1).trust_key());
    let channel = channel("production");
    let mut known = Knowledge {
        channel: &channel,
        trust: &trust,
        seen: None,
        minimum: 0,
        now: NOW,
    };
    if let Some(seen) = seen {
        known.seen = Some((&verify(seen, &known).unwrap()).into());
    }
    let known = Knowledge {
        minimum,
        now,
        ..known
    };
    verify(octets, &known).map(|statement| statement.content().sequence)
}

#[test]
fn a_sequence_never_goes_back() {
    let [five, six, seven] = [5, 6, 7].map(|sequence| signed(&statement(sequence)));
    let other_six = signed(&Statement {
        bundle: Digest::of(b"other"),
        ..statement(6)
    });
    let far = signed(&statement(6 + MAX_LEAP));
    let too_far = signed(&statement(7 + MAX_LEAP));
    let last = signed(&statement(u64::MAX));
    let rollback = |seen, found| Err(Refused::Rollback { seen, found });
    let below = |minimum, found| Err(Refused::BelowMinimum { minimum, found });
    let leap = |known, found| Err(Refused::FastForward { known, found });
    let cases = [
        (&six[..], None, 0, Ok(6)),
        (&six[..], None, 6, Ok(6)),
        (&six[..], None, 7, below(7, 6)),
        (&six[..], Some(&five[..]), 0, Ok(6)),
        (&six[..], Some(&six[..]), 0, Ok(6)),
        (
            &other_six[..],
            Some(&six[..]),
            0,
            Err(Refused::Equivocation(6)),
        ),
        (&five[..], Some(&six[..]), 0, rollback(6, 5)),
        (&five[..], Some(&seven[..]), 6, rollback(7, 5)),
        (&six[..], Some(&six[..]), 7, below(7, 6)),
        (&seven[..], Some(&five[..]), 6, Ok(7)),
        (&far[..], Some(&six[..]), 0, Ok(6 + MAX_LEAP)),
        (&too_far[..], Some(&six[..]), 0, leap(6, 7 + MAX_LEAP)),
        (&last[..], None, 9, leap(9, u64::MAX)),
        (&last[..], None, u64::MAX - 1, Ok(u64::MAX)),
    ];
    for (number, (found, seen, minimum, expected)) in cases.into_iter().enumerate() {
        assert_eq!(read(found, seen, minimum, NOW), expected, "case {number}");
    }
}

#[test]
fn a_statement_that_expired_is_noticed_also_where_it_was_seen_before() {
    let six = signed(&statement(6));
    let expires = NOW.plus(HOUR);
    for seen in [None, Some(&six[..])] {
        for (millis, holds) in [
            (0, true),
            (HOUR - 1, true),
            (HOUR, false),
            (u64::MAX, false),
        ] {
            let now = NOW.plus(millis);
            let expected = if holds {
                Ok(6)
            } else {
                Err(Refused::Frozen { expires, now })
            };
            assert_eq!(read(&six, seen, 0, now), expected, "{millis}");
        }
    }
    let early = UnixMillis(NOW.0 - CLOCK_SKEW);
    assert_eq!(read(&six, None, 0, early), Ok(6));
    let now = UnixMillis(early.0 - 1);
    assert_eq!(
        read(&six, None, 0, now),
        Err(Refused::FromTheFuture { issued: NOW, now })
    );
}

#[test]
fn another_key_another_channel_another_content_are_told_apart() {
    let foreign = statement(6).sign(&key(2)).unwrap();
    assert_eq!(
        read(&foreign, None, 0, NOW),
        Err(Refused::UnknownKey(key_id(2)))
    );
    let mut forged = signed(&statement(6));
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(read(&forged, None, 0, NOW), Err(Refused::Forged(key_id(1))));
    let staging = signed(&Statement {
        channel: channel("staging"),
        ..statement(6)
    });
    assert_eq!(
        read(&staging, None, 0, NOW),
        Err(Refused::OtherChannel {
            expected: channel("production"),
            found: channel("staging"),
        })
    );
    let bundle = envelope::sign::<Bundle>(cbor::encode(&statement(6)), &key(1));
    for octets in [&bundle[..], b"<html>", &[0; MAX_STATEMENT + 1]] {
        let refused = read(octets, None, 0, NOW).unwrap_err();
        assert_eq!(refused.name(), "not-ours", "{refused}");
    }
}

#[test]
fn every_cut_is_noticed_and_no_changed_octet_accepted() {
    let whole = signed(&statement(6));
    for end in 0..whole.len() {
        assert_eq!(
            read(&whole[..end], None, 0, NOW),
            Err(Refused::Truncated),
            "cut at {end}"
        );
        let mut changed = whole.clone();
        changed[end] ^= 1;
        assert!(read(&changed, None, 0, NOW).is_err(), "octet {end}");
    }
}

#[test]
fn what_no_reader_takes_is_not_signed() {
    let cases = [
        (
            Statement {
                format: 2,
                ..statement(6)
            },
            InvalidStatement::Format(2),
        ),
        (
            Statement {
                format: 1,
                ..shadowing(100)
            },
            InvalidStatement::Format(1),
        ),
        (shadowing(101), InvalidStatement::Shadow(101)),
        (statement(0), InvalidStatement::Sequence),
        (
            Statement {
                expires: NOW,
                ..statement(6)
            },
            InvalidStatement::Validity,
        ),
        (
            Statement {
                expires: NOW.plus(MAX_VALIDITY + 1),
                ..statement(6)
            },
            InvalidStatement::Validity,
        ),
        (
            Statement {
                rollout: Percent(101),
                ..statement(6)
            },
            InvalidStatement::Rollout(101),
        ),
        (
            Statement {
                rollout: Percent(50),
                previous: None,
                ..statement(6)
            },
            InvalidStatement::Rollout(50),
        ),
    ];
    for (statement, expected) in cases {
        assert_eq!(statement.sign(&key(1)).unwrap_err(), expected);
        // Nor is it read, were someone to sign it.
        let octets = envelope::sign::<Statement>(cbor::encode(&statement), &key(1));
        let refused = read(&octets, None, 0, NOW).unwrap_err();
        assert_eq!(refused, Refused::NotOurs(expected.to_string()));
    }
}

/// Arrays of eight members, as readers of before know them, and of nine.
#[test]
fn a_bundle_in_shadow_is_one_more_member() {
    for (statement, first) in [(statement(6), 0x88), (shadowing(10), 0x89)] {
        let octets = cbor::encode(&statement);
        assert_eq!(octets[0], first);
        assert_eq!(Statement::decode(octets.clone()), Ok(statement.clone()));
        // Neither fewer nor more, nor null for one that is absent.
        for (members, rest) in [
            (first - 1, &[][..]),
            (first + 1, &[0xf6]),
            (first + 1, &[0]),
        ] {
            let mut other = [&octets[..], rest].concat();
            other[0] = members;
            assert!(Statement::decode(other).is_err(), "{members:x} {rest:x?}");
        }
    }
}

#[test]
fn a_bundle_in_shadow_counts_beside_one_that_is_in_force() {
    let trust = TrustKeys::from(key(1).trust_key());
    let mut follower = Follower::new(channel("production"), trust, 0, 0);
    let statement = shadowing(10);
    let octets = signed(&statement);
    let wanted = follower.statement(&octets, NOW).unwrap();
    assert_eq!(
        (wanted, follower.shadow()),
        (Some(Digest::of(b"new")), None)
    );
    follower.runs(Digest::of(b"new"));
    assert_eq!(follower.shadow(), statement.shadow);
    // It goes with its statement, and stays with one that is refused.
    let late = NOW.plus(HOUR);
    assert!(follower.statement(&octets, late).is_err());
    assert_eq!(follower.shadow(), statement.shadow);
    let next = signed(&Statement {
        bundle: Digest::of(b"new"),
        ..self::statement(7)
    });
    assert_eq!(follower.statement(&next, NOW), Ok(None));
    assert_eq!(follower.shadow(), None);
}

fn signed_bundle(name: &str, key: &SigningKey) -> Vec<u8> {
    let header = Header {
        format: crate::bundle::FORMAT_VERSION,
        name: name.to_owned(),
        sequence: 1,
        source: Digest::of(b""),
    };
    let bundle = Bundle {
        header,
        tables: Tables::default(),
        hosts: vec![],
    };
    envelope::sign::<Bundle>(bundle.encode().unwrap(), key)
}

#[test]
fn a_bundle_is_opened_by_its_digest_alone() {
    let trust = TrustKeys::from(key(1).trust_key());
    let [right, other] = ["right", "other"].map(|name| signed_bundle(name, &key(1)));
    let digest = Digest::of(&right);
    let opened = open_bundle(&right, digest, &trust).unwrap();
    assert_eq!(opened.digest(), digest);
    let found = Digest::of(&other);
    let exchanged = OtherBundle::Exchanged {
        expected: digest,
        found,
    };
    assert_eq!(open_bundle(&other, digest, &trust).unwrap_err(), exchanged);
    let cut = &right[..right.len() - 1];
    assert_eq!(
        open_bundle(cut, digest, &trust).unwrap_err(),
        OtherBundle::Truncated
    );
    let foreign = signed_bundle("right", &key(2));
    assert_eq!(
        open_bundle(&foreign, Digest::of(&foreign), &trust).unwrap_err(),
        OtherBundle::Verify(VerifyError::UnknownKey(key_id(2)))
    );
    let nonsense = b"nonsense";
    let refused = open_bundle(nonsense, Digest::of(nonsense), &trust).unwrap_err();
    assert_eq!(refused.name(), "bundle-not-ours");
}

proptest! {
    #[test]
    fn a_rollout_that_widens_takes_nothing_away(draw in 0_u8..100, narrow in 0_u8..=100, wide in 0_u8..=100) {
        prop_assume!(narrow <= wide);
        let at = |rollout| Statement { rollout: Percent(rollout), ..statement(6) };
        let new = Digest::of(b"new");
        prop_assert_eq!(at(narrow).bundle_for(draw) == new, draw < narrow);
        prop_assert!(at(narrow).bundle_for(draw) != new || at(wide).bundle_for(draw) == new);
    }

    #[test]
    fn what_was_accepted_is_newer_than_all_before(sequences in prop::collection::vec(1_u64..20, 1..20)) {
        let trust = TrustKeys::from(key(1).trust_key());
        let channel = channel("production");
        let mut known = Knowledge { channel: &channel, trust: &trust, seen: None, minimum: 5, now: NOW };
        let mut newest = 0;
        for sequence in sequences {
            if let Ok(accepted) = verify(&signed(&statement(sequence)), &known) {
                known.seen = Some((&accepted).into());
                prop_assert!(sequence >= newest && sequence >= 5);
                newest = sequence;
            } else {
                prop_assert!(sequence < newest.max(5));
            }
        }
    }
}
