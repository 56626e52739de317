//! Requests that must have come through a gateway.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, Request};
use tidegate_shared::gateway_signature::{TAG, components};
use tidegate_shared::message_signature::{
    Message, Parameters, SignatureAlgorithm, SigningSecret, sign,
};
use tidegate_shared::trust::SigningKey;

use crate::admin::{admin_address, ask};
use crate::authority::CONNECTOR;
use crate::client::{Body, full, problem};
use crate::origin::Origin;
use crate::program::{Running, Setup, command, patient};

const MAC: &str = "0123456789abcdef0123456789abcdef";
const KEYS: &str = r#"
[gateway_signature]
fields = ["x-caller"]
[[gateway_signature.key]]
id = "pair"
algorithm = "ed25519"
file = "gateway.pub"
[[gateway_signature.key]]
id = "mac"
algorithm = "hmac-sha256"
file = "gateway.secret"
"#;

fn pair(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

/// A connector that knows two keys, before an origin with what else its backend says.
fn setup(origin: &Origin, more: &str) -> Setup {
    let setup = Setup::new()
        .backend("accounts", origin.address, more)
        .with(KEYS);
    setup.write("gateway.pub", &format!("{}\n", pair(1).trust_key()));
    setup.write("gateway.secret", &format!("{MAC}\n"));
    setup
}

/// The head as the connector gets it.
struct Head<'h>(&'h str, &'h str, HeaderMap);

impl Message for Head<'_> {
    fn method(&self) -> Option<&str> {
        Some(self.0)
    }

    fn scheme(&self) -> Option<&str> {
        Some("https")
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        Some(CONNECTOR.into())
    }

    fn path_and_query(&self) -> Option<&str> {
        Some(self.1)
    }

    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        Some(self.2.get(name)?.to_str().ok()?.into())
    }
}

/// A request of `alice`, signed as one of `method` and `target`.
fn signed(
    by: &SigningSecret,
    keyid: &str,
    line: &str,
    method: &str,
    target: &str,
) -> Request<Body> {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let parameters = Parameters {
        created: Some(now),
        expires: Some(now + 15),
        keyid: Some(keyid.to_owned()),
        alg: None,
        nonce: Some(count.to_string()),
        tag: Some(TAG.to_owned()),
    };
    let (sent_method, sent_target) = line.split_once(' ').unwrap();
    let mut request = Request::builder()
        .method(sent_method)
        .uri(sent_target)
        .header("forwarded", "for=192.0.2.1;host=api.bank.example")
        .header("x-caller", "alice")
        .body(full(""))
        .unwrap();
    let head = Head(method, target, request.headers().clone());
    let fields = sign(TAG, &components(["x-caller"]), &parameters, &head, by).unwrap();
    let headers = request.headers_mut();
    headers.insert("signature-input", fields.input.parse().unwrap());
    headers.insert("signature", fields.signature.parse().unwrap());
    request
}

fn by_pair(seed: u8) -> SigningSecret {
    let text = pair(seed).to_secret_text();
    SigningSecret::new(SignatureAlgorithm::Ed25519, text.as_bytes()).unwrap()
}

fn by_mac() -> SigningSecret {
    SigningSecret::new(SignatureAlgorithm::HmacSha256, MAC.as_bytes()).unwrap()
}

fn good() -> Request<Body> {
    signed(&by_pair(1), "pair", "GET /a?b=c", "GET", "/a?b=c")
}

const REFUSED: (u16, &str) = (403, "gateway-signature-invalid");

async fn refused(connector: &Running, request: Request<Body>) {
    let response = connector.http2().await.send(request).await;
    let (status, name) = problem(response).await;
    assert_eq!((status, name.as_str()), REFUSED);
}

#[tokio::test]
async fn what_a_gateway_signed_goes_on_without_its_signature() {
    let origin = Origin::start().await;
    let mut connector = setup(&origin, "").start().await;
    let status = connector.http2().await.send(good()).await.status();
    assert_eq!(status, 200);
    let by_secret = signed(&by_mac(), "mac", "GET /a", "GET", "/a");
    let status = connector.http1().await.send(by_secret).await.status();
    assert_eq!(status, 200);
    let seen = origin.seen();
    assert_eq!(seen.len(), 2);
    for head in seen {
        assert_eq!(head.headers["x-caller"], "alice");
        assert!(!head.headers.contains_key("signature"));
        assert!(!head.headers.contains_key("signature-input"));
    }
    let line = connector.logged("request").await;
    assert_eq!(line["signed_by"], "pair");
}

