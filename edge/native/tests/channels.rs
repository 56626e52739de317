//! Following a channel: each attack on it has its name and changes nothing, a good change comes
//! into force, and the last good bundle outlives its store.

#![cfg(test)]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "sockets/kit.rs"]
mod kit;
#[path = "channels/store.rs"]
mod store;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;
use tidegate_edge_native::{Follow, FollowError, Following, Next, Source};
use tidegate_shared::channel::{self, FORMAT_VERSION, MAX_STATEMENT, Statement};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;
use tidegate_shared::units::Percent;

use kit::{Running, bundle, exchange};
use store::{Answer, Store};

const STATEMENT: &str = "channels/production.statement";
const HOUR: u64 = 3_600_000;

fn key() -> SigningKey {
    SigningKey::from_seed([3; 32])
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixMillis(since.as_millis().try_into().unwrap())
}

fn statement(sequence: u64, bundle: &[u8]) -> Statement {
    Statement {
        format: FORMAT_VERSION,
        channel: "production".parse().unwrap(),
        sequence,
        issued: now(),
        expires: now().plus(HOUR),
        bundle: Digest::of(bundle),
        rollout: Percent(100),
        previous: None,
    }
}

fn publish(store: &Store, sequence: u64, bundle: &[u8]) {
    let signed = statement(sequence, bundle).sign(&key()).unwrap();
    let path = channel::bundle_path(Digest::of(bundle));
    store.put(&path, Answer::Octets(bundle.to_vec()));
    store.put(STATEMENT, Answer::Octets(signed));
}

fn follow(source: Source, minimum: u64, state: Option<PathBuf>) -> Follow {
    Follow {
        source,
        channel: "production".parse().unwrap(),
        minimum,
        state,
        every: Duration::from_millis(10),
        patience: Duration::from_millis(300),
    }
}

async fn start(follow: Follow) -> Result<(Following, Next), FollowError> {
    Following::start(follow, key().trust_key().into()).await
}

/// A store at sequence 5, and who follows it.
async fn followed() -> (Store, Following) {
    let store = Store::default();
    publish(&store, 5, &bundle(&[], "five"));
    let source = Source::Url(store.start().await);
    let (mut following, first) = start(follow(source, 3, None)).await.unwrap();
    assert_eq!(first.octets(), bundle(&[], "five"));
    following.runs(&first);
    (store, following)
}

