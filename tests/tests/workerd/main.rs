//! The Worker on `workerd`: what only this runtime does. `cargo xtask build workers` comes first.
#![expect(
    clippy::unwrap_used,
    reason = "a test environment that is broken fails the test"
)]

mod certificate;
mod origin;
mod policy;

use std::path::Path;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jwt_simple::prelude::*;
use tidegate_shared::bundle::Auth;
use tidegate_shared::digest::Digest;
use tidegate_shared::trust::SigningKey;
use tidegate_tests::workerd::{WorkerConfig, Workerd};
use tokio::net::TcpStream;

use origin::Authority;
use policy::{AUDIENCE, ISSUER, Policy, jwt};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn key() -> SigningKey {
    SigningKey::from_seed([7; 32])
}

fn config(bundle: Option<Vec<u8>>) -> WorkerConfig {
    WorkerConfig {
        script_directory: Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/workers"),
        bundle,
        namespace: None,
        trust: key().trust_key().to_string(),
        identities: vec![],
        variables: vec![],
        secrets: vec![],
        stores: vec![],
        limits: None,
        tunnels: false,
        isolates: 1,
        platform_header: None,
    }
}

async fn start(policy: Policy) -> Workerd {
    Workerd::start(&config(Some(policy.sign(1, &key()))))
        .await
        .unwrap()
}

async fn send<B>(worker: &Workerd, request: Request<B>) -> Response<Incoming>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let stream = TcpStream::connect(worker.address()).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap()
}

fn request(path: &str) -> http::request::Builder {
    Request::builder().uri(path).header(HOST, policy::HOST)
}

async fn get(worker: &Workerd, path: &str) -> (StatusCode, String) {
    text(send(worker, request(path).body(Empty::new()).unwrap()).await).await
}

async fn get_as(worker: &Workerd, path: &str, token: &str) -> (StatusCode, String) {
    let request = request(path).header(AUTHORIZATION, format!("Bearer {token}"));
    text(send(worker, request.body(Empty::new()).unwrap()).await).await
}

async fn text(response: Response<Incoming>) -> (StatusCode, String) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn claims() -> JWTClaims<NoCustomClaims> {
    Claims::create(Duration::from_mins(5))
        .with_issuer(ISSUER)
        .with_audience(AUDIENCE)
        .with_subject("alice")
}

#[tokio::test]
async fn a_reply_comes_from_the_gateway_and_is_recorded() {
    let mut worker = start(Policy::default().reply("/status", "fine")).await;
    let response = send(
        &worker,
        request("/status").body(Empty::<Bytes>::new()).unwrap(),
    )
    .await;
    let id = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(text(response).await, (StatusCode::OK, "fine".to_owned()));

    let record = record(&mut worker).await;
    assert_eq!(record["request_id"], id);
    assert_eq!(record["route"], "/status");
    assert_eq!(record["client"], "127.0.0.1");
    assert_eq!(record["status"], 200);
}

/// The next access record.
async fn record(worker: &mut Workerd) -> serde_json::Value {
    logged(worker, "\"request_id\"").await
}

/// The next line that holds `text`.
async fn logged(worker: &mut Workerd, text: &str) -> serde_json::Value {
    let find = async {
        loop {
            let line = worker.log().recv().await.unwrap();
            if line.contains(text) {
                return serde_json::from_str(&line).unwrap();
            }
        }
    };
    let limit = std::time::Duration::from_secs(10);
    tokio::time::timeout(limit, find).await.unwrap()
}

#[tokio::test]
async fn an_origin_gets_the_request_without_what_the_platform_added() {
    let origin = origin::plain().await;
    let policy = Policy::default().forward("/a/*", Auth::Public, None, &[origin]);
    let worker = start(policy).await;
    let request = request("/a/b%20c?d=e")
        .header("cf-anything", "1")
        .header("x-real-ip", "1.2.3.4")
        .header("x-mine", "kept");
    let (status, body) =
        text(send(&worker, request.body(Empty::<Bytes>::new()).unwrap()).await).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.starts_with("GET /a/b%20c\n"), "{body}");
    assert!(body.contains("x-mine: kept\n"), "{body}");
    assert!(
        body.contains("forwarded: for=127.0.0.1;host=\"api.bank.example\";proto=http\n"),
        "{body}"
    );
    assert!(!body.contains("cf-"), "{body}");
    assert!(!body.contains("x-real-ip"), "{body}");
}

#[tokio::test]
async fn tokens_are_verified_in_wasm_and_by_the_runtime() {
    let origin = origin::plain().await;
    let (hmac, ecdsa) = (
        HS256Key::from_bytes(SECRET.as_bytes()),
        ES256KeyPair::generate(),
    );
    let policy = Policy::default()
        .issuers(
            "session-secret",
            ecdsa.public_key().public_key().to_bytes_uncompressed(),
        )
        .forward("/hs", jwt(0), None, std::slice::from_ref(&origin))
        .forward("/es", jwt(1), None, &[origin]);
    let mut config = config(Some(policy.sign(1, &key())));
    config.secrets = vec![("session-secret".to_owned(), SECRET.to_owned())];
    let worker = Workerd::start(&config).await.unwrap();

    let hs = hmac.authenticate(claims()).unwrap();
    let es = ecdsa.sign(claims()).unwrap();
    let forged = ES256KeyPair::generate().sign(claims()).unwrap();
    assert_eq!(get_as(&worker, "/hs", &hs).await.0, StatusCode::OK);
    assert_eq!(get_as(&worker, "/es", &es).await.0, StatusCode::OK);
    // Once more, with the imported key.
    assert_eq!(get_as(&worker, "/es", &es).await.0, StatusCode::OK);
    for (path, token) in [("/hs", &es), ("/es", &hs), ("/es", &forged)] {
        let (status, body) = get_as(&worker, path, token).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(
            body.contains("urn:tidegate:problem:credential-invalid"),
            "{body}"
        );
    }
    let (status, body) = get(&worker, "/es").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(body.contains("credential-missing"), "{body}");
}

