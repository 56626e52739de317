//! A program that is killed while it publishes to a folder, at moments that are spread over all
//! that it does. What it was writing lies about then; nobody may take it for anything.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tidegate_policy_compiler::publish::{Folder, Terms};
use tidegate_shared::time::UnixMillis;

use crate::kit::{Reader, bundle, channel, digest, key, terms};
use crate::program;

/// Killed so often; `TIDEGATE_KILLS` says otherwise.
const KILLS: u32 = 60;

fn publish(folder: &Path, bundle: &str) -> Child {
    program::tidegate(folder)
        .args(["publish", bundle, "--to", "site"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The program's time.
fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixMillis(since.as_millis().try_into().unwrap())
}

#[tokio::test]
async fn a_folder_is_whole_whenever_its_publisher_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tidegate.key"), key().to_secret_text()).unwrap();
    for name in ["one", "two"] {
        std::fs::write(folder.path().join(name), bundle(name)).unwrap();
    }
    // The second knows what it takes: files of the program have been read.
    let mut whole = Duration::ZERO;
    for name in ["one", "two"] {
        let begin = Instant::now();
        assert!(publish(folder.path(), name).wait().unwrap().success());
        whole = begin.elapsed();
    }
    let kills = std::env::var("TIDEGATE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let sink = Folder::new(folder.path().join("site"));
    let mut reader = Reader::default();
    let mut before = reader.read_at(&sink, now()).await.unwrap();
    let (mut done, mut undone) = (0, 0);
    for kill in 0..kills {
        let name = ["one", "two"][usize::try_from(kill).unwrap() % 2];
        let mut publisher = publish(folder.path(), name);
        std::thread::sleep(whole * kill / kills);
        publisher.kill().unwrap();
        publisher.wait().unwrap();
        let after = reader.read_at(&sink, now()).await.unwrap();
        if after == before {
            undone += 1;
        } else {
            assert_eq!(after.sequence, before.sequence + 1);
            assert_eq!(after.bundle, digest(name));
            done += 1;
        }
        before = after;
    }
    println!("{done} of {kills} were in force when they were killed, {undone} were not");
    assert!(undone > 0, "nobody was killed in time");

    // What the killed were writing, in every place where they write.
    for place in ["bundles", "channels", "history/production"] {
        let place = folder.path().join("site").join(place);
        assert!(place.is_dir(), "{}", place.display());
        std::fs::write(place.join(".tmpHalf"), [0xd2, 0x84]).unwrap();
    }
    let channel = channel(&sink);
    let key = key();
    let terms = Terms {
        now: now(),
        ..terms(&key)
    };
    channel.publish(&bundle("three"), &terms).await.unwrap();
    let history = channel.history(usize::MAX).await.unwrap();
    assert_eq!(history.len(), usize::try_from(before.sequence).unwrap() + 1);
    assert_eq!(
        reader.read_at(&sink, now()).await.unwrap().bundle,
        digest("three")
    );
}
