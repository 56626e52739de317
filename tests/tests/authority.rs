//! Limits that hold over several gateways, by every authority: the same is asked of each.

#![cfg(test)]

#[path = "authority/ledger.rs"]
mod ledger;
#[path = "authority/server.rs"]
mod server;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tidegate_edge_native::LimitAuthority;
use tidegate_tests::client;
use tidegate_tests::runtime::Runtime;
use tidegate_tests::stage::Stage;

use server::Server;

/// A route for each way to be limited, each with a bucket of its own.
const POLICY: &str = "\
tidegate: v1
name: authorities
hosts: [api.test.example]
limits:
  leased: { rate: 20/s, burst: 100, key: request.path, accuracy: leased }
  strict: { rate: 20/s, burst: 100, key: request.path, accuracy: strict }
  local: { rate: 20/s, burst: 30, key: request.path, accuracy: leased, when_unreachable: local }
  allow: { rate: 1/m, burst: 1, key: request.path, accuracy: leased, when_unreachable: allow }
  open: { rate: 1/m, burst: 1, key: request.path, accuracy: strict, when_unreachable: allow }
apis:
  all:
    auth: public
    routes:
      - { any: /leased/*, limit: [leased], reply: { status: 204 } }
      - { any: /strict/*, limit: [strict], reply: { status: 204 } }
      - { any: /both/*, limit: [leased, strict], reply: { status: 204 } }
      - { any: /local/*, limit: [local], reply: { status: 204 } }
      - { any: /allow/*, limit: [allow], reply: { status: 204 } }
      - { any: /open/*, limit: [open], reply: { status: 204 } }
";
const BURST: u32 = 100;
/// Tokens a second.
const RATE: u128 = 20;

/// Several gateways with one authority.
struct Cluster {
    gateways: Vec<Runtime>,
    /// Keeps what the gateways refer to.
    _stage: Stage,
}

impl Cluster {
    /// Each of the gateways with its own way to the authority.
    async fn native(authorities: [Arc<LimitAuthority>; 2]) -> Self {
        let stage = Stage::asking(POLICY, Vec::new()).unwrap();
        let mut gateways = Vec::new();
        for authority in authorities {
            let gateway = Runtime::native_with(&stage, authority).await;
            gateways.push(gateway.unwrap());
        }
        Self {
            gateways,
            _stage: stage,
        }
    }

    async fn status(&self, gateway: usize, path: &str) -> u16 {
        let request = Request::get(path)
            .header("host", "api.test.example")
            .body(Full::<Bytes>::default());
        let address = self.gateways[gateway].address();
        let answer = client::exchange(address, request.unwrap()).await;
        answer.unwrap().status
    }

    /// How many of so many requests to each gateway are admitted, all gateways at once.
    async fn admitted(&self, path: &str, requests: usize) -> u32 {
        let each = (0..self.gateways.len()).map(|gateway| async move {
            let mut admitted = 0;
            for _ in 0..requests {
                admitted += u32::from(self.status(gateway, path).await == 204);
            }
            admitted
        });
        let admitted = futures_util::future::join_all(each).await;
        admitted.into_iter().sum()
    }

    /// Asks more than the limit has for some seconds. Returns what was admitted, and what may be.
    async fn pressed(&self, path: &str) -> (u32, u32) {
        let began = Instant::now();
        let mut admitted = 0;
        while began.elapsed() < Duration::from_secs(2) {
            admitted += self.admitted(path, 20).await;
        }
        (admitted, may(BURST, began))
    }
}

/// What may have been admitted since a bucket was empty.
fn may(burst: u32, began: Instant) -> u32 {
    // In whole tokens: no more than may be.
    let tokens = began.elapsed().as_millis() * RATE / 1_000;
    burst + u32::try_from(tokens).unwrap()
}

/// What holds of every authority while it is there.
async fn check(cluster: &Cluster) {
    for kind in ["leased", "strict", "both"] {
        let (admitted, may) = cluster.pressed(&format!("/{kind}/1")).await;
        assert!(admitted <= may, "{kind}: {admitted} of {may}");
        assert!(admitted * 10 >= may * 7, "{kind}: {admitted} of {may}");
    }
}

/// What holds while it is away, and once it is back.
async fn check_away(cluster: &Cluster, server: &mut Server) {
    // The gateways have leases.
    for kind in ["leased", "local"] {
        assert_eq!(
            cluster.admitted(&format!("/{kind}/2"), 1).await,
            2,
            "{kind}"
        );
    }
    for round in 0..3 {
        let path = |kind: &str| format!("/{kind}/new-{round}");
        let began = Instant::now();
        server.kill().await;
        assert_eq!(cluster.admitted(&path("leased"), 20).await, 0);
        assert_eq!(cluster.admitted(&path("strict"), 20).await, 0);
        assert_eq!(cluster.status(0, &path("strict")).await, 503);
        assert_eq!(cluster.admitted(&path("allow"), 20).await, 40);
        assert_eq!(cluster.admitted(&path("open"), 20).await, 40);
        let local = cluster.admitted("/local/2", 100).await;
        assert!(local <= may(30 + 30 / 3 + 40 * 20, began), "{local}");
        server.restart().await;
        // It has forgotten what leases are about, so nothing is granted until all have ended.
        let (admitted, _) = cluster.pressed(&path("strict")).await;
        assert_eq!(admitted, 0);
        server.age().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_one() {
    let authority = Arc::new(LimitAuthority::embedded());
    let cluster = Cluster::native([Arc::clone(&authority), authority]).await;
    check(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis() {
    let Some(mut server) = Server::start().await else {
        eprintln!("skipped: there is no `redis-server`");
        return;
    };
    server.age().await;
    let cluster = Cluster::native([server.authority(), server.authority()]).await;
    check(&cluster).await;

    let began = Instant::now();
    let before = cluster.admitted("/strict/3", 60).await;
    let () = server.run(&["FLUSHALL"]).await;
    let after = cluster.admitted("/strict/3", 60).await;
    assert_eq!(after, 0, "a flush gives nobody a full bucket");
    assert!(before <= may(BURST, began));
    server.age().await;

    check_away(&cluster, &mut server).await;
}
