//! A Worker that follows a channel, on a KV namespace that lies and stalls.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tidegate_shared::channel::{self, FORMAT_VERSION, Statement};
use tidegate_shared::digest::Digest;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;
use tidegate_shared::units::Percent;
use tidegate_tests::workerd::Workerd;
use tokio::net::TcpListener;

use crate::policy::Policy;
use crate::{config, get, key, logged};

const STATEMENT: &str = "channels/production.statement";
const HOUR: u64 = 3_600_000;

/// What the namespace has; `None` under a key stands for a value that never comes.
#[derive(Clone, Debug, Default)]
struct Namespace(Arc<Mutex<HashMap<String, Option<Vec<u8>>>>>);

impl Namespace {
    fn put(&self, key: &str, value: Option<&[u8]>) {
        let value = value.map(<[u8]>::to_vec);
        self.0.lock().unwrap().insert(key.to_owned(), value);
    }

    async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let namespace = self.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let namespace = namespace.clone();
                let service = service_fn(move |request| {
                    let namespace = namespace.clone();
                    async move { Ok::<_, Infallible>(namespace.answer(&request).await) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        address
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().replace("%2F", "/");
        let value = self
            .0
            .lock()
            .unwrap()
            .get(path.trim_start_matches('/'))
            .cloned();
        match value {
            Some(Some(octets)) => Response::new(Full::from(octets)),
            Some(None) => std::future::pending().await,
            None => {
                let mut missing = Response::new(Full::default());
                *missing.status_mut() = StatusCode::NOT_FOUND;
                missing
            }
        }
    }
}

fn bundle(body: &str) -> Vec<u8> {
    Policy::default().reply("/status", body).sign(1, &key())
}

fn statement(sequence: u64, bundle: &[u8]) -> Statement {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = UnixMillis(since.as_millis().try_into().unwrap());
    Statement {
        format: FORMAT_VERSION,
        channel: "production".parse().unwrap(),
        sequence,
        issued: now,
        expires: now.plus(HOUR),
        bundle: Digest::of(bundle),
        rollout: Percent(100),
        previous: None,
    }
}

async fn follow(namespace: &Namespace, minimum: &str) -> Workerd {
    let mut config = config(None);
    config.namespace = Some(namespace.start().await);
    config.variables = [
        ("TIDEGATE_CHANNEL", "production"),
        ("TIDEGATE_MINIMUM_SEQUENCE", minimum),
        ("TIDEGATE_REFRESH", "0"),
        ("TIDEGATE_PATIENCE", "500"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    Workerd::start(&config).await.unwrap()
}

#[tokio::test]
async fn each_attack_on_a_channel_has_its_name_and_changes_nothing() {
    let (namespace, five, six) = (Namespace::default(), bundle("five"), bundle("six"));
    let path = channel::bundle_path(Digest::of(&six));
    let sign = |statement: Statement| statement.sign(&key()).unwrap();
    namespace.put(&channel::bundle_path(Digest::of(&five)), Some(&five));
    namespace.put(STATEMENT, Some(&sign(statement(5, &five))));
    let mut worker = follow(&namespace, "5").await;
    assert_eq!(
        get(&worker, "/status").await,
        (StatusCode::OK, "five".to_owned())
    );
    logged(&mut worker, "bundle loaded").await;

    let good = sign(statement(6, &six));
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    let stranger = SigningKey::from_seed([9; 32]);
    let unknown = statement(6, &six).sign(&stranger).unwrap();
    let staging = sign(Statement {
        channel: "staging".parse().unwrap(),
        ..statement(6, &six)
    });
    let now = statement(6, &six).issued;
    let expired = sign(Statement {
        issued: UnixMillis(now.0 - 2 * HOUR),
        expires: UnixMillis(now.0 - HOUR),
        ..statement(6, &six)
    });
    let [older, again, last] = [4, 5, u64::MAX].map(|sequence| sign(statement(sequence, &six)));
    let (cut, part) = (&good[..good.len() - 1], &six[..six.len() / 2]);
    let (six, good) = (Some(&six[..]), Some(&good[..]));
    let attacks = [
        ("\"rollback\"", Some(&older[..]), six),
        ("\"equivocation\"", Some(&again[..]), six),
        ("\"fast-forward\"", Some(&last[..]), six),
        ("\"frozen\"", Some(&expired[..]), six),
        ("\"unknown-key\"", Some(&unknown[..]), six),
        ("\"forged\"", Some(&forged[..]), six),
        ("\"other-channel\"", Some(&staging[..]), six),
        ("\"truncated\"", Some(cut), six),
        ("\"not-ours\"", Some(b"<html>busy</html>"), six),
        ("within 500 ms", None, six),
        // From here on the statement is good: what the namespace has for a bundle is not.
        ("\"bundle-truncated\"", good, Some(part)),
        ("\"bundle-exchanged\"", good, Some(&five[..])),
        ("within 500 ms", good, None),
    ];
    for (name, statement, bundle) in attacks {
        namespace.put(STATEMENT, statement);
        namespace.put(&path, bundle);
        let answer = get(&worker, "/status").await;
        assert_eq!(answer, (StatusCode::OK, "five".to_owned()), "{name}");
        logged(&mut worker, name).await;
    }
    // And the namespace comes to its senses.
    namespace.put(STATEMENT, good);
    namespace.put(&path, six);
    assert_eq!(get(&worker, "/status").await.0, StatusCode::OK);
    logged(&mut worker, "bundle loaded").await;
    assert_eq!(
        get(&worker, "/status").await,
        (StatusCode::OK, "six".to_owned())
    );
}

#[tokio::test]
async fn an_isolate_that_has_just_begun_is_held_by_the_pinned_sequence() {
    let (namespace, five) = (Namespace::default(), bundle("five"));
    namespace.put(&channel::bundle_path(Digest::of(&five)), Some(&five));
    namespace.put(STATEMENT, Some(&statement(5, &five).sign(&key()).unwrap()));
    let mut worker = follow(&namespace, "6").await;
    assert_eq!(
        get(&worker, "/status").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    logged(&mut worker, "\"below-minimum\"").await;
}
