//! A mesh that takes no connection from outside: an origin, a connector that dials, a gateway.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tempfile::TempDir;
use tidegate_shared::trust::SigningKey;
use tidegate_tests::client::{self, Answer};
use tidegate_tests::stage::Stage;
use tokio::net::TcpListener;

use crate::authority::{Authority, Leaf};
use crate::origin::Origin;
use crate::program::{Gateway, GatewayTask, Program, connector};

pub(crate) const GATEWAY_ID: &str = "spiffe://edge.example/gateway";

/// The SPIFFE ID of the connector in a data centre.
pub(crate) fn connector_id(place: &str) -> String {
    format!("spiffe://bank.example/connector/{place}")
}

/// A policy whose origins are reached by the tunnels of these data centres.
fn policy(places: &[&str], sign: &str) -> String {
    let origin = |place: &&str| {
        format!(
            "      {place}: {{ url: \"https://banking.{place}.bank.example:8443\", tunnel: \"{}\" }}\n",
            connector_id(place)
        )
    };
    let origins: String = places.iter().map(origin).collect();
    format!(
        "tidegate: v1\nname: tunnels\nhosts: [api.bank.example]\n\
         upstreams:\n  banking:\n    origins:\n{origins}    timeout: 5s\n{sign}    \
         retry: {{ attempts: 2, on: [connect], budget: 100% }}\n\
         apis:\n  all:\n    auth: public\n    to: banking\n    routes:\n      - any: /*\n"
    )
}

pub(crate) struct Scene {
    pub(crate) folder: TempDir,
    pub(crate) mesh: Authority,
    edge: Authority,
    pub(crate) origin: Origin,
    pub(crate) trust: String,
    /// Whether the gateway signs requests, and the connector wants to see that.
    pub(crate) signed: bool,
    pub(crate) most: usize,
    /// Milliseconds after which a silent connector is asked.
    pub(crate) ping: u64,
    pub(crate) revocations: bool,
}

impl Scene {
    pub(crate) async fn open(places: &[&str]) -> Self {
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
            mesh: Authority::new(),
            edge: Authority::new(),
            origin: Origin::start().await,
            trust: String::new(),
            signed: false,
            most: 64,
            // Long enough for a machine that is busy with other tests.
            ping: 5000,
            revocations: false,
        };
        scene.mesh.write(&scene.path("mesh.pem"));
        scene.edge.write(&scene.path("edge.pem"));
        let leaf = scene.edge.issue(GATEWAY_ID);
        leaf.write(scene.folder.path(), "gateway");
        scene.install(places)
    }

    /// Writes the bundle, which a running gateway takes.
    pub(crate) fn install(mut self, places: &[&str]) -> Self {
        self.trust = self.publish(places);
        self
    }

    pub(crate) fn publish(&self, places: &[&str]) -> String {
        let sign = match self.signed {
            true => format!("    sign: {{ key: {SIGNING}, algorithm: ed25519 }}\n"),
            false => String::new(),
        };
        self.publish_with(places, &sign)
    }

    /// What signs requests, at the gateway.
    pub(crate) fn secrets(&self) -> Vec<(String, String)> {
        let key = signing_key().to_secret_text().trim().to_owned();
        let secret = self.signed.then(|| (SIGNING.to_owned(), key));
        secret.into_iter().collect()
    }

    /// Writes the bundle of a policy with more fields of the upstream, whatever the connector wants.
    pub(crate) fn publish_with(&self, places: &[&str], more: &str) -> String {
        let stage = Stage::asking(&policy(places, more), vec![]).unwrap();
        let new = self.path("bundle.new");
        std::fs::write(&new, &stage.bundle).unwrap();
        std::fs::rename(new, self.path("bundle")).unwrap();
        stage.trust.to_string()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The gateway, at ports of its own.
    pub(crate) async fn gateway(&self) -> Gateway {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        self.gateway_at(free, free).await
    }

    pub(crate) async fn gateway_at(&self, listen: SocketAddr, tunnels: SocketAddr) -> Gateway {
        let task = GatewayTask {
            listen,
            tunnels,
            trust: self.trust.clone(),
            most: self.most,
            ping: self.ping,
            revocations: self.revocations,
            secrets: self.secrets(),
        };
        Gateway::start(self.folder.path(), &task).await
    }

    /// A connector of a data centre that dials the gateway at these addresses.
    pub(crate) fn connector(&self, place: &str, dials: &[SocketAddr], tunnels: usize) -> Program {
        self.connector_as(
            &self.mesh.issue(&connector_id(place)),
            place,
            dials,
            tunnels,
        )
    }

    pub(crate) fn connector_as(
        &self,
        leaf: &Leaf,
        place: &str,
        dials: &[SocketAddr],
        tunnels: usize,
    ) -> Program {
        let dials: String = dials
            .iter()
            .enumerate()
            .map(|(index, gateway)| {
                format!(
                    "[[dial]]\nname = \"edge-{index}\"\ngateway = \"{gateway}\"\n\
                     identity = \"{GATEWAY_ID}\"\ntunnels = {tunnels}\nkeep_alive = \"5s\"\n\
                     backoff = \"500ms\"\n"
                )
            })
            .collect();
        self.connector_with(leaf, place, GATEWAY_ID, &dials)
    }

    /// A connector with these sections, whose backend is for `caller`.
    pub(crate) fn connector_with(
        &self,
        leaf: &Leaf,
        place: &str,
        caller: &str,
        dials: &str,
    ) -> Program {
        leaf.write(self.folder.path(), place);
        let key = signing_key().trust_key().to_string();
        std::fs::write(self.path("edge-signing.pub"), key).unwrap();
        let signature = match self.signed {
            true => format!(
                "[gateway_signature]\n[[gateway_signature.key]]\nid = \"{SIGNING}\"\n\
                 algorithm = \"ed25519\"\nfile = \"edge-signing.pub\"\n"
            ),
            false => String::new(),
        };
        let text = format!(
            "[tls]\ncertificate = \"{place}.pem\"\nprivate_key = \"{place}.key\"\n\
             client_authority = \"edge.pem\"\n{signature}[[backend]]\nname = \"accounts\"\n\
             address = \"http://{}\"\nallow = [\"{caller}\"]\n{dials}",
            self.origin.address
        );
        let path = self.path(&format!("{place}.toml"));
        std::fs::write(&path, text).unwrap();
        connector(&path)
    }
}

/// The key that signs requests, and what it is called.
const SIGNING: &str = "edge-signing";

fn signing_key() -> SigningKey {
    SigningKey::from_seed([9; 32])
}

/// An address that is free.
pub(crate) async fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

pub(crate) fn get(path: &str) -> Request<Full<Bytes>> {
    let request = Request::get(path).header("host", "api.bank.example");
    request.body(Full::default()).unwrap()
}

pub(crate) async fn ask(gateway: SocketAddr, path: &str) -> Answer {
    client::exchange(gateway, get(path)).await.unwrap()
}

/// How long it takes until requests are answered again.
pub(crate) async fn comes_back(gateway: SocketAddr) -> Duration {
    let begun = Instant::now();
    loop {
        let answer = client::exchange(gateway, get("/")).await;
        if answer.is_ok_and(|answer| answer.status == 200) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it stays away");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
