//! What stands for Cloudflare in front of the Worker: it ends TLS, verifies the certificate of whoever
//! has one, and tells the Worker of it, in a field that nobody else can set.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tidegate_shared::digest::Digest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::authority::Authority;

/// In which the Worker is told, as JSON.
pub(crate) const PLATFORM: &str = "test-cf";

/// The host of the Worker.
pub(crate) const HOST: &str = "edge.bank.example";

pub(crate) struct Edge {
    pub(crate) address: SocketAddr,
    cuts: watch::Sender<usize>,
    revoked: Arc<AtomicBool>,
}

impl Edge {
    /// With a certificate of `web`, before the Worker at an address; connectors' authority is `mesh`.
    pub(crate) async fn start(web: &Authority, mesh: &Authority, worker: SocketAddr) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(mesh.certificate()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .allow_unauthenticated()
                .build()
                .unwrap();
        let leaf = web.issue(HOST);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![leaf.certificate.clone()], leaf.key())
            .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cuts, revoked) = (watch::Sender::new(0), Arc::new(AtomicBool::new(false)));
        let (state, gone) = (cuts.subscribe(), revoked.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, mut state, gone) = (acceptor.clone(), state.clone(), gone.clone());
                state.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let revoked = gone.load(Ordering::Relaxed);
                    tokio::select! {
                        _ = state.changed() => {}
                        () = pass(stream, worker, revoked) => {}
                    }
                });
            }
        });
        Self {
            address,
            cuts,
            revoked,
        }
    }

    /// Breaks all connections off.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Whether every certificate is revoked, from the next connection on.
    pub(crate) fn revoke(&self, revoked: bool) {
        self.revoked.store(revoked, Ordering::Relaxed);
    }
}

/// Passes one connection on, whose first head gets the field.
async fn pass(mut client: TlsStream<TcpStream>, worker: SocketAddr, revoked: bool) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            Ok(octet) if head.len() < 65_536 => head.push(octet),
            Ok(_) | Err(_) => return,
        }
    }
    let told = told(&client, revoked);
    let head = String::from_utf8(head).unwrap();
    let own = format!("{PLATFORM}:");
    let lines = head
        .lines()
        .filter(|line| !line.to_ascii_lowercase().starts_with(&own));
    let mut lines: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    let told = format!("{own} {told}");
    lines.push(&told);
    let head = lines.join("\r\n") + "\r\n\r\n";
    let Ok(mut server) = TcpStream::connect(worker).await else {
        return;
    };
    server.set_nodelay(true).unwrap();
    server.write_all(head.as_bytes()).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

fn told(client: &TlsStream<TcpStream>, revoked: bool) -> Value {
    let chain = client.get_ref().1.peer_certificates();
    let Some(leaf) = chain.and_then(<[_]>::first) else {
        return json!({ "tlsClientAuth": { "certPresented": "0", "certVerified": "NONE" } });
    };
    let fingerprint = Digest::of(leaf).to_string().replace("sha256:", "");
    json!({ "tlsClientAuth": {
        "certPresented": "1",
        "certVerified": "SUCCESS",
        "certRevoked": if revoked { "1" } else { "0" },
        "certFingerprintSHA256": fingerprint,
        "certRFC9440": format!(":{}:", STANDARD.encode(leaf)),
    } })
}
