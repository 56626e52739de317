//! The story of `examples/bank`: two products in two meshes of which none trusts the other, each in
//! two data centres. Mobile clients use both through the edge, the trading team uses the banking
//! product through an internal gateway, and a data centre goes dark while they do.

#![cfg(test)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Map, Value};
use tidegate_dev::{Apart, Certificate, Door};
use tidegate_tests::client;
use tidegate_tests::runtime::Runtime;
use tidegate_tests::stage::{Stage, root};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const HOST: &str = "api.bank.example";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
/// A workload of the trading mesh that calls the banking product.
const SETTLEMENT: &str = "spiffe://trading.mesh.example/settlement";
/// The gateway, by the policy.
const GATEWAY: &str = "spiffe://edge.bank.example/gateway";

/// What an origin saw of a request: its product, its data centre and the fields.
struct Seen {
    product: String,
    place: String,
    headers: Value,
}

impl Seen {
    fn read(status: u16, body: &[u8]) -> Self {
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(body));
        let seen: Value = serde_json::from_slice(body).unwrap();
        let text = |name: &str| seen[name].as_str().unwrap().to_owned();
        Self {
            product: text("upstream"),
            place: text("origin"),
            headers: seen["headers"].clone(),
        }
    }

    fn at(&self) -> (&str, &str) {
        (&self.product, &self.place)
    }
}

struct Bank {
    stage: Stage,
    edge: Runtime,
    /// The same program as at the edge, for callers between the meshes.
    internal: Runtime,
}

impl Bank {
    async fn open() -> Self {
        let policy = root().join("../examples/bank");
        let stage = Stage::new(&policy, Apart::Ports).await.unwrap();
        Self {
            edge: Runtime::native(&stage).await.unwrap(),
            internal: Runtime::native(&stage).await.unwrap(),
            stage,
        }
    }

    /// The connector before the first origin of an upstream.
    fn connector(&self, upstream: &str) -> SocketAddr {
        let mut upstreams = self.stage.tables.upstreams.iter();
        let upstream = upstreams.find(|one| one.name == upstream).unwrap();
        let port = upstream.origins[0].url.rsplit(':').next().unwrap();
        SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()))
    }

    fn request(&self, customer: &str, path: &str) -> Request<Full<Bytes>> {
        let scopes = ["accounts:read".to_owned(), "orders:write".to_owned()];
        let token = self
            .stage
            .credentials
            .token(0, customer, &scopes, Map::new(), false);
        Request::get(path)
            .header("host", HOST)
            .header("authorization", format!("Bearer {}", token.unwrap()))
            .header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"))
            .body(Full::default())
            .unwrap()
    }

    async fn mobile(&self, customer: &str, path: &str) -> Seen {
        let request = self.request(customer, path);
        let answer = client::exchange(self.edge.address(), request)
            .await
            .unwrap();
        Seen::read(answer.status, &answer.body)
    }

    /// Asks until an origin of the place answers; what is under way when a data centre goes dark
    /// may be lost.
    async fn moved(&self, path: &str, place: &str) {
        let moved = async {
            loop {
                let request = self.request("mover", path);
                let answer = client::exchange(self.edge.address(), request)
                    .await
                    .unwrap();
                if answer.status == 200 && Seen::read(200, &answer.body).place == place {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), moved)
            .await
            .unwrap();
    }
}

/// TLS with what a mesh gave a workload, and trust in that mesh alone.
async fn call(
    address: SocketAddr,
    identity: &Certificate,
    trusted_pem: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(trusted_pem.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![identity.der.clone()], identity.key())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(address).await?;
    let name = "localhost".try_into().unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// The trading workload asks for an account, through the door of its own mesh.
async fn settle(bank: &Bank, door: &Door) -> Seen {
    let (status, body) = ask(bank, door.address, "trading", &door.identity).await;
    Seen::read(status, &body)
}

/// Asks a connector of a mesh for an account.
async fn ask(
    bank: &Bank,
    connector: SocketAddr,
    mesh: &str,
    identity: &Certificate,
) -> (u16, Bytes) {
    let trusted = bank.stage.world.authority_pem(mesh).unwrap();
    let stream = call(connector, identity, &trusted).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let (mut parts, body) = bank.request("trading", "/v1/accounts/7").into_parts();
    parts.headers.remove("host");
    parts.uri = format!("https://{HOST}/v1/accounts/7").parse().unwrap();
    let response = sender.send_request(Request::from_parts(parts, body)).await;
    let (parts, body) = response.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), body)
}

