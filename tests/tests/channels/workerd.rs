//! The Worker, on a KV namespace that lies and stalls.

use std::path::Path;
use std::time::Duration;

use tidegate_tests::workerd::{WorkerConfig, Workerd};

use crate::attacks::{self, Followed, Kind};
use crate::kit::{key, status};
use crate::store::{Answer, Store};

struct Worker {
    store: Store,
    workerd: Workerd,
}

impl Worker {
    async fn start(minimum: &str) -> Self {
        let store = Store::default();
        attacks::publish_five(&mut |path, answer| store.put(path, answer));
        let variables = [
            ("TIDEGATE_CHANNEL", "production"),
            ("TIDEGATE_MINIMUM_SEQUENCE", minimum),
            ("TIDEGATE_REFRESH", "0"),
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
            isolates: 1,
            platform_header: None,
        };
        let workerd = Workerd::start(&config).await.unwrap();
        Self { store, workerd }
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
        assert_eq!(
            status(self.workerd.address()).await,
            (200, "five".to_owned())
        );
        self.logged(&format!("\"refused\":\"{name}\"")).await;
    }

    async fn answer(&mut self) -> String {
        // An isolate that runs a bundle looks beside the request.
        status(self.workerd.address()).await;
        self.logged("bundle loaded").await;
        status(self.workerd.address()).await.1
    }
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
