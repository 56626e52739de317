//! What every store must do.

use std::sync::Arc;

use object_store::memory::InMemory;
use tidegate_policy_compiler::publish::{Folder, Objects, PublishError, Sink, SinkError, Terms};
use tidegate_shared::channel::{InShadow, SHADOW_FORMAT_VERSION, Statement};
use tidegate_shared::units::Percent;

use crate::deaths;
use crate::kit::{Reader, bundle, channel, digest, key, terms};

/// A store that is empty, and whether it writes on a condition.
pub(crate) async fn hold(sink: &impl Sink) {
    contents(sink).await;
    publications(sink).await;
    publishers(sink).await;
    deaths::hold(sink).await;
}

async fn contents(sink: &impl Sink) {
    let changed = || Err(SinkError::Changed("a/one".to_owned()));
    assert_eq!(sink.read("a/one").await, Ok(None));
    assert_eq!(sink.list("a/").await, Ok(vec![]));
    sink.create("a/one", b"1").await.unwrap();
    sink.create("a/one", b"1").await.unwrap();
    assert_eq!(
        sink.create("a/one", b"2").await,
        Err(SinkError::Occupied("a/one".to_owned()))
    );
    let first = sink.read("a/one").await.unwrap().unwrap();
    assert_eq!(first.octets, b"1");

    assert_eq!(sink.replace("a/one", b"3", None).await, changed());
    sink.replace("a/one", b"3", Some(&first.version))
        .await
        .unwrap();
    assert_eq!(
        sink.replace("a/one", b"4", Some(&first.version)).await,
        changed()
    );
    assert_eq!(sink.read("a/one").await.unwrap().unwrap().octets, b"3");
    sink.replace("a/two", b"", None).await.unwrap();
    assert_eq!(sink.read("a/two").await.unwrap().unwrap().octets, b"");
    let mut names = sink.list("a/").await.unwrap();
    names.sort();
    assert_eq!(names, ["a/one", "a/two"]);
}

async fn publications(sink: &impl Sink) {
    let (channel, key, mut reader) = (channel(sink), key(), Reader::default());
    let terms = terms(&key);
    let part = Terms {
        rollout: Percent(10),
        ..terms.clone()
    };
    assert!(channel.current().await.unwrap().is_none());
    assert!(matches!(
        channel.roll_back(None, &terms).await,
        Err(PublishError::Empty(_))
    ));
    assert!(matches!(
        channel.publish(&bundle("one"), &part).await,
        Err(PublishError::NothingElse(10))
    ));

    channel.publish(&bundle("one"), &terms).await.unwrap();
    assert!(matches!(
        channel.roll_back(None, &terms).await,
        Err(PublishError::NothingBefore(_))
    ));
    channel.publish(&bundle("two"), &part).await.unwrap();
    // A third in part: those whom the second did not reach stay where they are.
    channel.publish(&bundle("three"), &part).await.unwrap();
    let partial = reader.read(sink).await.unwrap();
    assert_eq!(partial.bundle_for(9), digest("three"));
    assert_eq!(partial.bundle_for(10), digest("one"));
    channel.publish(&bundle("three"), &terms).await.unwrap();
    // Again, so that it holds for longer: what was before is not forgotten.
    channel.publish(&bundle("three"), &terms).await.unwrap();
    channel.roll_back(None, &terms).await.unwrap();
    channel.roll_back(Some(2), &terms).await.unwrap();
    assert!(matches!(
        channel.roll_back(Some(70), &terms).await,
        Err(PublishError::NoSequence(_, 70))
    ));

    let history = channel.history(20).await.unwrap();
    let told: Vec<_> = history
        .iter()
        .map(|statement| (statement.sequence, statement.bundle, statement.rollout.0))
        .collect();
    let [one, two, three] = ["one", "two", "three"].map(digest);
    assert_eq!(
        told,
        [
            (7, two, 100),
            (6, one, 100),
            (5, three, 100),
            (4, three, 100),
            (3, three, 10),
            (2, two, 10),
            (1, one, 100),
        ]
    );
    assert_eq!(channel.history(3).await.unwrap(), history[..3]);
    assert_eq!(reader.read(sink).await.unwrap().sequence, 7);
}