#[tokio::test]
async fn what_no_gateway_signed_is_refused_and_says_so_in_the_log() {
    let origin = Origin::start().await;
    let mut connector = setup(&origin, "").start().await;
    let admin = admin_address(&mut connector).await;
    let mut unsigned = good();
    unsigned.headers_mut().remove("signature");
    unsigned.headers_mut().remove("signature-input");
    refused(&connector, unsigned).await;
    let line = connector.logged("request").await;
    assert_eq!(line["cause"], "no gateway has signed the request");
    assert_eq!(line["problem"], "gateway-signature-invalid");
    for (request, cause) in [
        (
            signed(&by_pair(2), "pair", "GET /a", "GET", "/a"),
            "the signature does not hold",
        ),
        (
            signed(&by_pair(1), "other", "GET /a", "GET", "/a"),
            "no key of the signature's `keyid`",
        ),
        (
            signed(&by_pair(1), "pair", "GET /b", "GET", "/a"),
            "the signature does not hold",
        ),
        (
            signed(&by_pair(1), "pair", "DELETE /a", "GET", "/a"),
            "the signature does not hold",
        ),
    ] {
        refused(&connector, request).await;
        assert_eq!(connector.logged("request").await["cause"], cause);
    }
    let mut other = good();
    other
        .headers_mut()
        .insert("x-caller", "mallory".parse().unwrap());
    refused(&connector, other).await;
    assert_eq!(origin.seen().len(), 0);
    let (_, metrics) = ask(admin, "/metrics").await;
    for (result, count) in [("missing", 1), ("forged", 4), ("unknown-key", 1)] {
        let line =
            format!("tidegate_connector_gateway_signatures_total{{result=\"{result}\"}} {count}");
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[tokio::test]
async fn a_signature_is_good_once() {
    let origin = Origin::start().await;
    let connector = setup(&origin, "").start().await;
    let (head, _) = good().into_parts();
    let request = || Request::from_parts(head.clone(), full(""));
    assert_eq!(connector.http2().await.send(request()).await.status(), 200);
    refused(&connector, request()).await;
    assert_eq!(origin.seen().len(), 1);
}

#[tokio::test]
async fn a_backend_may_ask_for_less() {
    let origin = Origin::start().await;
    let optional = setup(&origin, "gateway_signature = \"optional\"")
        .start()
        .await;
    assert_eq!(optional.http2().await.get("/").await.0, 200);
    let forged = || signed(&by_pair(2), "pair", "GET /a", "GET", "/a");
    refused(&optional, forged()).await;
    let off = setup(&origin, "gateway_signature = \"off\"").start().await;
    assert_eq!(off.http2().await.send(forged()).await.status(), 200);
    // What is not looked at is not taken out.
    let seen = origin.seen();
    assert!(seen[1].headers.contains_key("signature"));
}

#[tokio::test]
async fn changed_keys_count_for_connections_that_are_there() {
    let origin = Origin::start().await;
    let mut connector = setup(&origin, "").start().await;
    let mut client = connector.http2().await;
    let next = || signed(&by_pair(2), "pair", "GET /a", "GET", "/a");
    assert_eq!(problem(client.send(next()).await).await.0, 403);
    let text = pair(2).trust_key().to_string();
    connector.setup.write("gateway.pub", &text);
    connector.signal("-HUP");
    connector.logged("configuration reloaded").await;
    assert_eq!(client.send(next()).await.status(), 200);
    assert_eq!(problem(client.send(good()).await).await.0, 403);
    // A file that holds no key changes nothing.
    connector.setup.write("gateway.pub", "junk");
    let line = connector
        .logged("keys of gateways not reloaded, the old ones stay in use")
        .await;
    assert!(line["error"].as_str().unwrap().contains("gateway.pub"));
    assert_eq!(client.send(next()).await.status(), 200);
    connector.setup.write("gateway.pub", &text);
    connector.logged("keys of gateways reloaded").await;
    assert_eq!(client.send(next()).await.status(), 200);
}

#[tokio::test]
async fn what_was_taken_is_not_taken_again_after_a_reload() {
    let origin = Origin::start().await;
    let mut connector = setup(&origin, "").start().await;
    let mut client = connector.http2().await;
    let request = good();
    let (parts, _) = good().into_parts();
    let again = || Request::from_parts(parts.clone(), full(""));
    drop(request);
    assert_eq!(client.send(again()).await.status(), 200);
    for nonces in ["nonces = 2000", "nonces = 3000"] {
        let path = connector.setup.path("connector.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let text = text.replace(
            "[gateway_signature]",
            &format!("[gateway_signature]\n{nonces}"),
        );
        let text = text.replace("nonces = 3000\nnonces = 2000", "nonces = 3000");
        connector.setup.write("connector.toml", &text);
        connector.signal("-HUP");
        connector.logged("configuration reloaded").await;
        let refused = problem(client.send(again()).await).await;
        assert_eq!(refused, (403, "gateway-signature-invalid".into()));
        let line = connector.logged("request").await;
        assert!(
            line["cause"].as_str().unwrap().contains("used before"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_check_reads_the_keys() {
    let origin = Origin::start().await;
    let setup = setup(&origin, "");
    setup.write("gateway.secret", "short");
    let config = setup.config();
    let output = patient(command(&config).arg("--check").output())
        .await
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("gateway.secret`: it has fewer than 32 octets"),
        "{said}"
    );
    // The secret half is nothing for a connector.
    setup.write("gateway.secret", MAC);
    setup.write("gateway.pub", &pair(1).to_secret_text());
    let output = patient(command(&config).arg("--check").output())
        .await
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("keep it out of here"), "{said}");
}
