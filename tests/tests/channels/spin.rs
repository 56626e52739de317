//! The component on the Spin test host, with either source.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use tempfile::TempDir;
use tidegate_dev::spin::{SpinConfig, SpinHost};
use tidegate_shared::channel::{self, Statement};
use tidegate_shared::digest::Digest;
use tidegate_shared::units::Percent;
use tidegate_tests::runtime::target;
use tidegate_tests::stage::Stage;

use crate::attacks::{self, Followed, Kind};
use crate::kit::{STATEMENT, bundle, get, key, now, policy, signed, statement, status};
use crate::shadows::{Lines, Scene, Watched};
use crate::store::{Answer, Store};

/// Requests that an instance takes where one is to last.
const LASTING: u32 = 1_000_000;

struct Spin {
    source: Source,
    host: SpinHost,
}

enum Source {
    Web(Store),
    /// The key-value store alone.
    KeyValue(TempDir),
}

/// What differs between hosts.
struct Options<'o> {
    /// How many requests an instance takes.
    requests: u32,
    minimum: &'o str,
    /// The web server, where there is one.
    web: Option<SocketAddr>,
    /// The default key-value store.
    store: &'o Path,
    /// Milliseconds between two looks.
    refresh: &'o str,
}

async fn host(options: Options<'_>) -> SpinHost {
    let stage = Stage::asking(&policy("unused"), vec![]).unwrap();
    let web = options.web.map(|address| format!("http://{address}/edge/"));
    let variables = [
        ("tidegate_channel", "production"),
        ("tidegate_source", web.as_deref().unwrap_or_default()),
        ("tidegate_minimum_sequence", options.minimum),
        ("tidegate_refresh", options.refresh),
        ("tidegate_patience", "400"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = SpinConfig {
        program: target().join("debug/tidegate-spin-host"),
        component: target().join("wasm32-wasip2/wasm/tidegate_edge_spin.wasm"),
        listen: ([127, 0, 0, 1], 0).into(),
        bundle: b"",
        store: Some(options.store),
        variables: &variables,
        requests: options.requests,
        trust: key().trust_key().to_string(),
        secrets: &[],
        stores: &[],
        limits: None,
        world: &stage.world,
        tables: &stage.tables,
    };
    SpinHost::start(&config).await.unwrap()
}

/// Puts into a folder what a key-value store has.
fn put(folder: &Path, path: &str, answer: Answer) {
    let file = folder.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let _ = std::fs::remove_file(&file);
    match answer {
        Answer::Octets(octets) => std::fs::write(file, octets).unwrap(),
        // Whoever opens it waits for a writer.
        Answer::Silence => assert!(Command::new("mkfifo").arg(file).status().unwrap().success()),
        Answer::Status(_) | Answer::Part(_) => {}
    }
}

/// Waits for a line of a log with a text.
async fn logged(host: &mut SpinHost, text: &str) {
    let find = async { while !host.log().recv().await.unwrap().contains(text) {} };
    let found = tokio::time::timeout(Duration::from_secs(10), find).await;
    found.unwrap_or_else(|_| panic!("no line with `{text}`"));
}

impl Followed for Spin {
    fn put(&mut self, path: &str, answer: Answer) {
        match &self.source {
            Source::Web(store) => store.put(path, answer),
            Source::KeyValue(folder) => put(folder.path(), path, answer),
        }
    }

    async fn refuses(&mut self, name: &str) {
        assert_eq!(status(self.host.address()).await, (200, "five".to_owned()));
        logged(&mut self.host, &format!("\"refused\":\"{name}\"")).await;
    }

    async fn answer(&mut self) -> String {
        // An instance that runs a bundle looks beside the request.
        status(self.host.address()).await;
        logged(&mut self.host, "new bundle in force").await;
        status(self.host.address()).await.1
    }
}

#[tokio::test]
async fn each_attack_of_a_web_server_has_its_name_and_changes_nothing() {
    for requests in [LASTING, 1] {
        let (store, kept) = (Store::default(), TempDir::new().unwrap());
        attacks::publish_five(&mut |path, answer| store.put(path, answer));
        let host = host(Options {
            requests,
            minimum: "5",
            web: Some(store.start().await),
            store: kept.path(),
            refresh: "0",
        });
        let mut spin = Spin {
            host: host.await,
            source: Source::Web(store),
        };
        attacks::withstood_by(Kind::Web, &mut spin).await;
    }
}

#[tokio::test]
async fn each_attack_of_a_key_value_store_has_its_name_and_changes_nothing() {
    for requests in [LASTING, 1] {
        let store = TempDir::new().unwrap();
        attacks::publish_five(&mut |path, answer| put(store.path(), path, answer));
        let host = host(Options {
            requests,
            minimum: "5",
            web: None,
            store: store.path(),
            refresh: "0",
        });
        let mut spin = Spin {
            host: host.await,
            source: Source::KeyValue(store),
        };
        attacks::withstood_by(Kind::KeyValue, &mut spin).await;
    }
}

/// A host whose log is read for the component's records.
struct Recorded {
    spin: Spin,
    lines: Lines,
}

impl Watched for Recorded {
    fn put(&mut self, path: &str, answer: Answer) {
        self.spin.put(path, answer);
    }

    async fn record(&mut self, path: &str) -> (String, Value) {
        let (_, text) = get(self.spin.host.address(), path).await;
        let record = self.lines.record(self.spin.host.log()).await;
        (text, record)
    }

    fn warned(&mut self, name: &str) -> usize {
        self.lines.warned(name)
    }
}

async fn shadow_on(source: Source, requests: u32) {
    let kept = TempDir::new().unwrap();
    let (web, store) = match &source {
        Source::Web(store) => (Some(store.start().await), kept.path()),
        Source::KeyValue(folder) => (None, folder.path()),
    };
    let host = host(Options {
        requests,
        minimum: "0",
        web,
        store,
        refresh: "0",
    });
    let mut spin = Spin {
        host: host.await,
        source,
    };
    let scene = Scene::begin().await;
    scene.publish(&mut |path, answer| spin.put(path, answer));
    let mut reader = Recorded {
        spin,
        lines: Lines::default(),
    };
    scene.decides_beside(&mut reader).await;
}

#[tokio::test]
async fn a_bundle_in_shadow_decides_beside_the_one_in_force() {
    for requests in [LASTING, 1] {
        shadow_on(Source::Web(Store::default()), requests).await;
        shadow_on(Source::KeyValue(TempDir::new().unwrap()), requests).await;
    }
}

/// One that cannot be had is asked for once in an interval, by all instances together.
#[tokio::test]
async fn instances_remember_together_what_they_cannot_have_in_shadow() {
    let (store, kept) = (Store::default(), TempDir::new().unwrap());
    let scene = Scene::begin().await;
    scene.publish(&mut |path, answer| store.put(path, answer));
    scene.say(
        &mut |path, answer| store.put(path, answer),
        2,
        Some(b"missing"),
    );
    let mut host = host(Options {
        requests: 1,
        minimum: "0",
        web: Some(store.start().await),
        store: kept.path(),
        refresh: "600000",
    })
    .await;
    let mut lines = Lines::default();
    for _ in 0..20 {
        assert_eq!(status(host.address()).await, (200, "old".to_owned()));
        lines.record(host.log()).await;
    }
    let (ok, missing) = (StatusCode::OK, StatusCode::NOT_FOUND);
    assert_eq!(
        store.answered(),
        [ok, ok, missing],
        "a statement, a bundle, and none"
    );
    assert_eq!(lines.warned("missing"), 1);
}

#[tokio::test]
async fn an_instance_that_has_just_begun_is_held_by_the_pinned_sequence() {
    let store = TempDir::new().unwrap();
    attacks::publish_five(&mut |path, answer| put(store.path(), path, answer));
    let host = host(Options {
        requests: 1,
        minimum: "6",
        web: None,
        store: store.path(),
        refresh: "0",
    })
    .await;
    assert_eq!(status(host.address()).await.0, 503);
    assert_eq!(status(host.address()).await.0, 503);
    put(
        store.path(),
        STATEMENT,
        Answer::Octets(signed(&statement(6, &bundle("five")))),
    );
    assert_eq!(status(host.address()).await, (200, "five".to_owned()));
}

/// What a web server is asked: once in the time between two looks, whatever number of instances
/// begin in it, and then on a condition.
#[tokio::test]
async fn instances_ask_together_and_remember_for_each_other() {
    let (store, kept) = (Store::default(), TempDir::new().unwrap());
    attacks::publish_five(&mut |path, answer| store.put(path, answer));
    let address = store.start().await;
    let options = |refresh| Options {
        requests: 1,
        minimum: "0",
        web: Some(address),
        store: kept.path(),
        refresh,
    };
    let first = host(options("600000")).await;
    for _ in 0..20 {
        assert_eq!(status(first.address()).await, (200, "five".to_owned()));
    }
    let ok = StatusCode::OK;
    assert_eq!(store.answered(), [ok, ok], "a statement and a bundle");

    // The application is started again, and the server has nothing new, and then nothing at all.
    let mut second = host(options("0")).await;
    for _ in 0..5 {
        assert_eq!(status(second.address()).await, (200, "five".to_owned()));
    }
    let asked = store.answered();
    assert!(
        !asked.is_empty()
            && asked
                .iter()
                .all(|status| *status == StatusCode::NOT_MODIFIED)
    );
    store.put(STATEMENT, Answer::Status(StatusCode::SERVICE_UNAVAILABLE));
    for _ in 0..5 {
        assert_eq!(status(second.address()).await, (200, "five".to_owned()));
    }
    logged(&mut second, "\"refused\":\"status\"").await;
}

/// What was accepted in its time is run when it has expired, as long as there is nothing newer.
#[tokio::test]
async fn the_last_good_bundle_outlives_its_statement() {
    let store = TempDir::new().unwrap();
    attacks::publish_five(&mut |path, answer| put(store.path(), path, answer));
    let options = || Options {
        requests: 1,
        minimum: "0",
        web: None,
        store: store.path(),
        refresh: "0",
    };
    let mut before = host(options()).await;
    assert_eq!(status(before.address()).await, (200, "five".to_owned()));
    logged(&mut before, "new bundle in force").await;
    // A host takes its time to begin: what holds for a moment is published now.
    let six = bundle("six");
    let short = Statement {
        expires: now().plus(5_000),
        ..statement(6, &six)
    };
    let path = channel::bundle_path(Digest::of(&six));
    put(store.path(), &path, Answer::Octets(six));
    put(store.path(), STATEMENT, Answer::Octets(signed(&short)));
    status(before.address()).await;
    logged(&mut before, "new bundle in force").await;
    let mut frozen = false;
    while !frozen {
        assert_eq!(status(before.address()).await, (200, "six".to_owned()));
        while let Ok(line) = before.log().try_recv() {
            frozen |= line.contains("\"frozen\"");
        }
    }
    drop(before);
    let mut after = host(options()).await;
    assert_eq!(status(after.address()).await, (200, "six".to_owned()));
    logged(&mut after, "\"frozen\"").await;
}

/// Instances that come and go are all on one side of a roll-out.
#[tokio::test]
async fn an_application_is_on_one_side_of_a_roll_out() {
    let store = TempDir::new().unwrap();
    let (old, new) = (bundle("old"), bundle("new"));
    let half = Statement {
        rollout: Percent(50),
        previous: Some(Digest::of(&old)),
        ..statement(5, &new)
    };
    for bundle in [old, new] {
        let path = channel::bundle_path(Digest::of(&bundle));
        put(store.path(), &path, Answer::Octets(bundle));
    }
    put(store.path(), STATEMENT, Answer::Octets(signed(&half)));
    let host = host(Options {
        requests: 1,
        minimum: "0",
        web: None,
        store: store.path(),
        refresh: "0",
    })
    .await;
    let side = status(host.address()).await;
    assert_eq!(side.0, 200);
    for _ in 0..30 {
        assert_eq!(status(host.address()).await, side);
    }
}
