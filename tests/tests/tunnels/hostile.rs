//! Who dials and should not, and who dials and behaves badly.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Response;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::authority::{Authority, Leaf};
use crate::program::patient;
use crate::scene::{Scene, ask, connector_id};

const ALPN: &str = "tidegate-tunnel/1";

/// The gateway's certificate has no host, so that these look at none.
fn config(leaf: Option<&Leaf>, protocol: &str) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(anyone::Anyone(provider)));
    let mut config = match leaf {
        None => config.with_no_client_auth(),
        Some(leaf) => config
            .with_client_auth_cert(vec![leaf.certificate.clone()], leaf.key())
            .unwrap(),
    };
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    Arc::new(config)
}

async fn dial(
    address: SocketAddr,
    leaf: Option<&Leaf>,
    protocol: &str,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = "gateway.example".try_into().unwrap();
    TlsConnector::from(config(leaf, protocol))
        .connect(name, stream)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_dial_is_refused_with_a_reason_each() {
    let mut scene = Scene::open(&["dc1"]).await;
    scene.revocations = true;
    let id = connector_id("dc1");
    let revoked = scene.mesh.issue(&id);
    scene.mesh.revoke(&[&revoked], &scene.path("mesh.crl"));
    let mut gateway = scene.gateway().await;
    let stranger = Authority::new().issue(&id);
    let nameless = scene.mesh.issue("connector.bank.example");
    let unwanted = scene.mesh.issue(&connector_id("dc9"));
    let good = scene.mesh.issue(&id);
    for (leaf, protocol, expected) in [
        (Some(&stranger), ALPN, "unknown-authority"),
        (Some(&revoked), ALPN, "revoked"),
        (Some(&nameless), ALPN, "no-identity"),
        (Some(&unwanted), ALPN, "unwanted"),
        (None, ALPN, "no-certificate"),
        (Some(&good), "h2", "protocol"),
    ] {
        // In TLS 1.3 a client learns with its first read that it was refused.
        let ended = match dial(gateway.tunnels, leaf, protocol).await {
            Err(_) => true,
            Ok(mut stream) => patient(stream.read(&mut [0; 64])).await.unwrap_or(0) == 0,
        };
        assert!(ended, "{expected}");
        let line = gateway.program.logged("tunnel refused").await;
        assert_eq!(line["reason"], expected);
    }
    let _connector = scene.connector_as(&good, "dc1", &[gateway.tunnels], 1);
    gateway.program.logged("tunnel open").await;
    assert_eq!(ask(gateway.address, "/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_is_revoked_is_cut_off() {
    let mut scene = Scene::open(&["dc1"]).await;
    scene.revocations = true;
    let leaf = scene.mesh.issue(&connector_id("dc1"));
    scene.mesh.revoke(&[], &scene.path("mesh.crl"));
    let mut gateway = scene.gateway().await;
    let mut connector = scene.connector_as(&leaf, "dc1", &[gateway.tunnels], 1);
    gateway.program.logged("tunnel open").await;
    assert_eq!(ask(gateway.address, "/").await.status, 200);
    scene.mesh.revoke(&[&leaf], &scene.path("mesh.crl"));
    let begun = Instant::now();
    let line = gateway.program.logged("tunnel closed").await;
    assert_eq!(line["cause"], "the connector is no longer let in");
    assert!(begun.elapsed() < Duration::from_secs(5));
    let line = connector.logged("no tunnel").await;
    assert_eq!(line["reason"], "refused");
    assert_eq!(ask(gateway.address, "/").await.status, 502);
}

/// What an HTTP/2 server begins with: SETTINGS with so many streams at once (RFC 9113 §6.5.2).
const SETTINGS: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x10";

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_dialling_connectors_are_bounded() {
    let mut scene = Scene::open(&["dc1", "dc2"]).await;
    scene.most = 40;
    let mut gateway = scene.gateway().await;
    let _connector = scene.connector("dc1", &[gateway.tunnels], 2);
    for _ in 0..2 {
        gateway.program.logged("tunnel open").await;
    }
    let (descriptors, memory) = (gateway.program.descriptors(), gateway.program.memory());
    let leaf = Arc::new(scene.mesh.issue(&connector_id("dc2")));
    let mut dialling = JoinSet::new();
    for _ in 0..1000 {
        let (leaf, address) = (leaf.clone(), gateway.tunnels);
        dialling.spawn(async move {
            let mut stream = dial(address, Some(&leaf), ALPN).await.ok()?;
            // Who is declined reads the end, and who is not the beginning of HTTP/2.
            let first = stream.fill_buf().await.ok()?;
            (!first.is_empty()).then(|| {
                let nothing =
                    service_fn(async |_| Ok::<_, Infallible>(Response::new(String::new())));
                let io = TokioIo::new(stream);
                let connection = http2::Builder::new(TokioExecutor::new());
                tokio::spawn(connection.serve_connection(io, nothing))
            })
        });
    }
    let dialled = tokio::time::timeout(Duration::from_secs(60), dialling.join_all());
    let dialled: Vec<_> = dialled.await.unwrap().into_iter().flatten().collect();
    // Whoever has a tunnel keeps it.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let open = dialled
        .iter()
        .filter(|tunnel| !tunnel.is_finished())
        .count();
    println!(
        "{open} tunnels of 1000, {} descriptors and {} KiB more",
        gateway.program.descriptors().saturating_sub(descriptors),
        gateway.program.memory().saturating_sub(memory)
    );
    assert_eq!((open, dialled.len()), (38, 38));
    // Two each, the connection and what can cut it.
    assert!(gateway.program.descriptors() <= descriptors + 2 * 38);
    assert!(gateway.program.memory() < memory + (32 << 10));
    assert_eq!(ask(gateway.address, "/").await.status, 200);
    for tunnel in dialled {
        tunnel.abort();
    }
    // There is room again.
    gateway.program.logged("tunnel closed").await;
    let _another = scene.connector("dc2", &[gateway.tunnels], 1);
    while gateway.program.logged("tunnel open").await["peer"].is_null() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_never_answers_gets_no_requests() {
    let mut scene = Scene::open(&["dc1"]).await;
    scene.ping = 1000;
    let mut gateway = scene.gateway().await;
    let leaf = scene.mesh.issue(&connector_id("dc1"));
    // It says nothing at all.
    let silent = dial(gateway.tunnels, Some(&leaf), ALPN).await.unwrap();
    assert_eq!(ask(gateway.address, "/").await.status, 502);
    // It begins, and then answers nothing: its requests fail, and it is found out.
    let mut dead = dial(gateway.tunnels, Some(&leaf), ALPN).await.unwrap();
    dead.write_all(SETTINGS).await.unwrap();
    dead.flush().await.unwrap();
    gateway.program.logged("tunnel open").await;
    let begun = Instant::now();
    // The idempotent request waits no longer than the tunnel lives.
    let answer = ask(gateway.address, "/").await;
    assert!(matches!(answer.status, 502 | 504), "{}", answer.status);
    gateway.program.logged("tunnel closed").await;
    assert!(begun.elapsed() < Duration::from_secs(6));
    drop((silent, dead));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_floods_loses_its_tunnel_and_nothing_else() {
    let scene = Scene::open(&["dc1", "dc2"]).await;
    let mut gateway = scene.gateway().await;
    let _connector = scene.connector("dc1", &[gateway.tunnels], 1);
    gateway.program.logged("tunnel open").await;
    let memory = gateway.program.memory();
    let leaf = scene.mesh.issue(&connector_id("dc2"));
    // RFC 9113 §6: PING, SETTINGS, data of a stream that nobody has opened, and what is no frame.
    let ping = b"\0\0\x08\x06\0\0\0\0\0abcdefgh".to_vec();
    let settings = b"\0\0\0\x04\0\0\0\0\0".to_vec();
    let data = b"\0\0\x04\0\0\0\0\0\x01data".to_vec();
    for frame in [ping, settings, data, vec![b'x'; 4096]] {
        let mut stream = dial(gateway.tunnels, Some(&leaf), ALPN).await.unwrap();
        stream.write_all(SETTINGS).await.unwrap();
        let flood = frame.repeat(16_384 / frame.len() + 1);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(2) {
            let written =
                tokio::time::timeout(Duration::from_millis(500), stream.write_all(&flood));
            if !matches!(written.await, Ok(Ok(()))) {
                break;
            }
        }
        assert_eq!(ask(gateway.address, "/").await.status, 200);
    }
    let grown = gateway.program.memory().saturating_sub(memory);
    assert!(grown < 16 << 10, "{grown} KiB");
}

mod anyone {
    //! A server of any name.

    use std::sync::Arc;

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    #[derive(Debug)]
    pub(super) struct Anyone(pub(super) Arc<CryptoProvider>);

    impl ServerCertVerifier for Anyone {
        fn verify_server_cert(
            &self,
            _end_entity: &CertificateDer<'_>,
            _intermediates: &[CertificateDer<'_>],
            _server_name: &ServerName<'_>,
            _ocsp_response: &[u8],
            _now: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.0.signature_verification_algorithms;
            verify_tls12_signature(message, cert, dss, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.0.signature_verification_algorithms;
            verify_tls13_signature(message, cert, dss, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
