//! An issuer with a face for each behaviour, at `/BEHAVIOUR`.

#[path = "opaque.rs"]
mod opaque;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use jwt_simple::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How the server of opaque tokens may behave.
pub(crate) const ANSWERS: [&str; 9] = [
    "good",
    "slow",
    "withdrawing",
    "failing-later",
    "refusing",
    "redirecting",
    "nonsense",
    "endless",
    "stalling",
];
/// The secret that the server's client shows; no ordinary text, so that it must be encoded.
pub(crate) const CLIENT_SECRET: &str = "s3cret: 50% & more";
/// A token that the server knows.
pub(crate) const KNOWN: &str = "2YotnFZFEjr1zCsicMWpAA";

pub(crate) const BEHAVIOURS: [&str; 8] = [
    "good",
    "discovered",
    "changing",
    "refusing",
    "redirecting",
    "nonsense",
    "endless",
    "stalling",
];

/// A key with its id.
pub(crate) struct Key {
    id: &'static str,
    pair: ES256KeyPair,
}

impl Key {
    pub(crate) fn new(id: &'static str) -> Self {
        let pair = ES256KeyPair::generate().with_key_id(id);
        Self { id, pair }
    }

    /// A token of an issuer, good for an hour.
    pub(crate) fn token(&self, issuer: &str) -> String {
        let claims = Claims::create(Duration::from_hours(1))
            .with_issuer(issuer)
            .with_subject("alice")
            .with_audience("tests");
        self.pair.sign(claims).unwrap()
    }

    fn jwk(&self) -> Value {
        let point = self.pair.key_pair().public_key().to_bytes_uncompressed();
        let text = |octets: &[u8]| {
            use base64::Engine as _;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(octets)
        };
        let (x, y) = point[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "kid": self.id, "x": text(x), "y": text(y) })
    }
}

/// The issuer, for as long as the test's runtime lives.
pub(crate) struct Issuer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    old: Key,
    new: Key,
    changed: AtomicBool,
    asked: Mutex<HashMap<String, u64>>,
    open: AtomicU64,
    most_open: AtomicU64,
    poured: AtomicU64,
}

impl Shared {
    fn count(&self, behaviour: &str) {
        let mut asked = self.asked.lock().unwrap();
        *asked.entry(behaviour.to_owned()).or_default() += 1;
    }
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            old: Key::new("old"),
            new: Key::new("new"),
            changed: AtomicBool::new(false),
            asked: Mutex::default(),
            open: AtomicU64::new(0),
            most_open: AtomicU64::new(0),
            poured: AtomicU64::new(0),
        });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, address, Arc::clone(&serving)));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self, behaviour: &str) -> String {
        format!("http://{}/{behaviour}", self.address)
    }

    /// The key that it signs with at first.
    pub(crate) fn key(&self) -> &Key {
        &self.shared.old
    }

    /// Puts another key in the place of the first one.
    pub(crate) fn change(&self) -> &Key {
        self.shared.changed.store(true, Ordering::Relaxed);
        &self.shared.new
    }

    /// How often the set of a behaviour was asked for.
    pub(crate) fn asked(&self, behaviour: &str) -> u64 {
        let asked = self.shared.asked.lock().unwrap();
        asked.get(behaviour).copied().unwrap_or_default()
    }

    /// How many questions about tokens were open at a time, at most.
    pub(crate) fn most_open(&self) -> u64 {
        self.shared.most_open.load(Ordering::Relaxed)
    }

    /// Octets that were taken of a document without end.
    pub(crate) fn poured(&self) -> u64 {
        self.shared.poured.load(Ordering::Relaxed)
    }
}

/// Answers one request, and closes. An error is a client that has had enough.
async fn serve(stream: TcpStream, address: SocketAddr, shared: Arc<Shared>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if stream.read_line(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let path = path.trim_start_matches('/');
    let (behaviour, document) = path.split_once('/').unwrap_or_default();
    if document == "introspect" {
        let question = opaque::read(&request, &mut stream).await?;
        return opaque::answer(behaviour, &question, stream, &shared).await;
    }
    if document == "jwks" {
        shared.count(behaviour);
    }
    let set = |key: &Key| json!({ "keys": [key.jwk()] }).to_string();
    let (status, body) = match (behaviour, document) {
        ("discovered", ".well-known/openid-configuration") => {
            let issuer = format!("http://{address}/discovered");
            let set = format!("{issuer}/jwks");
            (
                "200 OK",
                json!({ "issuer": issuer, "jwks_uri": set }).to_string(),
            )
        }
        ("good" | "discovered", "jwks") => ("200 OK", set(&shared.old)),
        ("changing", "jwks") if shared.changed.load(Ordering::Relaxed) => {
            ("200 OK", set(&shared.new))
        }
        ("changing", "jwks") => ("200 OK", set(&shared.old)),
        ("refusing", "jwks") => ("500 Internal Server Error", set(&shared.old)),
        ("redirecting", "jwks") => ("302 Found\r\nlocation: /good/jwks", String::new()),
        ("nonsense", "jwks") => ("200 OK", "<html>Log in</html>".to_owned()),
        ("endless", "jwks") => return pour(stream, &shared.poured).await,
        ("stalling", "jwks") => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
                .await?;
            return std::future::pending().await;
        }
        _ => ("404 Not Found", String::new()),
    };
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await
}

/// A hundred megabytes.
async fn pour(mut stream: BufReader<TcpStream>, poured: &AtomicU64) -> std::io::Result<()> {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
        .await?;
    let chunk = [b' '; 10_000];
    for _ in 0..10_000 {
        stream.write_all(&chunk).await?;
        poured.fetch_add(chunk.len() as u64, Ordering::Relaxed);
    }
    Ok(())
}