/// Who publishes on what is no longer in force, is told.
async fn publishers(sink: &impl Sink) {
    let (channel, key) = (channel(sink), key());
    let path = "channels/production.statement";
    let before = sink.read(path).await.unwrap().unwrap();
    channel
        .publish(&bundle("four"), &terms(&key))
        .await
        .unwrap();
    let late = sink.replace(path, b"late", Some(&before.version)).await;
    assert_eq!(late, Err(SinkError::Changed(path.to_owned())));
    let found = Reader::default().read(sink).await.unwrap().sequence;
    let goes_on = Terms {
        after: Some(found - 1),
        ..terms(&key)
    };
    for outcome in [
        channel.publish(&bundle("five"), &goes_on).await,
        channel.roll_back(None, &goes_on).await,
    ] {
        assert!(matches!(
            outcome,
            Err(PublishError::Overtaken { found: told, .. }) if told == found
        ));
    }
    assert_eq!(
        Reader::default().read(sink).await.unwrap().bundle,
        digest("four")
    );
    // In shadow, beside what is in force in part; a roll-out goes on, and ends it.
    let part = Terms {
        rollout: Percent(10),
        ..terms(&key)
    };
    channel.publish(&bundle("five"), &part).await.unwrap();
    let before = Reader::default().read(sink).await.unwrap();
    let (beside, terms_of_all) = (bundle("shadow"), terms(&key));
    let beside = channel.shadow(&beside, Percent(30), &terms_of_all);
    beside.await.unwrap();
    let read = Reader::default().read(sink).await.unwrap();
    let shadow = InShadow {
        bundle: digest("shadow"),
        share: Percent(30),
    };
    assert_eq!(
        read,
        Statement {
            format: SHADOW_FORMAT_VERSION,
            sequence: before.sequence + 1,
            shadow: Some(shadow),
            ..before
        }
    );
    channel
        .publish(&bundle("five"), &terms(&key))
        .await
        .unwrap();
    let read = Reader::default().read(sink).await.unwrap();
    assert_eq!((read.rollout, read.shadow), (Percent(100), None));
}

#[tokio::test]
async fn a_folder() {
    let folder = tempfile::tempdir().unwrap();
    hold(&Folder::new(folder.path().join("site"))).await;
}

#[tokio::test]
async fn objects_in_memory() {
    hold(&Objects::new(Arc::new(InMemory::new()), "some/folder")).await;
}

/// Of publishers at once, each on its thread, none takes another's place unseen.
#[test]
fn publishers_at_once_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = std::thread::scope(|scope| {
        let publishers: Vec<_> = (0..8)
            .map(|number| {
                let channel = channel(Folder::new(folder.path()));
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .build()
                        .unwrap();
                    let (bundle, key) = (bundle(&format!("by {number}")), key());
                    runtime.block_on(channel.publish(&bundle, &terms(&key)))
                })
            })
            .collect();
        let ended = publishers
            .into_iter()
            .map(|publisher| publisher.join().unwrap());
        ended.collect::<Vec<_>>()
    });
    let mut won: Vec<_> = outcomes
        .into_iter()
        .filter_map(|outcome| match outcome {
            Ok(statement) => Some(statement.sequence),
            Err(PublishError::Sink(SinkError::Changed(_))) => None,
            Err(error) => panic!("{error}"),
        })
        .collect();
    won.sort_unstable();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let history = runtime
        .block_on(channel(Folder::new(folder.path())).history(20))
        .unwrap();
    let told: Vec<_> = history
        .iter()
        .rev()
        .map(|statement| statement.sequence)
        .collect();
    assert_eq!(told, won);
}
