//! TLS with clients, and what their certificates are good for.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{Claims, Duration, HS256Key, MACLike};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::json;
use tidegate_edge_native::TlsFiles;
use tidegate_shared::digest::Digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::kit::{Running, SECRET, bundle};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    named("authority")
}

/// An authority whose name is this one.
fn named(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for `a.example`, and its key.
struct Leaf(rcgen::Certificate, KeyPair);

impl Leaf {
    fn of(authority: &Authority) -> Self {
        Self::named("a.example", authority)
    }

    fn named(name: &str, authority: &Authority) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        Self(params.signed_by(&key, authority).unwrap(), key)
    }

    fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    fn write(&self, folder: &Path) {
        std::fs::write(folder.join("certificate.pem"), self.0.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), self.1.serialize_pem()).unwrap();
    }
}

/// A folder with a listener's files.
fn files(folder: &Path, server: &Leaf, clients: &Authority) -> TlsFiles {
    server.write(folder);
    let authorities = folder.join("authorities.pem");
    std::fs::write(&authorities, clients.pem()).unwrap();
    TlsFiles {
        certificate: folder.join("certificate.pem"),
        key: folder.join("key.pem"),
        client_authorities: Some(authorities),
    }
}

async fn connect(
    address: SocketAddr,
    trusted: &Authority,
    client: Option<&Leaf>,
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some(leaf) => {
            let key = PrivateKeyDer::try_from(leaf.1.serialize_der()).unwrap();
            builder
                .with_client_auth_cert(vec![leaf.der()], key)
                .unwrap()
        }
    };
    let name = ServerName::try_from("a.example").unwrap();
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// The status of an answer.
async fn status(stream: &mut TlsStream<TcpStream>, path: &str, token: &str) -> io::Result<String> {
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: a.example\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    Ok(answer.split(' ').nth(1).unwrap_or_default().to_owned())
}

fn token(bound_to: &Leaf) -> String {
    let thumbprint = URL_SAFE_NO_PAD.encode(Digest::of(&bound_to.der()).0);
    let claims = json!({ "cnf": { "x5t#S256": thumbprint } });
    let claims = Claims::with_custom_claims(claims, Duration::from_mins(5))
        .with_issuer("https://id.example")
        .with_audience("sockets")
        .with_subject("alice");
    HS256Key::from_bytes(SECRET).authenticate(claims).unwrap()
}

/// RFC 8705 §3.
#[tokio::test]
async fn a_bound_token_comes_over_its_certificates_connection() {
    let (servers, clients) = (authority(), authority());
    let (own, other) = (Leaf::of(&clients), Leaf::of(&clients));
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &Leaf::of(&servers), &clients);
    let gateway = Running::start_with(Some(files), &bundle(&[], "")).await;
    let bound = token(&own);
    for (client, expected) in [(Some(&own), "200"), (Some(&other), "401"), (None, "401")] {
        let mut stream = connect(gateway.address, &servers, client).await.unwrap();
        let found = status(&mut stream, "/bound", &bound).await.unwrap();
        assert_eq!(found, expected);
        assert_eq!(status(&mut stream, "/reply", "").await.unwrap(), "200");
    }
    // In TLS 1.3 a client is told with its first read that its certificate was refused.
    let stranger = Leaf::of(&authority());
    let refused = match connect(gateway.address, &servers, Some(&stranger)).await {
        Err(_) => true,
        Ok(mut stream) => {
            let found = status(&mut stream, "/reply", "").await;
            found.is_err() || found.is_ok_and(|status| status.is_empty())
        }
    };
    assert!(refused);
}

#[tokio::test]
async fn a_certificate_alone_says_who_calls() {
    let (servers, clients, others) = (authority(), named("clients"), named("others"));
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path(), &Leaf::of(&servers), &clients);
    let both = folder.path().join("both.pem");
    std::fs::write(&both, clients.pem() + &others.pem()).unwrap();
    files.client_authorities = Some(both);
    let mut gateway = Running::start_with(Some(files), &bundle(&[], "")).await;
    let (own, stranger) = (Leaf::of(&clients), Leaf::named("b.example", &clients));
    // Of an authority that the listener trusts and the policy does not name.
    let foreign = Leaf::of(&others);
    for (client, expected, problem) in [
        (Some(&own), "200", None),
        (Some(&stranger), "401", Some("credential-invalid")),
        (Some(&foreign), "401", Some("credential-invalid")),
        (None, "401", Some("credential-missing")),
    ] {
        let mut stream = connect(gateway.address, &servers, client).await.unwrap();
        // With the second request on the connection as with the first.
        for _ in 0..2 {
            let found = status(&mut stream, "/certificate", "").await.unwrap();
            assert_eq!(found, expected);
            let record = gateway.records.recv().await.unwrap();
            assert_eq!(record.problem, problem);
            let consumer = problem.is_none().then_some("depot");
            assert_eq!(record.consumer.as_deref(), consumer);
        }
    }
}

#[tokio::test]
async fn changed_files_are_used_for_the_connections_that_begin_then() {
    let (before, after) = (authority(), authority());
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &Leaf::of(&before), &authority());
    let gateway = Running::start_with(Some(files), &bundle(&[], "")).await;
    let mut open = connect(gateway.address, &before, None).await.unwrap();
    Leaf::of(&after).write(folder.path());
    let renewed = async {
        while connect(gateway.address, &after, None).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let patience = std::time::Duration::from_secs(30);
    tokio::time::timeout(patience, renewed).await.unwrap();
    assert_eq!(status(&mut open, "/reply", "").await.unwrap(), "200");
    // What cannot be used changes nothing.
    std::fs::write(folder.path().join("key.pem"), "no key").unwrap();
    assert!(connect(gateway.address, &after, None).await.is_ok());
}
