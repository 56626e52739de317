//! Gateways on any runtime with one authority.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tempfile::TempDir;
use tidegate_dev::Apart;
use tidegate_dev::workerd::WorkerLimits;
use tidegate_edge_native::LimitAuthority;
use tidegate_tests::authority::{Authority, TOKEN};
use tidegate_tests::client;
use tidegate_tests::runtime::Runtime;
use tidegate_tests::stage::Stage;

/// A route for each way to be limited, each path with a bucket of its own.
const POLICY: &str = "\
tidegate: v1
name: authorities
hosts: [api.test.example]
upstreams:
  counted: { origins: { main: { url: \"https://counted.test.example:8443\" } }, timeout: 10s }
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
      - { get: /counted, limit: [leased], to: counted }
";
pub(crate) const BURST: u32 = 100;
/// Tokens a second.
pub(crate) const RATE: u32 = 20;

/// What may have been admitted since a bucket was empty.
pub(crate) fn may(burst: u32, began: Instant) -> u32 {
    // In whole tokens: no more than may be.
    let tokens = began.elapsed().as_millis() * u128::from(RATE) / 1_000;
    burst + u32::try_from(tokens).unwrap()
}

/// Several gateways with one authority.
pub(crate) struct Cluster {
    runtimes: Vec<Runtime>,
    /// Where each of the gateways serves.
    addresses: Vec<SocketAddr>,
    stage: Stage,
}

impl Cluster {
    /// Without gateways.
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("policy.yaml");
        std::fs::write(&file, POLICY).unwrap();
        Self {
            runtimes: Vec::new(),
            addresses: Vec::new(),
            stage: Stage::new(&file, Apart::Addresses).await.unwrap(),
        }
    }

    /// Two gateways on each runtime, in processes of their own but for the native ones.
    pub(crate) async fn mixed(authority: &Authority) -> Self {
        let mut cluster = Self::new().await;
        for _ in 0..2 {
            let limits = LimitAuthority::server(&authority.url(), TOKEN).unwrap();
            cluster.native(Arc::new(limits)).await;
            let limits = WorkerLimits::Server(authority.url(), TOKEN.to_owned());
            cluster.workerd(limits, 1).await;
            let spin = Runtime::spin_with(&cluster.stage, authority).await;
            cluster.add(spin.unwrap());
        }
        cluster
    }

    pub(crate) async fn native(&mut self, authority: Arc<LimitAuthority>) {
        let gateway = Runtime::native_with(&self.stage, authority).await;
        self.add(gateway.unwrap());
    }

    pub(crate) async fn workerd(&mut self, limits: WorkerLimits, isolates: usize) {
        let gateway = Runtime::workerd_with(&self.stage, limits, isolates).await;
        self.add(gateway.unwrap());
    }

    fn add(&mut self, runtime: Runtime) {
        self.addresses.extend(runtime.addresses());
        self.runtimes.push(runtime);
    }

    /// How many gateways there are.
    pub(crate) fn size(&self) -> u32 {
        u32::try_from(self.addresses.len()).unwrap()
    }

    pub(crate) async fn status(&self, gateway: usize, path: &str) -> u16 {
        let request = Request::get(path)
            .header("host", "api.test.example")
            .body(Full::<Bytes>::default());
        let answer = client::exchange(self.addresses[gateway], request.unwrap()).await;
        answer.unwrap().status
    }

    /// How many of so many requests to each gateway are admitted, all gateways at once.
    pub(crate) async fn admitted(&self, path: &str, requests: usize) -> u32 {
        let each = (0..self.addresses.len()).map(|gateway| async move {
            let mut admitted = 0;
            for _ in 0..requests {
                let status = self.status(gateway, path).await;
                admitted += u32::from(matches!(status, 200 | 204));
            }
            admitted
        });
        let admitted = futures_util::future::join_all(each).await;
        admitted.into_iter().sum()
    }

    /// Asks more than the limit has for some seconds. Returns what was admitted, and what may be.
    pub(crate) async fn pressed(&self, path: &str) -> (u32, u32) {
        let began = Instant::now();
        let mut admitted = 0;
        while began.elapsed() < Duration::from_secs(2) {
            admitted += self.admitted(path, 10).await;
        }
        (admitted, may(BURST, began))
    }

    /// The contract holds as the origin counts.
    pub(crate) async fn check_origin(&self) {
        let before = self.stage.world.requests();
        let (admitted, may) = self.pressed("/counted").await;
        let counted = self.stage.world.requests() - before;
        assert_eq!(counted, u64::from(admitted));
        assert!(admitted <= may, "{admitted} of {may}");
        assert!(admitted * 10 >= may * 7, "{admitted} of {may}");
    }
}
