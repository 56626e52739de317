//! The attacks on a channel, and the one run of them that every reader must stand.

use http::StatusCode;
use tidegate_shared::channel::{self, MAX_STATEMENT, Statement};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;

use crate::kit::{HOUR, STATEMENT, bundle, now, signed, statement};
use crate::store::Answer;

/// A store that does as it is told, and a reader of it that looks when it is told.
pub(crate) trait Followed {
    /// What the store has from now on.
    fn put(&mut self, path: &str, answer: Answer);

    /// Waits until a look at the channel is refused under a name.
    async fn refuses(&mut self, name: &str);

    /// What the bundle in force answers, after another look.
    async fn answer(&mut self) -> String;
}

/// What a store can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It answers with a status, or a part.
    Web,
    /// It has a value or none.
    KeyValue,
}

struct Attack {
    name: &'static str,
    statement: Answer,
    bundle: Answer,
}

/// Puts a channel at sequence 5, of which `bundle("five")` is in force.
pub(crate) fn publish_five(put: &mut impl FnMut(&str, Answer)) {
    let five = bundle("five");
    let path = channel::bundle_path(Digest::of(&five));
    put(STATEMENT, Answer::Octets(signed(&statement(5, &five))));
    put(&path, Answer::Octets(five));
}

/// Every attack in turn, on a reader that runs sequence 5; then the store comes to its senses.
pub(crate) async fn withstood_by(kind: Kind, reader: &mut impl Followed) {
    assert_eq!(reader.answer().await, "five");
    let new = bundle("six");
    let path = channel::bundle_path(Digest::of(&new));
    let good = signed(&statement(6, &new));
    for (number, attack) in attacks(kind, &new, &good).into_iter().enumerate() {
        let Attack {
            name,
            statement,
            bundle,
        } = attack;
        reader.put(STATEMENT, statement);
        reader.put(&path, bundle);
        println!("attack {number}: {name}");
        reader.refuses(name).await;
    }
    // What is signed, named by a statement, and no bundle of ours.
    let unusable = [
        ("bundle-not-ours", b"nonsense".to_vec()),
        (
            "bundle-not-trusted",
            envelope::sign::<Statement>(vec![], &crate::kit::key()),
        ),
    ];
    for ((name, octets), sequence) in unusable.into_iter().zip(7..) {
        let named = signed(&statement(sequence, &octets));
        reader.put(STATEMENT, Answer::Octets(named));
        let path = channel::bundle_path(Digest::of(&octets));
        reader.put(&path, Answer::Octets(octets));
        reader.refuses(name).await;
    }
    reader.put(STATEMENT, Answer::Octets(signed(&statement(9, &new))));
    reader.put(&path, Answer::Octets(new));
    assert_eq!(reader.answer().await, "six");
}

fn attacks(kind: Kind, new: &[u8], good: &[u8]) -> Vec<Attack> {
    let six = || statement(6, new);
    let stranger = SigningKey::from_seed([9; 32]);
    let mut forged = good.to_vec();
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
    let html = b"<html>busy</html>".to_vec();
    let statements = [
        ("rollback", signed(&statement(4, new))),
        ("equivocation", signed(&statement(5, new))),
        ("fast-forward", signed(&statement(u64::MAX, new))),
        ("frozen", signed(&expired)),
        ("from-the-future", signed(&early)),
        ("unknown-key", six().sign(&stranger).unwrap()),
        ("forged", forged),
        ("other-channel", signed(&staging)),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("not-ours", html.clone()),
    ];
    let whole = Answer::Octets(new.to_vec());
    let mut attacks: Vec<Attack> = statements
        .into_iter()
        .map(|(name, octets)| Attack {
            name,
            statement: Answer::Octets(octets),
            bundle: whole.clone(),
        })
        .collect();
    // A statement signed twice in different milliseconds is two: the good one stays one.
    let good = Answer::Octets(good.to_vec());
    let part = new[..new.len() / 2].to_vec();
    let mut failures = vec![
        ("stalled", Answer::Silence, &whole),
        ("missing", Answer::Status(StatusCode::NOT_FOUND), &whole),
    ];
    // From here on the statement is good: what the store has for a bundle is not.
    let bundles = [
        ("missing", Answer::Status(StatusCode::NOT_FOUND)),
        ("bundle-truncated", Answer::Octets(part.clone())),
        ("bundle-exchanged", Answer::Octets(bundle("other"))),
        ("bundle-exchanged", Answer::Octets(html)),
        ("stalled", Answer::Silence),
        ("unreachable", Answer::Part(part.clone())),
        ("status", Answer::Status(StatusCode::BAD_GATEWAY)),
    ];
    if kind == Kind::Web {
        failures.extend([
            ("unreachable", Answer::Part(part), &whole),
            (
                "unreachable",
                Answer::Octets(vec![0; MAX_STATEMENT + 1]),
                &whole,
            ),
            ("status", Answer::Status(StatusCode::BAD_GATEWAY), &whole),
        ]);
    }
    attacks.extend(
        failures
            .into_iter()
            .map(|(name, statement, bundle)| Attack {
                name,
                statement,
                bundle: bundle.clone(),
            }),
    );
    let possible = bundles.len() - if kind == Kind::Web { 0 } else { 2 };
    let bundles = bundles.into_iter().take(possible);
    attacks.extend(bundles.map(|(name, bundle)| Attack {
        name,
        statement: good.clone(),
        bundle,
    }));
    attacks
}