/// The status, and the name of the problem.
fn problem((status, body): &(u16, Bytes)) -> (u16, String) {
    let problem: Value = serde_json::from_slice(body).unwrap();
    let kind = problem["type"].as_str().unwrap();
    let (_, name) = kind.rsplit_once([':', '/', '#']).unwrap();
    (*status, name.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_at_the_bank() {
    let mut bank = Bank::open().await;
    let to = bank.internal.address();
    let door = bank
        .stage
        .world
        .door("trading", SETTLEMENT, to)
        .await
        .unwrap();

    // Each product has a data centre that it prefers.
    assert_eq!(
        bank.mobile("alice", "/v1/accounts/7").await.at(),
        ("banking", "dc1")
    );
    assert_eq!(
        bank.mobile("alice", "/v1/orders/7").await.at(),
        ("trading", "dc2")
    );

    // From mesh to mesh: neither knows the other's authority, and both doors ask who is there.
    let seen = settle(&bank, &door).await;
    assert_eq!(seen.at(), ("banking", "dc1"));
    let client_cert = seen.headers["x-forwarded-client-cert"].as_str().unwrap();
    let vouched = "By=spiffe://banking.mesh.example/connector/dc1";
    assert!(client_cert.starts_with(vouched), "{client_cert}");
    assert!(client_cert.contains(&format!("URI={GATEWAY}")));
    let trace = seen.headers["traceparent"].as_str().unwrap();
    assert!(trace.starts_with(&format!("00-{TRACE}-")), "{trace}");
    let via = seen.headers["via"].as_str().unwrap();
    assert!(via.matches("tidegate").count() >= 2, "{via}");

    // Without the internal gateway there is no way: trading's certificates mean nothing in banking.
    let banking = bank.connector("banking");
    let authority = bank.stage.world.authority_pem("banking").unwrap();
    let refused = match call(banking, &door.identity, &authority).await {
        Ok(mut stream) => tokio::io::AsyncReadExt::read_u8(&mut stream).await.err(),
        Err(error) => Some(error),
    };
    let refused = refused.expect("a stranger was let in").to_string();
    assert!(refused.contains("alert"), "{refused}");

    // Connectors enforce their half of the policy: a neighbour in the mesh is not the gateway, and
    // who has the gateway's name alone cannot sign.
    let trading = bank.connector("trading");
    let neighbour = bank.stage.world.workload("trading", SETTLEMENT).unwrap();
    let answer = ask(&bank, trading, "trading", &neighbour).await;
    assert_eq!(problem(&answer), (403, "caller-refused".to_owned()));
    let namesake = bank.stage.world.workload("banking", GATEWAY).unwrap();
    let answer = ask(&bank, banking, "banking", &namesake).await;
    assert_eq!(
        problem(&answer),
        (403, "gateway-signature-invalid".to_owned())
    );

    // The first data centre goes dark.
    bank.stage.world.switch_off("dc1").await;
    bank.moved("/v1/accounts/7", "dc2").await;
    for customer in ["bob", "carol", "dan"] {
        assert_eq!(
            bank.mobile(customer, "/v1/accounts/7").await.at(),
            ("banking", "dc2")
        );
        assert_eq!(
            bank.mobile(customer, "/v1/orders/7").await.at(),
            ("trading", "dc2")
        );
    }
    assert_eq!(settle(&bank, &door).await.at(), ("banking", "dc2"));

    // It comes back, and the other one goes.
    bank.stage.world.switch_on("dc1").await.unwrap();
    bank.stage.world.switch_off("dc2").await;
    bank.moved("/v1/orders/7", "dc1").await;
    bank.moved("/v1/accounts/7", "dc1").await;
    assert_eq!(
        bank.mobile("erin", "/v1/orders/7").await.at(),
        ("trading", "dc1")
    );
    assert_eq!(settle(&bank, &door).await.at(), ("banking", "dc1"));
}