#[tokio::test]
async fn each_attack_has_its_name_and_changes_nothing() {
    let (store, mut following) = followed().await;
    let new = bundle(&[], "new");
    let other = bundle(&[], "other");
    let path = channel::bundle_path(Digest::of(&new));
    let signed = |statement: Statement| Answer::Octets(statement.sign(&key()).unwrap());
    let six = || statement(6, &new);
    let octets = six().sign(&key()).unwrap();
    let stranger = SigningKey::from_seed([9; 32]);
    let mut forged = octets.clone();
    *forged.last_mut().unwrap() ^= 1;
    let staging = Statement {
        channel: "staging".parse().unwrap(),
        ..six()
    };
    let expired = Statement {
        issued: UnixMillis(now().0 - 2 * HOUR),
        expires: UnixMillis(now().0 - HOUR),
        ..six()
    };
    let early = Statement {
        issued: now().plus(HOUR),
        expires: now().plus(2 * HOUR),
        ..six()
    };
    let gone = Answer::Status(StatusCode::NOT_FOUND);
    let whole = Answer::Octets(new.clone());
    let part = Answer::Octets(new[..new.len() / 2].to_vec());
    let attacks = [
        ("rollback", signed(statement(4, &new)), &whole),
        ("equivocation", signed(statement(5, &new)), &whole),
        ("fast-forward", signed(statement(u64::MAX, &new)), &whole),
        ("frozen", signed(expired), &whole),
        ("from-the-future", signed(early), &whole),
        (
            "unknown-key",
            Answer::Octets(six().sign(&stranger).unwrap()),
            &whole,
        ),
        ("forged", Answer::Octets(forged), &whole),
        ("other-channel", signed(staging), &whole),
        (
            "truncated",
            Answer::Octets(octets[..octets.len() - 1].to_vec()),
            &whole,
        ),
        ("not-ours", Answer::Octets(new.clone()), &whole),
        (
            "not-ours",
            Answer::Octets(b"<html>busy</html>".to_vec()),
            &whole,
        ),
        ("unreachable", Answer::Part(octets.clone()), &whole),
        (
            "unreachable",
            Answer::Octets(vec![0; MAX_STATEMENT + 1]),
            &whole,
        ),
        ("stalled", Answer::Silence, &whole),
        ("status", Answer::Status(StatusCode::BAD_GATEWAY), &whole),
        ("missing", gone.clone(), &whole),
        // From here on the statement is good: what the store has for a bundle is not.
        ("missing", signed(six()), &gone),
        ("bundle-truncated", Answer::Octets(octets.clone()), &part),
        (
            "unreachable",
            Answer::Octets(octets.clone()),
            &Answer::Part(new.clone()),
        ),
        (
            "bundle-exchanged",
            Answer::Octets(octets.clone()),
            &Answer::Octets(other),
        ),
        ("stalled", Answer::Octets(octets.clone()), &Answer::Silence),
    ];
    // A statement signed twice in different milliseconds is two: the good one stays one.
    let good = Answer::Octets(octets.clone());
    for (number, (name, statement, bundle)) in attacks.into_iter().enumerate() {
        let statement = if number >= 16 {
            good.clone()
        } else {
            statement
        };
        store.put(STATEMENT, statement);
        store.put(&path, bundle.clone());
        let refused = following.next(now()).await.unwrap_err();
        assert_eq!(refused.name(), name, "attack {number}: {refused}");
    }
    // And the store comes to its senses.
    store.put(STATEMENT, good);
    store.put(&path, Answer::Octets(new.clone()));
    let next = following.next(now()).await.unwrap().unwrap();
    assert_eq!(next.octets(), new);
    following.runs(&next);
    assert!(following.next(now()).await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_signed_and_no_bundle_of_ours_is_refused() {
    let (store, mut following) = followed().await;
    let cases = [
        ("bundle-not-ours", b"nonsense".to_vec()),
        (
            "bundle-not-trusted",
            envelope::sign::<Statement>(vec![], &key()),
        ),
    ];
    for ((name, octets), sequence) in cases.into_iter().zip(6..) {
        publish(&store, sequence, &octets);
        assert_eq!(following.next(now()).await.unwrap_err().name(), name);
    }
}

#[tokio::test]
async fn an_unchanged_statement_is_not_sent_again_and_still_expires() {
    let (store, mut following) = followed().await;
    store.answered();
    assert!(following.next(now()).await.unwrap().is_none());
    assert_eq!(store.answered(), [StatusCode::NOT_MODIFIED]);
    let late = now().plus(HOUR);
    assert_eq!(following.next(late).await.unwrap_err().name(), "frozen");
}

#[tokio::test]
async fn a_fresh_reader_is_held_by_the_pinned_sequence() {
    let store = Store::default();
    publish(&store, 5, &bundle(&[], "five"));
    let source = Source::Url(store.start().await);
    let refused = start(follow(source.clone(), 6, None)).await.unwrap_err();
    assert_eq!(refused.name(), "below-minimum");
    assert!(start(follow(source, 5, None)).await.is_ok());
}

#[tokio::test]
async fn the_last_good_bundle_outlives_its_store_and_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let (store, five) = (Store::default(), bundle(&[], "five"));
    publish(&store, 5, &five);
    let source = Source::Url(store.start().await);
    let again = |minimum| start(follow(source.clone(), minimum, Some(state.clone())));
    let (mut following, first) = again(0).await.unwrap();
    following.runs(&first);

    // The store is gone, or shows what is older than what was seen by the process before.
    for answer in [
        Answer::Status(StatusCode::SERVICE_UNAVAILABLE),
        Answer::Octets(statement(4, b"old").sign(&key()).unwrap()),
    ] {
        store.put(STATEMENT, answer);
        let (mut following, first) = again(0).await.unwrap();
        assert_eq!(first.octets(), five);
        following.runs(&first);
    }
    assert_eq!(following.next(now()).await.unwrap_err().name(), "rollback");
    assert_eq!(again(6).await.unwrap_err().name(), "below-minimum");
    let mut cut = std::fs::read(&state).unwrap();
    cut.pop();
    std::fs::write(&state, cut).unwrap();
    assert!(again(0).await.is_err());
}

/// Requests go on while bundles change, and none fails.
#[tokio::test]
async fn a_change_comes_into_force_and_takes_no_request_down() {
    let folder = tempfile::tempdir().unwrap();
    let put = |sequence, text: &str| {
        let bundle = bundle(&[], text);
        let signed = statement(sequence, &bundle).sign(&key()).unwrap();
        for (path, octets) in [
            (channel::bundle_path(Digest::of(&bundle)), bundle),
            (STATEMENT.to_owned(), signed),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path.with_extension("new"), octets).unwrap();
            std::fs::rename(path.with_extension("new"), path).unwrap();
        }
    };
    put(1, "number 1");
    let source = Source::Path(folder.path().into());
    let (mut following, first) = start(follow(source, 0, None)).await.unwrap();
    following.runs(&first);
    let running = Running::begin(None, first.octets(), Some(following)).await;
    for sequence in 2..6 {
        let text = format!("number {sequence}");
        put(sequence, &text);
        let before = format!("number {}", sequence - 1);
        loop {
            let request = "GET /reply HTTP/1.1\r\nhost: a.example\r\n\r\n";
            let answer = exchange(running.address, request).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            if answer.ends_with(&text) {
                break;
            }
            assert!(answer.ends_with(&before), "{answer}");
        }
    }
}
