//! Stores behind a network: S3 against the `moto` server, KV against a stand-in for its API.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use hyper::{Method, Request, StatusCode};
use object_store::aws::AmazonS3Builder;
use tidegate_policy_compiler::publish::{KeyValue, Objects, Redis, Retrying, Sink, SinkError};

use crate::cloudflare::FakeApi;
use crate::faults::{self, AtOnce};
use crate::suite;

/// A server that ends with its test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the server that `cargo xtask setup` installed; `None` where it could not be.
fn moto() -> Option<(Server, String)> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
        PathBuf::from,
    );
    let program = target.join("python/bin/moto_server");
    if !program.exists() {
        eprintln!("skipped: `cargo xtask setup` has not installed moto, which stands for S3");
        return None;
    }
    let mut process = Command::new(program)
        .args(["-H", "127.0.0.1", "-p", "0"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let process = Server(process);
    let address = lines.by_ref().map(Result::unwrap).find_map(|line| {
        let mut words = line.split_whitespace();
        words
            .find(|word| word.starts_with("http://"))
            .map(str::to_owned)
    });
    // It goes on writing; a full pipe would stop it.
    std::thread::spawn(move || lines.for_each(drop));
    Some((process, address.unwrap()))
}

/// Redis, which the key-value stores of Spin may be.
#[tokio::test]
async fn redis() {
    let folder = tempfile::tempdir().unwrap();
    let server = Command::new("redis-server")
        .args(["--port", "0", "--unixsocket", "socket", "--save", ""])
        .args(["--requirepass", "secret", "--dir"])
        .arg(folder.path())
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .spawn();
    let Ok(server) = server else {
        eprintln!("skipped: there is no `redis-server`");
        return;
    };
    let _server = Server(server);
    let address = format!("redis+unix://{}", folder.path().join("socket").display());
    let sink = Redis::new(&address, Some("secret")).unwrap();
    let mut tries = 0;
    while sink.read("a").await.is_err() {
        tries += 1;
        assert!(tries < 500, "redis-server does not answer");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    suite::hold(&sink).await;
    faults::hold(&sink, 500, AtOnce::Told).await;
    let stranger = Redis::new(&address, None).unwrap();
    let refused = stranger.read("a").await;
    assert!(
        matches!(refused, Err(SinkError::Failed { .. })),
        "{refused:?}"
    );
    assert!(Redis::new("redis://:secret@127.0.0.1", None).is_err());
}

#[tokio::test]
async fn s3() {
    let Some((_process, endpoint)) = moto() else {
        return;
    };
    let created = exchange(Method::PUT, &format!("{endpoint}/policies")).await;
    assert_eq!(created, StatusCode::OK);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_bucket_name("policies")
        .with_region("eu-central-1")
        .with_access_key_id("test")
        .with_secret_access_key("test")
        .build()
        .unwrap();
    let sink = Objects::new(Arc::new(store), "edge");
    suite::hold(&sink).await;
    // Fewer: the server takes its time.
    faults::hold(&sink, 50, AtOnce::Told).await;
}

async fn exchange(method: Method, url: &str) -> StatusCode {
    let request = Request::builder()
        .method(method)
        .uri(url)
        .body(vec![])
        .unwrap();
    let fetcher = tidegate_follow::Fetcher::new().unwrap();
    let time = std::time::Duration::from_secs(10);
    let response = fetcher.fetch(request, 64 * 1024, time).await;
    response.unwrap().status()
}

fn namespace(address: SocketAddr, token: &str) -> KeyValue {
    let api = format!("http://{address}");
    KeyValue::new(Some(&api), "a1", "b2", token.to_owned()).unwrap()
}

#[tokio::test]
async fn a_namespace_of_a_stand_in_for_workers_kv() {
    let api = Arc::new(FakeApi::default());
    let address = api.start().await;
    let sink = namespace(address, "right");
    suite::hold(&sink).await;
    faults::hold(&sink, 450, AtOnce::Apart).await;
}

#[tokio::test]
async fn an_overloaded_store_is_asked_again_and_a_wrong_token_is_not() {
    let api = Arc::new(FakeApi::default());
    let address = api.start().await;
    let sink = Retrying(namespace(address, "right"));
    *api.overloaded.lock().unwrap() = 2;
    sink.create("a", b"1").await.unwrap();
    assert_eq!(sink.read("a").await.unwrap().unwrap().octets, b"1");

    let refused = Retrying(namespace(address, "wrong"))
        .read("a")
        .await
        .unwrap_err();
    assert!(matches!(refused, SinkError::Failed { .. }), "{refused}");
    assert!(
        refused.to_string().contains("CLOUDFLARE_API_TOKEN"),
        "{refused}"
    );
}
