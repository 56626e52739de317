//! Limits that hold over several gateways, by every authority: the same is asked of each.

#![cfg(test)]

#[path = "authority/cluster.rs"]
mod cluster;
#[path = "authority/desk.rs"]
mod desk;
#[path = "authority/ledger.rs"]
mod ledger;
#[path = "authority/server.rs"]
mod server;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tempfile::TempDir;
use tidegate_dev::workerd::WorkerLimits;
use tidegate_edge_native::{LimitAuthority, now};
use tidegate_shared::time::UnixMillis;
use tidegate_tests::authority::Authority;

use cluster::{BURST, Cluster, RATE, may};
use server::Server;

/// What holds of every authority while it is there.
async fn check(cluster: &Cluster) {
    for kind in ["leased", "strict", "both"] {
        let (admitted, may) = cluster.pressed(&format!("/{kind}/1")).await;
        assert!(admitted <= may, "{kind}: {admitted} of {may}");
        assert!(admitted * 10 >= may * 7, "{kind}: {admitted} of {may}");
    }
}

/// An authority that is a process of its own.
enum Keeper {
    Redis(Server),
    Gateway(Authority),
}

impl Keeper {
    async fn kill(&mut self) {
        match self {
            Self::Redis(server) => server.kill().await,
            Self::Gateway(authority) => authority.kill().await.unwrap(),
        }
    }

    /// Starts it again. It has forgotten what leases are about.
    async fn restart(&mut self) {
        match self {
            Self::Redis(server) => server.restart().await,
            Self::Gateway(authority) => {
                let recovering = LimitAuthority::recovering(now());
                authority.run(recovering).await.unwrap();
            }
        }
    }

    /// As if it had been up for as long as any lease may be about.
    async fn age(&mut self) {
        match self {
            Self::Redis(server) => server.age().await,
            Self::Gateway(authority) => {
                authority.kill().await.unwrap();
                let recovered = LimitAuthority::recovering(UnixMillis(0));
                authority.run(recovered).await.unwrap();
            }
        }
    }
}

/// What holds while it is away, and once it is back.
async fn check_away(cluster: &Cluster, keeper: &mut Keeper) {
    let gateways = cluster.size();
    // The gateways have leases, as far as there are tokens.
    for (kind, least) in [("leased", gateways), ("local", 1)] {
        let admitted = cluster.admitted(&format!("/{kind}/2"), 1).await;
        assert!(admitted >= least, "{kind}: {admitted}");
    }
    for round in 0..3 {
        let path = |kind: &str| format!("/{kind}/new-{round}");
        let began = Instant::now();
        keeper.kill().await;
        assert_eq!(cluster.admitted(&path("leased"), 20).await, 0);
        assert_eq!(cluster.admitted(&path("strict"), 20).await, 0);
        assert_eq!(cluster.status(0, &path("strict")).await, 503);
        let all = 20 * gateways;
        assert_eq!(cluster.admitted(&path("allow"), 20).await, all);
        assert_eq!(cluster.admitted(&path("open"), 20).await, all);
        let local = cluster.admitted("/local/2", 100).await;
        assert!(local <= may(30 + 30 / 3 + 40 * RATE, began), "{local}");
        keeper.restart().await;
        // Nothing is granted until all leases have ended.
        let (admitted, _) = cluster.pressed(&path("strict")).await;
        assert_eq!(admitted, 0);
        keeper.age().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_one() {
    let authority = Arc::new(LimitAuthority::embedded());
    let mut cluster = Cluster::new().await;
    cluster.native(Arc::clone(&authority)).await;
    cluster.native(authority).await;
    check(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis() {
    let Some(server) = Server::start().await else {
        eprintln!("skipped: there is no `redis-server`");
        return;
    };
    server.age().await;
    let mut cluster = Cluster::new().await;
    cluster.native(server.authority()).await;
    cluster.native(server.authority()).await;
    check(&cluster).await;

    let began = Instant::now();
    let before = cluster.admitted("/strict/3", 60).await;
    let () = server.run(&["FLUSHALL"]).await;
    let after = cluster.admitted("/strict/3", 60).await;
    assert_eq!(after, 0, "a flush gives nobody a full bucket");
    assert!(before <= may(BURST, began));
    server.age().await;

    check_away(&cluster, &mut Keeper::Redis(server)).await;
}

/// Locations all over the world, each an isolate of the Worker, and the objects of its class.
#[tokio::test(flavor = "multi_thread")]
async fn durable_objects() {
    let mut cluster = Cluster::new().await;
    cluster.workerd(WorkerLimits::Objects(None), 3).await;
    check(&cluster).await;
}

/// What an object has stored is all that it knows. The runtime is killed under load and started
/// again, three times.
#[tokio::test(flavor = "multi_thread")]
async fn durable_objects_that_start_again() {
    let folder = TempDir::new().unwrap();
    let objects = || WorkerLimits::Objects(Some(folder.path().to_owned()));
    for kind in ["leased", "strict"] {
        let path = format!("/{kind}/again");
        let began = Instant::now();
        let mut admitted = 0;
        for _ in 0..4 {
            let mut cluster = Cluster::new().await;
            cluster.workerd(objects(), 2).await;
            admitted += cluster.pressed(&path).await.0;
        }
        let may = may(BURST, began);
        assert!(admitted <= may, "{kind}: {admitted} of {may}");
        assert!(admitted >= BURST, "{kind}: {admitted}");
        assert!(is_stored(folder.path()));
    }
}

/// Whether any object has stored anything.
fn is_stored(folder: &Path) -> bool {
    let mut classes = std::fs::read_dir(folder).unwrap().flatten();
    classes.any(|class| class.path().is_dir())
}

/// Every runtime, against one gateway that keeps limits.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway() {
    let authority = Authority::start().await.unwrap();
    let cluster = Cluster::mixed(&authority).await;
    check(&cluster).await;
    cluster.check_origin().await;
    check_away(&cluster, &mut Keeper::Gateway(authority)).await;
}
