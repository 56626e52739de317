//! Stores behind a network: S3 against the `moto` server, KV against a stand-in for its API.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use object_store::aws::AmazonS3Builder;
use tidegate_policy_compiler::publish::{KeyValue, Objects, Retrying, Sink, SinkError};
use tokio::net::TcpListener;

use crate::suite;

struct Moto(Child);

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the server that `cargo xtask setup` installed; `None` where it could not be.
fn moto() -> Option<(Moto, String)> {
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
    let process = Moto(process);
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
    suite::hold(&Objects::new(Arc::new(store), "edge")).await;
}

async fn exchange(method: Method, url: &str) -> StatusCode {
    let request = Request::builder()
        .method(method)
        .uri(url)
        .body(vec![])
        .unwrap();
    let bounds = tidegate_edge::FetchBounds {
        octets: 64 * 1024,
        time: tidegate_shared::units::Span(10_000),
    };
    let fetcher = tidegate_edge_native::Fetcher::new().unwrap();
    fetcher.fetch(request, bounds).await.unwrap().status()
}

/// Stands in for Cloudflare's API of Workers KV: values, pages of two keys, a token. It is no
/// more than what the API's documentation says; KV itself was not asked.
#[derive(Debug, Default)]
struct FakeApi {
    values: Mutex<BTreeMap<String, Vec<u8>>>,
    /// How many calls fail before one succeeds.
    overloaded: Mutex<usize>,
}

impl FakeApi {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let respond = |status, body: Vec<u8>| {
            let mut response = Response::new(Full::from(body));
            *response.status_mut() = status;
            response
        };
        if request
            .headers()
            .get("authorization")
            .is_none_or(|token| token != "Bearer right")
        {
            return respond(StatusCode::FORBIDDEN, vec![]);
        }
        {
            let mut overloaded = self.overloaded.lock().unwrap();
            if *overloaded > 0 {
                *overloaded -= 1;
                return respond(StatusCode::TOO_MANY_REQUESTS, vec![]);
            }
        }
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        let rest = path
            .strip_prefix("/accounts/a1/storage/kv/namespaces/b2/")
            .unwrap();
        if rest == "keys" {
            let query = head.uri.query().unwrap_or_default();
            return respond(StatusCode::OK, self.page(query));
        }
        let key = rest.strip_prefix("values/").unwrap().replace("%2F", "/");
        let body = body.collect().await.unwrap().to_bytes();
        let mut values = self.values.lock().unwrap();
        match head.method {
            Method::PUT => {
                values.insert(key, body.to_vec());
                respond(StatusCode::OK, br#"{"success":true}"#.to_vec())
            }
            _ => match values.get(&key) {
                Some(value) => respond(StatusCode::OK, value.clone()),
                None => respond(StatusCode::NOT_FOUND, vec![]),
            },
        }
    }

    fn page(&self, query: &str) -> Vec<u8> {
        let query: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
        let (prefix, cursor) = (&*query["prefix"], &*query["cursor"]);
        let values = self.values.lock().unwrap();
        let below = values
            .keys()
            .filter(|key| key.starts_with(prefix) && key.as_str() > cursor);
        let keys: Vec<_> = below.take(2).collect();
        let next = keys
            .last()
            .filter(|_| keys.len() == 2)
            .map_or("", |key| key);
        let names: Vec<_> = keys
            .iter()
            .map(|key| serde_json::json!({ "name": key }))
            .collect();
        let page = serde_json::json!({ "result": names, "result_info": { "cursor": next } });
        page.to_string().into_bytes()
    }

    async fn start(self: &Arc<Self>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let api = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let api = Arc::clone(&api);
                let service = service_fn(move |request| {
                    let api = Arc::clone(&api);
                    async move { Ok::<_, Infallible>(api.answer(request).await) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        address
    }
}

fn namespace(address: SocketAddr, token: &str) -> KeyValue {
    let api = format!("http://{address}");
    KeyValue::new(Some(&api), "a1", "b2", token.to_owned()).unwrap()
}

#[tokio::test]
async fn a_namespace_of_a_stand_in_for_workers_kv() {
    let api = Arc::new(FakeApi::default());
    let address = api.start().await;
    suite::hold(&namespace(address, "right")).await;
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
