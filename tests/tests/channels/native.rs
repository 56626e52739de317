//! The native gateway.

use std::future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use tidegate_edge::AccessRecord;
use tidegate_edge_native::{
    Config, Follow, FollowError, Following, LimitAuthority, LogRecords, NativeGateway, Next,
    Records, Reloader, Secrets, Source,
};
use tidegate_shared::channel;
use tidegate_shared::digest::Digest;
use tidegate_tests::logs::Logs;

use crate::attacks::{self, Followed, Kind};
use crate::kit::{HOUR, STATEMENT, bundle, get, key, now, signed, statement, status};
use crate::shadows::{NO_SHADOW, Scene, Watched};
use crate::store::{Answer, Store};

pub(crate) fn follow(source: Source, minimum: u64, state: Option<PathBuf>) -> Follow {
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

pub(crate) async fn gateway(bundle: &[u8]) -> NativeGateway {
    gateway_recording(bundle, Arc::new(LogRecords)).await
}

async fn gateway_recording(bundle: &[u8], records: Arc<dyn Records>) -> NativeGateway {
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        tls: None,
        trust: key().trust_key().into(),
        identities: vec![],
        secrets: Secrets::Given([].into()),
        credentials: None,
        limits: Arc::new(LimitAuthority::embedded()),
        tunnels: None,
        admin: None,
    };
    let gateway = NativeGateway::bind(config, bundle, records).await;
    gateway.unwrap()
}

/// A store at sequence 5, and who follows it.
async fn followed() -> (Store, Following) {
    let store = Store::default();
    attacks::publish_five(&mut |path, answer| store.put(path, answer));
    let source = Source::Url(format!("http://{}/edge", store.start().await));
    let (mut following, first) = start(follow(source, 3, None)).await.unwrap();
    assert_eq!(first.octets(), bundle("five"));
    following.runs(&first);
    (store, following)
}

/// A gateway that looks at the channel when it is told.
struct Native {
    store: Store,
    following: Following,
    reloader: Reloader,
    address: SocketAddr,
}

impl Followed for Native {
    fn put(&mut self, path: &str, answer: Answer) {
        self.store.put(path, answer);
    }

    async fn refuses(&mut self, name: &str) {
        let refused = self.following.next(now()).await.unwrap_err();
        assert_eq!(refused.name(), name, "{refused}");
        assert_eq!(status(self.address).await, (200, "five".to_owned()));
    }

    async fn answer(&mut self) -> String {
        if let Some(next) = self.following.next(now()).await.unwrap() {
            self.reloader.replace(next.octets()).unwrap();
            self.following.runs(&next);
        }
        status(self.address).await.1
    }
}

#[tokio::test]
async fn each_attack_has_its_name_and_changes_nothing() {
    let (store, following) = followed().await;
    let gateway = gateway(&bundle("five")).await;
    let mut native = Native {
        store,
        following,
        reloader: gateway.reloader(),
        address: gateway.local_addr().unwrap(),
    };
    tokio::spawn(gateway.run(future::pending()));
    attacks::withstood_by(Kind::Web, &mut native).await;
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
    attacks::publish_five(&mut |path, answer| store.put(path, answer));
    let source = Source::Url(format!("http://{}/edge", store.start().await));
    let refused = start(follow(source.clone(), 6, None)).await.unwrap_err();
    assert_eq!(refused.name(), "below-minimum");
    assert!(start(follow(source, 5, None)).await.is_ok());
}

#[tokio::test]
async fn the_last_good_bundle_outlives_its_store_and_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let store = Store::default();
    attacks::publish_five(&mut |path, answer| store.put(path, answer));
    let source = Source::Url(format!("http://{}/edge", store.start().await));
    let again = |minimum| start(follow(source.clone(), minimum, Some(state.clone())));
    let (mut following, first) = again(0).await.unwrap();
    following.runs(&first);

    // The store is gone, or shows what is older than what was seen by the process before.
    for answer in [
        Answer::Status(StatusCode::SERVICE_UNAVAILABLE),
        Answer::Octets(signed(&statement(4, b"old"))),
    ] {
        store.put(STATEMENT, answer);
        let (mut following, first) = again(0).await.unwrap();
        assert_eq!(first.octets(), bundle("five"));
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
        let bundle = bundle(text);
        let signed = signed(&statement(sequence, &bundle));
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
    let gateway = gateway(first.octets()).await;
    let address = gateway.local_addr().unwrap();
    gateway.follow(following);
    tokio::spawn(gateway.run(future::pending()));
    for sequence in 2..6 {
        put(sequence, &format!("number {sequence}"));
        loop {
            let (code, text) = status(address).await;
            assert_eq!(code, 200);
            if text == format!("number {sequence}") {
                break;
            }
            assert_eq!(text, format!("number {}", sequence - 1));
        }
    }
}

/// Keeps access records.
#[derive(Default)]
struct Kept(Mutex<Vec<String>>);

impl Records for Kept {
    fn deliver(&self, record: &AccessRecord) {
        let record = serde_json::to_string(record).unwrap();
        self.0.lock().unwrap().push(record);
    }
}

/// A gateway that follows by itself, and whose records and log are kept.
struct Recorded {
    store: Store,
    address: SocketAddr,
    kept: Arc<Kept>,
    logs: Logs,
}

impl Watched for Recorded {
    fn put(&mut self, path: &str, answer: Answer) {
        self.store.put(path, answer);
    }

    async fn record(&mut self, path: &str) -> (String, Value) {
        let (_, text) = get(self.address, path).await;
        let newest = self.kept.0.lock().unwrap().pop().unwrap();
        (text, serde_json::from_str(&newest).unwrap())
    }

    fn warned(&mut self, name: &str) -> usize {
        // Between the two stand colours.
        let refused = format!("\"{name}\"");
        let is_warning = |line: &&str| line.contains(NO_SHADOW) && line.contains(&refused);
        self.logs.text().lines().filter(is_warning).count()
    }
}

#[tokio::test]
async fn a_bundle_in_shadow_decides_beside_the_one_in_force() {
    let logs = Logs::of_this_process();
    let (scene, store) = (Scene::begin().await, Store::default());
    scene.publish(&mut |path, answer| store.put(path, answer));
    let source = Source::Url(format!("http://{}/edge", store.start().await));
    let (mut following, first) = start(follow(source, 0, None)).await.unwrap();
    following.runs(&first);
    let kept = Arc::new(Kept::default());
    let records = Arc::clone(&kept);
    let gateway = gateway_recording(first.octets(), records).await;
    let address = gateway.local_addr().unwrap();
    gateway.follow(following);
    tokio::spawn(gateway.run(future::pending()));
    let mut reader = Recorded {
        store,
        address,
        kept,
        logs,
    };
    scene.decides_beside(&mut reader).await;
}
