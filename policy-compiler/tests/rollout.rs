//! Four native gateways that follow a channel, under load: a bundle that is worse is rolled back by
//! itself, one that is not reaches all of them.

#![cfg(test)]

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tidegate_edge::AccessRecord;
use tidegate_edge_native::{
    Config, Follow, Following, LimitAuthority, NativeGateway, Records, Secrets, Source,
};
use tidegate_policy_compiler::compile;
use tidegate_policy_compiler::publish::{Channel, Folder, Terms};
use tidegate_policy_compiler::source;
use tidegate_shared::digest::Digest;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;
use tidegate_shared::units::{Percent, Span};
use tokio::net::{TcpListener, TcpStream};

/// On which side of a roll-out each gateway is: below its share it runs the new bundle.
const DRAWS: [u8; 4] = [2, 20, 45, 90];

fn key() -> SigningKey {
    SigningKey::from_seed([5; 32])
}

/// A policy with these paths, which an origin answers.
fn bundle(name: &str, origin: &str, paths: &[&str]) -> Vec<u8> {
    let routes = paths.iter().map(|path| format!("{{ get: {path} }}"));
    let routes = routes.collect::<Vec<_>>().join(", ");
    let text = format!(
        "tidegate: v1\nname: {name}\nhosts: [api.test.example]\nupstreams:\n  main:\n    origins: {{ one: {{ url: \"{origin}\" }} }}\n\
         apis:\n  all:\n    auth: public\n    to: main\n    routes: [{routes}]\n"
    );
    let source = source::Source {
        path: "policy.yaml".into(),
        text,
    };
    let output = compile(&[source]);
    output.ir.unwrap().sign(1, &key()).unwrap()
}

/// Answers everything with this status.
async fn origin(status: StatusCode) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = service_fn(move |_: Request<Incoming>| async move {
                let response = Response::builder().status(status);
                response.body(Full::new(Bytes::from_static(b"well")))
            });
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), answer));
        }
    });
    format!("http://{address}")
}

/// Access records in one file, as a log has them.
struct Log(Mutex<File>);

impl Records for Log {
    fn deliver(&self, record: &AccessRecord) {
        let line = serde_json::to_string(record).unwrap() + "\n";
        self.0.lock().unwrap().write_all(line.as_bytes()).unwrap();
    }
}

/// A gateway that follows the folder's channel, on that side of roll-outs.
async fn gateway(folder: &Path, draw: u8, log: Arc<Log>) -> SocketAddr {
    // What it remembers of an earlier start: what decides its side, and no statement.
    let state = folder.join(format!("state-{draw}"));
    std::fs::write(&state, [0, 0, 0, 0, 0, 0, 0, draw, 0, 0, 0, 0]).unwrap();
    let follow = Follow {
        source: Source::Path(folder.join("site")),
        channel: "production".parse().unwrap(),
        minimum: 0,
        state: Some(state),
        every: Duration::from_millis(50),
        patience: Duration::from_secs(10),
    };
    let trust = key().trust_key();
    let (mut following, first) = Following::start(follow, trust.clone().into())
        .await
        .unwrap();
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        tls: None,
        trust: trust.into(),
        identities: vec![],
        secrets: Secrets::Given([].into()),
        credentials: None,
        limits: Arc::new(LimitAuthority::embedded()),
        tunnels: None,
        admin: None,
    };
    let gateway = NativeGateway::bind(config, first.octets(), log)
        .await
        .unwrap();
    let address = gateway.local_addr().unwrap();
    following.runs(&first);
    gateway.follow(following);
    tokio::spawn(gateway.run(std::future::pending()));
    address
}

/// Sends requests for ever, half of them for each path.
async fn load(address: SocketAddr) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for path in ["/one", "/two"].into_iter().cycle() {
        let request = Request::get(path).header("host", "api.test.example");
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        answer.into_body().collect().await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

struct World {
    folder: tempfile::TempDir,
    origin: String,
}

impl World {
    /// A channel with a bundle that is good, and gateways under load.
    async fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let origin = origin(StatusCode::OK).await;
        std::fs::write(folder.path().join("tidegate.key"), key().to_secret_text()).unwrap();
        let key = key();
        let terms = Terms {
            key: &key,
            now: UnixMillis(tidegate_edge_native::now().0),
            validity: Span(3_600_000),
            rollout: Percent(100),
            after: None,
        };
        let channel = Channel {
            sink: Folder::new(folder.path().join("site")),
            name: "production".parse().unwrap(),
            trust: key.trust_key().into(),
        };
        let old = bundle("old", &origin, &["/one", "/two"]);
        channel.publish(&old, &terms).await.unwrap();
        let log = File::create(folder.path().join("records")).unwrap();
        let log = Arc::new(Log(Mutex::new(log)));
        for draw in DRAWS {
            tokio::spawn(load(gateway(folder.path(), draw, Arc::clone(&log)).await));
        }
        Self { folder, origin }
    }

    /// Publishes a bundle and watches its roll-out. The exit status, and the events.
    async fn roll_out(&self, bundle: &[u8]) -> (Option<i32>, Vec<Value>) {
        std::fs::write(self.path("new"), bundle).unwrap();
        let command = tokio::process::Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args("publish new --to site --rollout 5% --watch records --settle 1s".split(' '))
            .args("--step-minimum 1s --step-maximum 60s --margin 5% --format json".split(' '))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = command.await.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.is_empty(), "{error}");
        let events = String::from_utf8(output.stdout).unwrap();
        let events = events
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        (output.status.code(), events.collect())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A bundle that is worse in this measure is found while one gateway of four has it.
    async fn is_rolled_back(&self, new: &[u8], measure: usize) {
        let old = bundle("old", &self.origin, &["/one", "/two"]);
        let (status, events) = self.roll_out(new).await;
        assert_eq!(status, Some(3), "{events:?}");
        let [out, back, after] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(out["bundle"], Digest::of(new).to_string());
        assert_eq!(
            (&back["event"], &back["rollout"]),
            (&"rolled-back".into(), &5.into())
        );
        assert_eq!(back["compared"][measure]["finding"], "worse", "{back}");
        assert_eq!(after["bundle"], Digest::of(&old).to_string());
        assert_eq!(after["rollout"], 100);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_that_refuses_more_is_rolled_back_by_itself() {
    let world = World::begin().await;
    let new = bundle("new", &world.origin, &["/one"]);
    world.is_rolled_back(&new, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_whose_origin_fails_is_rolled_back_by_itself() {
    let world = World::begin().await;
    let failing = origin(StatusCode::INTERNAL_SERVER_ERROR).await;
    // One that answers badly, and one that nobody listens for.
    for origin in [&failing, "http://127.0.0.1:1"] {
        world
            .is_rolled_back(&bundle("new", origin, &["/one", "/two"]), 1)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_that_is_no_worse_reaches_all_gateways() {
    let world = World::begin().await;
    let new = bundle("new", &world.origin, &["/one", "/two", "/three"]);
    let (status, events) = world.roll_out(&new).await;
    assert_eq!(status, Some(0), "{events:?}");
    let published = events.iter().filter(|event| event["event"] == "published");
    let published: Vec<_> = published
        .map(|event| event["rollout"].as_u64().unwrap())
        .collect();
    assert_eq!(published, [5, 25, 50, 100]);
    assert_eq!(
        events.last().unwrap()["bundle"],
        Digest::of(&new).to_string()
    );
}