#[tokio::test]
async fn bodies_stream_through_both_ways() {
    let origin = origin::plain().await;
    let policy = Policy::default().forward("/*", Auth::Public, None, &[origin]);
    let worker = start(policy).await;
    let expected = origin::long_body_digest();

    let upload = request("/upload")
        .method("POST")
        .body(origin::long_body())
        .unwrap();
    assert_eq!(
        text(send(&worker, upload).await).await,
        (StatusCode::OK, expected.clone())
    );

    let download = send(
        &worker,
        request("/download").body(Empty::<Bytes>::new()).unwrap(),
    )
    .await;
    let body = download.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(Digest::of(&body).to_string(), expected);
}

#[tokio::test]
async fn a_client_certificate_opens_the_connector_and_a_stranger_is_no_origin() {
    let (ours, strange) = (Authority::new(), Authority::new());
    let connector = origin::mutual_tls(&ours).await;
    let stranger = origin::mutual_tls(&strange).await;
    let policy = Policy::default()
        .forward("/ours", Auth::Public, Some("edge-eu"), &[connector])
        .forward("/strange", Auth::Public, Some("edge-eu"), &[stranger]);
    let mut config = config(Some(policy.sign(1, &key())));
    config.identities = vec![ours.identity("edge-eu")];
    let worker = Workerd::start(&config).await.unwrap();

    let request = request("/ours").body(Empty::<Bytes>::new()).unwrap();
    let response = send(&worker, request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["x-origin"], "1 client certificate");
    let (status, body) = get(&worker, "/strange").await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert!(body.contains("origin-unreachable"), "{body}");
}

#[tokio::test]
async fn a_policy_whose_certificate_is_not_bound_is_not_used() {
    let origin = origin::nobody().await;
    let policy = Policy::default().forward("/a", Auth::Public, Some("edge-eu"), &[origin]);
    let mut worker = start(policy).await;
    assert_eq!(get(&worker, "/a").await.0, StatusCode::SERVICE_UNAVAILABLE);
    logged(&mut worker, "has no binding `EDGE_EU`").await;
}

#[tokio::test]
async fn another_origin_is_tried_only_where_that_does_no_harm() {
    let (nobody, origin) = (origin::nobody().await, origin::plain().await);
    let origins = [nobody, origin.clone()];
    let policy = Policy::default()
        .forward("/a", Auth::Public, None, &origins)
        .forward("/b", Auth::Public, None, &origins)
        .forward("/busy", Auth::Public, None, &[origin.clone(), origin]);
    let mut worker = start(policy).await;
    assert_eq!(get(&worker, "/a").await.0, StatusCode::OK);
    let first = record(&mut worker).await;
    assert_eq!(
        (&first["origin"], &first["attempts"]),
        (&"dc2".into(), &2.into())
    );

    let post = request("/b")
        .method("POST")
        .body(Full::from("once"))
        .unwrap();
    let (status, body) = text(send(&worker, post).await).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert!(body.contains("origin-unreachable"), "{body}");
    assert_eq!(record(&mut worker).await["attempts"], 1);

    assert_eq!(
        get(&worker, "/busy").await,
        (StatusCode::SERVICE_UNAVAILABLE, "busy".to_owned())
    );
    assert_eq!(record(&mut worker).await["attempts"], 2);
}

#[tokio::test]
async fn an_origin_that_stays_silent_is_given_up() {
    let origin = origin::plain().await;
    let worker = start(Policy::default().forward("/silent", Auth::Public, None, &[origin])).await;
    let (status, body) = get(&worker, "/silent").await;
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    assert!(body.contains("origin-timeout"), "{body}");
}

#[tokio::test]
async fn the_last_good_bundle_stays() {
    let mut config = config(None);
    config.variables = vec![("TIDEGATE_REFRESH".to_owned(), "0".to_owned())];
    let mut worker = Workerd::start(&config).await.unwrap();
    let (status, body) = get(&worker, "/status").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("not-ready"), "{body}");

    let publish = |sequence, key: &SigningKey, body| {
        Policy::default().reply("/status", body).sign(sequence, key)
    };
    worker.replace_bundle(&publish(5, &key(), "five")).unwrap();
    assert_eq!(
        get(&worker, "/status").await,
        (StatusCode::OK, "five".to_owned())
    );

    for (bad, reason) in [
        (
            publish(6, &SigningKey::from_seed([8; 32]), "forged"),
            "which is not trusted",
        ),
        (publish(4, &key(), "old"), "sequence 4 is older than 5"),
        (b"nonsense".to_vec(), "the envelope ends early"),
    ] {
        worker.replace_bundle(&bad).unwrap();
        assert_eq!(
            get(&worker, "/status").await,
            (StatusCode::OK, "five".to_owned())
        );
        let refusal = logged(&mut worker, reason).await;
        assert_eq!(refusal["message"], "bundle not loaded");
    }

    worker.replace_bundle(&publish(6, &key(), "six")).unwrap();
    assert_eq!(get(&worker, "/status").await.0, StatusCode::OK);
    logged(&mut worker, "bundle loaded").await;
    assert_eq!(
        get(&worker, "/status").await,
        (StatusCode::OK, "six".to_owned())
    );
}
