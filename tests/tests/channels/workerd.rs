//! The Worker, on a KV namespace that lies and stalls.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tidegate_shared::channel::{self, Memory, Statement};
use tidegate_shared::digest::Digest;
use tidegate_shared::trust::SigningKey;
use tidegate_tests::workerd::{WorkerConfig, Workerd};

use crate::attacks::{self, Followed, Kind};
use crate::kit::{STATEMENT, bundle, get, key, now, signed, statement, status};
use crate::shadows::{Lines, Scene, Watched};
use crate::store::{Answer, Store};

pub(crate) struct Worker {
    store: Store,
    workerd: Workerd,
}

impl Worker {
    async fn start(minimum: &str) -> Self {
        let store = Store::default();
        attacks::publish_five(&mut |path, answer| store.put(path, answer));
        Self::on(store, minimum).await
    }

    async fn on(store: Store, minimum: &str) -> Self {
        Self::with(store, minimum, "0").await
    }

    /// One that looks at the namespace so often.
    pub(crate) async fn looking_every(store: Store, every: Duration) -> Self {
        Self::with(store, "0", &every.as_millis().to_string()).await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.workerd.address()
    }

    async fn with(store: Store, minimum: &str, refresh: &str) -> Self {
        let variables = [
            ("TIDEGATE_CHANNEL", "production"),
            ("TIDEGATE_MINIMUM_SEQUENCE", minimum),
            ("TIDEGATE_REFRESH", refresh),
            ("TIDEGATE_PATIENCE", "500"),
        ];
        let config = WorkerConfig {
            script_directory: Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/workers"),
            bundle: None,
            namespace: Some(store.start().await),
            trust: key().trust_key().to_string(),
            identities: vec![],
            variables: variables
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            secrets: vec![],
            stores: vec![],
            limits: None,
            tunnels: false,
            isolates: 1,
            platform_header: None,
        };
        let workerd = Workerd::start(&config).await.unwrap();
        Self { store, workerd }
    }

    /// Refuses what it is shown, and answers with what was good.
    async fn refuses_with(&mut self, text: &str, name: &str) {
        assert_eq!(status(self.workerd.address()).await, (200, text.to_owned()));
        self.logged(&format!("\"refused\":\"{name}\"")).await;
    }

    /// Waits for a line of the log with a text.
    async fn logged(&mut self, text: &str) {
        let find = async { while !self.workerd.log().recv().await.unwrap().contains(text) {} };
        let found = tokio::time::timeout(Duration::from_secs(10), find).await;
        found.unwrap_or_else(|_| panic!("no line with `{text}`"));
    }
}

impl Followed for Worker {
    fn put(&mut self, path: &str, answer: Answer) {
        self.store.put(path, answer);
    }

    async fn refuses(&mut self, name: &str) {
        self.refuses_with("five", name).await;
    }

    async fn answer(&mut self) -> String {
        // An isolate that runs a bundle looks beside the request.
        status(self.workerd.address()).await;
        self.logged("bundle loaded").await;
        status(self.workerd.address()).await.1
    }
}

/// A Worker whose log is read for its records.
struct Recorded {
    worker: Worker,
    lines: Lines,
}

impl Watched for Recorded {
    fn put(&mut self, path: &str, answer: Answer) {
        self.worker.store.put(path, answer);
    }

    async fn record(&mut self, path: &str) -> (String, Value) {
        let (_, text) = get(self.worker.address(), path).await;
        let record = self.lines.record(self.worker.workerd.log()).await;
        (text, record)
    }

    fn warned(&mut self, name: &str) -> usize {
        self.lines.warned(name)
    }
}

#[tokio::test]
async fn a_bundle_in_shadow_decides_beside_the_one_in_force() {
    let (scene, store) = (Scene::begin().await, Store::default());
    scene.publish(&mut |path, answer| store.put(path, answer));
    let mut reader = Recorded {
        worker: Worker::on(store, "0").await,
        lines: Lines::default(),
    };
    scene.decides_beside(&mut reader).await;
}

#[tokio::test]
async fn each_attack_has_its_name_and_changes_nothing() {
    let mut worker = Worker::start("5").await;
    attacks::withstood_by(Kind::KeyValue, &mut worker).await;
}

#[tokio::test]
async fn an_isolate_that_has_just_begun_is_held_by_the_pinned_sequence() {
    let mut worker = Worker::start("6").await;
    assert_eq!(status(worker.workerd.address()).await.0, 503);
    worker.logged("\"refused\":\"below-minimum\"").await;
}

/// What was accepted in its time is run by isolates to come when it has expired, and nothing older.
#[tokio::test]
async fn the_last_good_bundle_outlives_its_statement_and_the_isolate() {
    let mut before = Worker::start("0").await;
    let store = before.store.clone();
    assert_eq!(
        status(before.workerd.address()).await,
        (200, "five".to_owned())
    );
    before.logged("bundle loaded").await;
    // Who begins takes its time: what holds for a moment is published now.
    let six = bundle("six");
    let short = Statement {
        expires: now().plus(4_000),
        ..statement(6, &six)
    };
    let path = channel::bundle_path(Digest::of(&six));
    store.put(&path, Answer::Octets(six));
    store.put(STATEMENT, Answer::Octets(signed(&short)));
    assert_eq!(before.answer().await, "six");
    let mut written = false;
    while now() < short.expires {
        written |= store.has("readers/production.memory");
        assert_eq!(
            status(before.workerd.address()).await,
            (200, "six".to_owned())
        );
    }
    assert!(written, "not within the first half of its time");
    drop(before);

    for (statement, refused) in [
        (signed(&short), "frozen"),
        (signed(&statement(5, &bundle("five"))), "rollback"),
    ] {
        store.put(STATEMENT, Answer::Octets(statement));
        let mut after = Worker::on(store.clone(), "0").await;
        after.refuses_with("six", refused).await;
        store.put(STATEMENT, Answer::Silence);
        let mut stalled = Worker::on(store.clone(), "0").await;
        stalled.refuses_with("six", "stalled").await;
    }

    // The memory is believed as far as its signature goes.
    let seven = statement(7, &bundle("seven"));
    let forged = seven.sign(&SigningKey::from_seed([8; 32])).unwrap();
    let mut memory = Memory::new(0);
    memory.keep(forged, None);
    store.put("readers/production.memory", Answer::Octets(memory.encode()));
    store.put(STATEMENT, Answer::Octets(signed(&short)));
    let mut fooled = Worker::on(store, "0").await;
    assert_eq!(status(fooled.workerd.address()).await.0, 503);
    fooled.logged("\"refused\":\"unknown-key\"").await;
}
