//! Bundles that answer `/status` with a text, and statements about them.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tidegate_policy_compiler::compile;
use tidegate_policy_compiler::source::Source;
use tidegate_shared::channel::{FORMAT_VERSION, Statement};
use tidegate_shared::digest::Digest;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;
use tidegate_shared::units::Percent;
use tidegate_tests::client;

pub(crate) const STATEMENT: &str = "channels/production.statement";
pub(crate) const HOUR: u64 = 3_600_000;

pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed([7; 32])
}

pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixMillis(since.as_millis().try_into().unwrap())
}

pub(crate) fn policy(text: &str) -> String {
    format!(
        "tidegate: v1\nname: channels\nhosts: [api.test.example]\napis:\n  status:\n    auth: public\n    \
         routes:\n      - {{ get: /status, reply: {{ status: 200, text: {text} }} }}\n"
    )
}

pub(crate) fn bundle(text: &str) -> Vec<u8> {
    compiled(policy(text), &key())
}

/// One that refuses `/status`.
pub(crate) fn closed(key: &SigningKey) -> Vec<u8> {
    compiled(policy("closed").replace("/status,", "/other,"), key)
}

fn compiled(text: String, key: &SigningKey) -> Vec<u8> {
    let source = Source {
        path: "policy.yaml".into(),
        text,
    };
    let ir = compile(&[source]).ir.unwrap();
    ir.sign(1, key).unwrap()
}

pub(crate) fn statement(sequence: u64, bundle: &[u8]) -> Statement {
    Statement {
        format: FORMAT_VERSION,
        channel: "production".parse().unwrap(),
        sequence,
        issued: now(),
        expires: now().plus(HOUR),
        bundle: Digest::of(bundle),
        rollout: Percent(100),
        previous: None,
        shadow: None,
    }
}

pub(crate) fn signed(statement: &Statement) -> Vec<u8> {
    statement.sign(&key()).unwrap()
}

/// One that sends `/forwarded` to an origin, too.
pub(crate) fn forwarding(text: &str, origin: SocketAddr) -> Vec<u8> {
    let routes = format!(
        "{}      - {{ get: /forwarded, to: origin }}\n",
        policy(text)
    );
    let upstream =
        format!("upstreams:\n  origin: {{ origins: {{ one: {{ url: \"http://{origin}\" }} }} }}\n");
    compiled(routes + &upstream, &key())
}

/// What a gateway answers to `/status`, status and text.
pub(crate) async fn status(address: SocketAddr) -> (u16, String) {
    get(address, "/status").await
}

/// What a gateway answers, status and text.
pub(crate) async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let request = Request::get(path).header("host", "api.test.example");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let answer = client::exchange(address, request).await.unwrap();
    (
        answer.status,
        String::from_utf8(answer.body.to_vec()).unwrap(),
    )
}
